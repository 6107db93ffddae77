package security

import (
	"bufio"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// account is a line of /etc/passwd.
type account struct {
	name  string
	uid   int
	shell string
}

// services are the accounts of services that have a login shell on some systems all the same.
var services = []string{
	"www-data", "postgres", "redis", "nginx", "nobody", "mysql", "mongodb", "memcache", "rabbitmq", "apache", "httpd", "caddy", "haproxy",
	"prometheus", "alertmanager", "grafana", "elasticsearch", "git",
}

// service tells whether the account is a service's: nobody logs in with it.
func (a account) service() bool {
	shell := path.Base(a.shell)
	return a.uid != 0 && (slices.Contains(services, a.name) || a.uid == nobody || a.uid < firstPerson && (shell == "nologin" || shell == "false"))
}

const (
	firstPerson = 1000 // accounts of people begin here
	nobody      = 65534
)

// accounts reads a file of the form of /etc/passwd; lines of another form are left out.
func accounts(r io.Reader) map[int]account {
	out := map[int]account{}
	for sc := bufio.NewScanner(r); sc.Scan(); {
		f := strings.Split(sc.Text(), ":")
		if len(f) != 7 {
			continue
		}
		uid, err := strconv.Atoi(f[2])
		if _, known := out[uid]; err == nil && uid >= 0 && !known {
			out[uid] = account{name: f[0], uid: uid, shell: f[6]}
		}
	}
	return out
}

// accounts are those of the machine. Without the file there are none that are known by name.
func (s *scene) accounts() map[int]account {
	f, err := os.Open(s.path("/etc/passwd"))
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // It was only read.
	return accounts(f)
}

// members are the people of a group who stand in /etc/group.
func (s *scene) members(group string) []string {
	f, err := os.Open(s.path("/etc/group"))
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // It was only read.
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if parts := strings.Split(sc.Text(), ":"); len(parts) == 4 && parts[0] == group && parts[3] != "" {
			return strings.Split(parts[3], ",")
		}
	}
	return nil
}
