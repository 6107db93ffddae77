package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Found is an entry that Walk came to.
type Found struct {
	Entry
	Stamp Stamp // of a file

	root  *os.Root
	local string // its name below root
}

// Walked is what Walk could not give.
type Walked struct {
	Missing []string // names that are not there
	LeftOut []string // neither file, folder nor a link that stays inside; at most a hundred are named
	Left    int64    // how many were left out
}

const mostNamed = 100

func (w *Walked) leave(name, why string) {
	if w.Left++; len(w.LeftOut) < mostNamed {
		w.LeftOut = append(w.LeftOut, name+": "+why)
	}
}

// Walk visits what stands below names, which are relative to the folder base, in the order of an archive. A name may itself be a
// link to a folder or a file anywhere: whoever configured it means what is there. Below it no link is followed. What lies in the
// folders of not, which are absolute, is passed over.
func Walk(ctx context.Context, base string, names, not []string, visit func(*Found) error) (*Walked, error) {
	w := &Walked{}
	for _, name := range topmost(names) {
		if err := w.top(ctx, base, name, not, visit); err != nil {
			return w, err
		}
	}
	return w, nil
}

// topmost cleans names, sorts them, and drops those that stand below another.
func topmost(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, path.Clean(filepath.ToSlash(n)))
	}
	slices.SortFunc(out, Compare)
	var kept []string
	for _, n := range out {
		if len(kept) > 0 && (n == kept[len(kept)-1] || strings.HasPrefix(n, kept[len(kept)-1]+"/") || kept[0] == ".") {
			continue
		}
		if n == "." {
			return []string{"."}
		}
		kept = append(kept, n)
	}
	return kept
}

func (w *Walked) top(ctx context.Context, base, name string, not []string, visit func(*Found) error) error {
	if name != "." {
		if err := CheckPath(name); err != nil {
			return err
		}
	}
	full, err := filepath.EvalSymlinks(filepath.Join(base, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		w.Missing = append(w.Missing, name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	info, err := os.Stat(full)
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	dir, start := full, "."
	if !info.IsDir() {
		dir, start = filepath.Split(full)
	}
	root, err := os.OpenRoot(cmp.Or(dir, "/"))
	if err != nil {
		return fmt.Errorf("open %s: %w", name, err)
	}
	defer root.Close() //nolint:errcheck // It was only read.
	return fs.WalkDir(root.FS(), start, func(local string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		at := name
		if start == "." {
			at = path.Join(name, local)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went while we walked
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", at, err)
		}
		if d.IsDir() && slices.Contains(not, filepath.Join(full, filepath.FromSlash(local))) {
			return fs.SkipDir
		}
		if at == "." {
			return nil
		}
		return w.visit(root, local, at, visit)
	})
}

// visit looks at one thing and passes it on.
func (w *Walked) visit(root *os.Root, local, at string, visit func(*Found) error) error {
	info, err := root.Lstat(local)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", at, err)
	}
	f := &Found{root: root, local: local}
	f.Entry, f.Stamp = entryOf(at, info)
	switch {
	case info.Mode().IsRegular():
		f.Kind = File
	case info.IsDir():
		f.Kind, f.Size = Folder, 0
	case info.Mode()&fs.ModeSymlink != 0:
		f.Kind, f.Size = Link, 0
		if f.Target, err = root.Readlink(local); err != nil {
			return fmt.Errorf("read the link %s: %w", at, err)
		}
		if err := CheckTarget(at, f.Target); err != nil {
			w.leave(at, "a link that leads out of the folder")
			return nil
		}
	default:
		w.leave(at, "neither file, folder nor link")
		return nil
	}
	return visit(f)
}
