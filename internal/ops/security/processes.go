package security

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/process"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// shells are programs that carry out what they are told.
var shells = []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "fish", "csh", "tcsh", "rbash", "busybox"}

// open are the folders into which everybody may write: no program that belongs on the machine runs from there.
var open = []string{"/tmp/", "/var/tmp/", "/dev/shm/"}

// program is a process with what the kernel says of it.
type program struct {
	pid, parent int
	uid         int
	exe         string // the file that runs; empty: the kernel does not tell us
	gone        bool   // that file was deleted
	name        string // of the process, which it may change
	age         time.Duration
	main        bool // a container is there for it
}

// called is the program's name: that of its file, since a process gives itself any other.
func (p *program) called() string {
	if p.exe == "" {
		return p.name
	}
	return path.Base(p.exe)
}

// processes holds every process against three rules: a shell under a service's account, a program whose file is gone, a program that
// runs from where everybody may write. Threads of the kernel and processes that have ended have no program and are left out.
func (s *scene) processes(ctx context.Context) []health.Finding {
	all, hidden, err := s.programs(ctx)
	if err != nil {
		return []health.Finding{unchecked("unseen", health.Facts{Text: err.Error()})}
	}
	found := few(s.judge(ctx, all))
	if len(found) == 0 {
		found = append(found, ok("processes.fine", health.Facts{Count: len(all)}))
	}
	if hidden > 0 {
		found = append(found, unchecked("processes.hidden", health.Facts{Count: hidden, Total: len(all)}))
	}
	return found
}

// judge holds processes against the rules, by pid.
func (s *scene) judge(ctx context.Context, all map[int]*program) []health.Finding {
	inside := s.containersOf(ctx, all)
	known := s.accounts()
	var found []health.Finding
	for _, pid := range slices.Sorted(maps.Keys(all)) {
		p := all[pid]
		found = append(found, s.file(p, inside[pid], known)...)
		if f, suspect := s.shell(p, all, inside, known); suspect {
			found = append(found, f)
		}
	}
	return found
}

// programs lists the processes by pid, and counts those whose program only root may see.
func (s *scene) programs(ctx context.Context) (all map[int]*program, hidden int, err error) {
	list, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return nil, 0, err
	}
	all = map[int]*program{}
	for _, p := range list {
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		exe, err := p.ExeWithContext(ctx)
		switch {
		case errors.Is(err, fs.ErrPermission):
			hidden++
		case err != nil: // of the kernel, or ended
			continue
		}
		uids, err := p.UidsWithContext(ctx)
		if err != nil || len(uids) < 2 {
			continue
		}
		x := &program{pid: int(p.Pid), uid: int(uids[1]), exe: exe} // the effective one
		x.name, _ = p.NameWithContext(ctx)
		if parent, err := p.PpidWithContext(ctx); err == nil {
			x.parent = int(parent)
		}
		if at, err := p.CreateTimeWithContext(ctx); err == nil {
			x.age = max(0, time.Since(time.UnixMilli(at)))
		}
		x.settle()
		all[x.pid] = x
	}
	return all, hidden, nil
}

// settle finds out whether the program's file is gone. A file may be called so as well: the kernel counts its names.
func (p *program) settle() {
	name, marked := strings.CutSuffix(p.exe, " (deleted)")
	if !marked {
		return
	}
	if n, err := names(proc(strconv.Itoa(p.pid), "exe")); err != nil || n == 0 {
		p.exe, p.gone = name, true
	}
}

// file judges where a program's file is.
func (s *scene) file(p *program, in string, known map[int]account) []health.Finding {
	f := s.about(p, in, known)
	var out []health.Finding
	if slices.ContainsFunc(open, func(dir string) bool { return strings.HasPrefix(p.exe, dir) }) {
		out = append(out, failed("processes.open", f))
	}
	switch {
	case !p.gone:
	case strings.HasPrefix(p.exe, "/memfd:"):
		if p.age >= s.young { // the engine starts containers so
			out = append(out, failed("processes.memory", f))
		}
	default:
		if _, err := os.Stat(proc(strconv.Itoa(p.pid), "root", p.exe)); err == nil {
			out = append(out, warn("processes.replaced", f)) // by an update: the old program still runs
		} else {
			out = append(out, failed("processes.deleted", f))
		}
	}
	return out
}

// shell judges whether a process is a shell that no service needs. In a container every shell is, beside its main process, that a program
// started or that is not root's: people's shells and healthchecks there come from the engine.
func (s *scene) shell(p *program, all map[int]*program, inside map[int]string, known map[int]account) (health.Finding, bool) {
	if !slices.Contains(shells, p.called()) || p.age < s.young {
		return health.Finding{}, false
	}
	parent := all[p.parent]
	f := s.about(p, inside[p.pid], known)
	if parent != nil {
		f.Text = parent.called()
	}
	in := inside[p.pid]
	switch {
	case in == "":
		a, named := known[p.uid]
		if !named && p.uid != nobody || named && !a.service() {
			return health.Finding{}, false
		}
		if f.Text == "cron" || f.Text == "crond" {
			return warn("processes.shell", f), true
		}
	case parent == nil || inside[parent.pid] != in:
		if p.uid == 0 || p.main {
			return health.Finding{}, false
		}
	case slices.Contains(shells, parent.called()):
		return health.Finding{}, false // a part of the script that the container is
	}
	return failed("processes.shell", f), true
}

// about are the facts of a process: never its command line, which may hold secrets.
func (s *scene) about(p *program, in string, known map[int]account) health.Facts {
	user := strconv.Itoa(p.uid)
	if a, there := known[p.uid]; there && in == "" { // in a container the numbers mean others
		user = a.name
	}
	word := p.exe
	if word == "" {
		word = p.name
	}
	return health.Facts{Word: word, Count: p.pid, Age: p.age, Account: user, Where: in}
}

// containersOf tells which processes run in which container. What belongs to no container that the engine names is the machine's, also
// where the engine is away, which is told elsewhere: then it is judged like that.
func (s *scene) containersOf(ctx context.Context, all map[int]*program) map[int]string {
	out := map[int]string{}
	list, err := s.exposures(ctx)
	if err != nil {
		return out
	}
	for pid, r := range s.residents() {
		i := slices.IndexFunc(list, func(x docker.Exposure) bool { return x.ID == r.container })
		if p := all[pid]; p != nil && i >= 0 {
			out[pid], p.main = list[i].Name, r.main
		}
	}
	return out
}
