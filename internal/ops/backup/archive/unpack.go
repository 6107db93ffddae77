package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Tree is a folder that is being filled from archives. Nothing is ever written outside of it: every name is opened from the folder
// itself, and no link of the archives is followed.
type Tree struct {
	root    *os.Root
	owners  bool    // we may give files to others
	folders []Entry // their rights and times are set last, since filling a folder changes them
	last    string  // folder that was made sure of last

	Files int64
	Bytes int64
}

// OpenTree opens a folder to fill. It must be there, and better be empty.
func OpenTree(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return &Tree{root: root, owners: os.Geteuid() == 0}, nil
}

// Owners tells whether owners are kept: only root may give files to others.
func (t *Tree) Owners() bool { return t.owners }

// Put makes one entry and gives the sha256 of what was written. A file or link that stands there already is replaced.
func (t *Tree) Put(ctx context.Context, e Entry, content io.Reader) (hash string, err error) {
	if err := CheckPath(e.Path); err != nil {
		return "", err
	}
	if err := t.parent(path.Dir(e.Path)); err != nil {
		return "", err
	}
	switch e.Kind {
	case Folder:
		return "", t.folder(e)
	case Link:
		return "", t.link(e)
	case File:
		return t.file(ctx, e, content)
	}
	return "", fmt.Errorf("%w: %q is neither file, folder nor link", ErrRefused, e.Path)
}

// parent makes sure that a folder and all above it are real folders.
func (t *Tree) parent(dir string) error {
	if dir == "." || dir == t.last {
		return nil
	}
	at := ""
	for step := range strings.SplitSeq(dir, "/") {
		at = path.Join(at, step)
		info, err := t.root.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := t.root.Mkdir(at, 0o755); err != nil {
				return fmt.Errorf("make the folder %s: %w", at, err)
			}
		case err != nil:
			return fmt.Errorf("look at %s: %w", at, err)
		case !info.IsDir():
			return fmt.Errorf("%w: %q goes through %q, which is no folder", ErrRefused, dir, at)
		}
	}
	t.last = dir
	return nil
}

func (t *Tree) folder(e Entry) error {
	if err := t.parent(e.Path); err != nil {
		return err
	}
	t.folders = append(t.folders, e)
	return nil
}

// clear removes a file or a link that stands in the way. A folder is not removed.
func (t *Tree) clear(name string) error {
	info, err := t.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	if info.IsDir() {
		return fmt.Errorf("%w: %q is a folder and something else", ErrRefused, name)
	}
	return t.root.Remove(name)
}

func (t *Tree) link(e Entry) error {
	if err := CheckTarget(e.Path, e.Target); err != nil {
		return err
	}
	if err := t.clear(e.Path); err != nil {
		return err
	}
	if err := t.root.Symlink(e.Target, e.Path); err != nil {
		return fmt.Errorf("make the link %s: %w", e.Path, err)
	}
	if t.owners {
		if err := t.root.Lchown(e.Path, e.UID, e.GID); err != nil {
			return fmt.Errorf("give %s to %d:%d: %w", e.Path, e.UID, e.GID, err)
		}
	}
	return nil
}

func (t *Tree) file(ctx context.Context, e Entry, content io.Reader) (hash string, err error) {
	if err := t.clear(e.Path); err != nil {
		return "", err
	}
	f, err := t.root.OpenFile(e.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("make %s: %w", e.Path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), limited{ctx, content})
	if err != nil {
		return "", fmt.Errorf("write %s: %w", e.Path, err)
	}
	t.Files++
	t.Bytes += n
	if t.owners {
		if err := f.Chown(e.UID, e.GID); err != nil {
			return "", fmt.Errorf("give %s to %d:%d: %w", e.Path, e.UID, e.GID, err)
		}
	}
	if err := f.Chmod(e.Mode & rights); err != nil { // after the owner, whose change takes setuid away
		return "", fmt.Errorf("set the rights of %s: %w", e.Path, err)
	}
	if err := t.times(e); err != nil {
		return "", err
	}
	return sum(h), nil
}

func (t *Tree) times(e Entry) error {
	if e.Mod.IsZero() {
		return nil
	}
	if err := t.root.Chtimes(e.Path, time.Now(), e.Mod); err != nil {
		return fmt.Errorf("set the time of %s: %w", e.Path, err)
	}
	return nil
}

// Close finishes the folders, from the innermost out, and waits until all of it is on the disk.
func (t *Tree) Close() error {
	err := t.finish()
	if err == nil {
		err = t.settle()
	}
	return errors.Join(err, t.root.Close())
}

func (t *Tree) settle() error {
	dir, err := t.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(settle(dir), dir.Close())
}

func (t *Tree) finish() error {
	for _, e := range slices.Backward(t.folders) {
		if t.owners {
			if err := t.root.Lchown(e.Path, e.UID, e.GID); err != nil {
				return fmt.Errorf("give %s to %d:%d: %w", e.Path, e.UID, e.GID, err)
			}
		}
		if err := t.root.Chmod(e.Path, e.Mode&rights); err != nil {
			return fmt.Errorf("set the rights of %s: %w", e.Path, err)
		}
		if err := t.times(e); err != nil {
			return err
		}
	}
	return nil
}

// Unpack takes everything out of an archive into a folder, at most so many bytes of content; zero: any number.
func Unpack(ctx context.Context, r io.Reader, dir string, most int64) (err error) {
	t, err := OpenTree(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return Read(ctx, r, func(e Entry, content io.Reader) error {
		if most > 0 && e.Size > most-t.Bytes {
			return fmt.Errorf("%w: it holds more than the %d bytes that were expected", ErrRefused, most)
		}
		_, err := t.Put(ctx, e, content)
		return err
	})
}
