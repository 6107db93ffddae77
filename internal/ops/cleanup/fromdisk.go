package cleanup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// files removes files and empty folders below the folder that was listed.
type files struct{ *tree }

// files opens the folder that was listed. Another one at its place is refused.
func (k *Kind) files(_ context.Context, l List) (remover, error) {
	t, err := openTree(l.Root)
	if err != nil {
		return nil, err
	}
	if t.id != l.At {
		t.close()
		return nil, fmt.Errorf("%s is another folder than the one that was approved", l.Root)
	}
	return files{t}, nil
}

// find opens the folder of an item and looks at the item in it. The handle is on that very folder: whatever is put in its place
// afterwards is not reached by it. Nil: it is gone.
func (f files) find(i Item) (parent *os.Root, base string, err error) {
	if i.File == nil || !filepath.IsLocal(i.Name) {
		return nil, "", fmt.Errorf("%q is no file of %s", i.Name, f.path)
	}
	dir, base := path.Split(path.Clean(i.Name))
	parent, err = f.root.OpenRoot(path.Clean("./" + dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, "", err
	}
	if err != nil { // no folder, or a link that leads out
		return nil, "", fmt.Errorf("%w: its folder is another one: %w", ErrKept, err)
	}
	info, err := parent.Lstat(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", parent.Close()
	}
	if err != nil {
		return nil, "", errors.Join(err, parent.Close())
	}
	id, _ := identityOf(info)
	switch {
	case id != *i.File:
		err = fmt.Errorf("%w: something else is in its place", ErrKept)
	case !id.Dir && !info.ModTime().Equal(i.At):
		err = fmt.Errorf("%w: it was written to", ErrKept)
	case f.open[id]:
		err = fmt.Errorf("%w: a program has it open", ErrKept)
	}
	if err != nil {
		return nil, "", errors.Join(err, parent.Close())
	}
	return parent, base, nil
}

func (f files) there(_ context.Context, i Item) (bool, error) {
	parent, _, err := f.find(i)
	if errors.Is(err, ErrKept) {
		return false, nil
	}
	if parent == nil || err != nil {
		return false, err
	}
	return true, parent.Close()
}

func (f files) remove(_ context.Context, i Item) (bool, error) {
	parent, base, err := f.find(i)
	if parent == nil || err != nil {
		return false, err
	}
	defer parent.Close() //nolint:errcheck // A folder that was only looked into.
	err = parent.Remove(base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.EEXIST):
		return false, fmt.Errorf("%w: there is something in it that was not approved", ErrKept)
	case err != nil:
		return false, err
	}
	return true, nil
}

// openFiles are the files that programs hold open, as far as the system tells us: a log that is removed under a program's hands takes
// all that the program still writes with it. Empty where the system does not tell.
func openFiles() map[Identity]bool {
	out := map[Identity]bool{}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return out
	}
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		dir := "/proc/" + p.Name() + "/fd"
		fds, err := os.ReadDir(dir)
		if err != nil {
			continue // it ended, or it is somebody else's
		}
		for _, fd := range fds {
			name := dir + "/" + fd.Name()
			if to, err := os.Readlink(name); err != nil || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "/dev/") {
				continue // a socket or a pipe
			}
			if info, err := os.Stat(name); err == nil {
				if id, ok := identityOf(info); ok {
					out[id] = true
				}
			}
		}
	}
	return out
}
