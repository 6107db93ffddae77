package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Kind says what an entry is.
type Kind string

// What an archive holds. Anything else is refused.
const (
	File   Kind = "file"
	Folder Kind = "folder"
	Link   Kind = "link"
)

// Entry is one thing of an archive.
type Entry struct {
	Path   string      `json:"path"` // relative to the root, with slashes
	Kind   Kind        `json:"kind"`
	Size   int64       `json:"size,omitempty"`
	Mode   fs.FileMode `json:"mode"` // the rights, with setuid, setgid and sticky
	UID    int         `json:"uid"`
	GID    int         `json:"gid"`
	Mod    time.Time   `json:"mod,omitzero"`
	Target string      `json:"target,omitempty"` // of a link
}

// rights are what of a mode is kept.
const rights = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// ErrRefused says that an archive holds what must not be unpacked.
var ErrRefused = errors.New("refused")

// Before is the order of entries in an archive: a folder before what is in it, and names of one folder by their bytes.
func Before(a, b string) bool { return Compare(a, b) < 0 }

// Compare compares two paths in the order of an archive.
func Compare(a, b string) int {
	// A slash counts as less than any other byte, so that what is in "a" comes before "a.txt".
	for i := 0; i < len(a) && i < len(b); i++ {
		x, y := a[i], b[i]
		switch {
		case x == y:
		case x == '/':
			return -1
		case y == '/':
			return 1
		case x < y:
			return -1
		default:
			return 1
		}
	}
	return len(a) - len(b)
}

// CheckPath refuses a name that is not a plain one below the root.
func CheckPath(name string) error {
	switch {
	case name == "" || name == ".":
		return fmt.Errorf("%w: an entry without a name", ErrRefused)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("%w: %q has a zero byte in its name", ErrRefused, name)
	case path.IsAbs(name):
		return fmt.Errorf("%w: %q is an absolute name", ErrRefused, name)
	case path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../"):
		return fmt.Errorf("%w: %q is not a plain name below the folder", ErrRefused, name)
	}
	return nil
}

// CheckTarget refuses the target of a link that leads out of the root. Steps up are allowed at its beginning alone: further on they
// could go through another link.
func CheckTarget(name, target string) error {
	if target == "" || strings.ContainsRune(target, 0) {
		return fmt.Errorf("%w: the link %q leads nowhere", ErrRefused, name)
	}
	leaves := fmt.Errorf("%w: the link %q leads out of the folder, to %q", ErrRefused, name, target)
	if path.IsAbs(target) {
		return leaves
	}
	depth := strings.Count(name, "/")
	down := false
	for step := range strings.SplitSeq(target, "/") {
		switch step {
		case "", ".":
		case "..":
			if depth--; down || depth < 0 {
				return leaves
			}
		default:
			down = true
		}
	}
	return nil
}
