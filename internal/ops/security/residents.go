package security

import (
	"bufio"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// resident is a process in a container.
type resident struct {
	container string // its id
	main      bool   // the process that the container is for
	uid       int    // the effective one, as the machine counts accounts
}

// containerID is how an engine names the group of processes that a container is.
var containerID = regexp.MustCompile(`[0-9a-f]{64}`)

// residents finds the processes that run in containers, by pid. The kernel says which group a process belongs to; an engine that counts
// processes in a space of its own would name other ones.
func residents() map[int]resident {
	out := map[int]resident{}
	entries, err := os.ReadDir(proc())
	if err != nil {
		return out
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(proc(e.Name(), "cgroup"))
		if err != nil {
			continue // it has ended
		}
		ids := containerID.FindAllString(string(groups), -1)
		if len(ids) == 0 {
			continue
		}
		r := resident{container: ids[len(ids)-1], uid: -1}
		r.read(proc(e.Name(), "status"))
		out[pid] = r
	}
	return out
}

// read fills in what the kernel's status of a process says: whose it is, and whether it is the first of its space.
func (r *resident) read(status string) {
	f, err := os.Open(status) //nolint:gosec // A file of the kernel's.
	if err != nil {
		return
	}
	defer f.Close() //nolint:errcheck // It was only read.
	for sc := bufio.NewScanner(f); sc.Scan(); {
		fields := strings.Fields(sc.Text())
		switch {
		case len(fields) > 2 && fields[0] == "Uid:":
			if uid, err := strconv.Atoi(fields[2]); err == nil {
				r.uid = uid
			}
		case len(fields) > 2 && fields[0] == "NSpid:": // one number for each space, the innermost last
			r.main = slices.Index(fields[2:], "1") == len(fields)-3
		}
	}
}
