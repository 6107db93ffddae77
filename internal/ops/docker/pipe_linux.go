package docker

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pipeDir is the one folder that can be written to in every container, also where its root is read-only. It is in memory and goes with it.
	pipeDir    = "dev/shm"
	pipePrefix = ".notebookbot-"
	// pipeRoom is how many bytes a pipe holds, which is as many as the kernel gives who is not root: fewer turns of both ends.
	pipeRoom = 1 << 20
	// pipeStale is when a pipe is taken for one that a dead process left: no program runs so long.
	pipeStale = 24 * time.Hour
	// pipeMode lets the program write whoever it runs as; those who run as root in there can read the database anyway.
	pipeMode = 0o622
)

// pipe is a named pipe inside a container, both ends of which are held here too: so it neither ends before its program has opened it, nor lets
// an end here wait for a program that never does.
type pipe struct {
	name string // in the container
	r, w *os.File
	dir  *os.Root
}

// openPipe makes a pipe in a container by way of the kernel's view of it. It is an error where this process does not see the container's processes
// (another machine, a container of our own) or may not look into them (it is not root).
func (e *Engine) openPipe(id string) (_ *pipe, err error) {
	if !strings.HasPrefix(e.cfg.Host, "unix://") {
		return nil, errors.New("the engine is on another machine")
	}
	root, err := rootOf(id)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // Nothing was written to it.
	p := &pipe{}
	// Of what is in a container nothing leads out of it: os.Root follows no link that would.
	if p.dir, err = root.OpenRoot(pipeDir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	base := pipePrefix + rand.Text()
	if err := p.make(base); err != nil {
		return nil, err
	}
	p.name = "/" + pipeDir + "/" + base
	if p.r, err = p.dir.OpenFile(base, os.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
		return nil, err
	}
	if p.w, err = p.dir.OpenFile(base, os.O_WRONLY|unix.O_NONBLOCK, 0); err != nil {
		return nil, err
	}
	info, err := p.r.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return nil, fmt.Errorf("%s is no pipe any more", p.name)
	}
	_ = control(p.w, func(fd int) error { _, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeRoom); return err }) // it is slower without
	return p, nil
}

// make makes the pipe, and sees to those that dead processes have left: a program that was about to open one waits for its other end, and goes once
// that was there. One that is in use takes no notice.
func (p *pipe) make(base string) error {
	d, err := p.dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // Nothing was written to it.
	found, err := d.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, x := range found {
		info, err := x.Info()
		if err != nil || !strings.HasPrefix(x.Name(), pipePrefix) || info.Mode()&fs.ModeNamedPipe == 0 {
			continue
		}
		if f, err := p.dir.OpenFile(x.Name(), os.O_RDWR|unix.O_NONBLOCK, 0); err == nil {
			_ = f.Close()
		}
		if time.Since(info.ModTime()) > pipeStale {
			_ = p.dir.Remove(x.Name())
		}
	}
	info, err := d.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the folder has no owner")
	}
	return control(d, func(fd int) error {
		if err := unix.Mkfifoat(fd, base, pipeMode); err != nil {
			return err
		}
		// The mask of this process does not count, and in a folder of everybody only a pipe of the folder's own owner is written to.
		return errors.Join(unix.Fchmodat(fd, base, pipeMode, 0), unix.Fchownat(fd, base, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW))
	})
}

// unread is how many bytes are in the pipe.
func (p *pipe) unread() int {
	n := 0
	if err := control(p.r, func(fd int) (err error) { n, err = unix.IoctlGetInt(fd, unix.TIOCINQ); return err }); err != nil {
		return 0
	}
	return n
}

func (p *pipe) close() {
	for _, f := range []*os.File{p.w, p.r} {
		if f != nil {
			_ = f.Close()
		}
	}
	if p.name != "" {
		_ = p.dir.Remove(filepath.Base(p.name))
	}
	_ = p.dir.Close()
}

// rootOf opens the root of a container, by any of its processes.
func rootOf(id string) (*os.Root, error) {
	found, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return nil, err
	}
	inside := func(name string) bool {
		b, err := os.ReadFile(name) //nolint:gosec // The kernel's own list.
		return err == nil && bytes.Contains(b, []byte(id))
	}
	for _, name := range found {
		if !inside(name) {
			continue
		}
		root, err := os.OpenRoot(filepath.Join(filepath.Dir(name), "root"))
		if err != nil {
			return nil, err
		}
		if inside(name) { // the number was not given to another process meanwhile
			return root, nil
		}
		_ = root.Close()
	}
	return nil, errors.New("no process of the container is seen here")
}

func control(f *os.File, do func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = c.Control(func(fd uintptr) { inner = do(int(fd)) })
	return errors.Join(err, inner)
}
