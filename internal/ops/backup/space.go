package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
)

// Space is what a file system has left for us.
type Space struct {
	Bytes  int64
	Inodes int64 // -1: it has no limit
	Total  int64 // bytes in all
}

// SpaceAt asks the file system of a folder, or of what is above it where it is not made yet.
func SpaceAt(dir string) (Space, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(dir, &st)
		if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		if err != nil {
			return Space{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
		}
		sp := Space{Bytes: int64(st.Bavail) * int64(st.Bsize), Inodes: int64(st.Ffree), Total: int64(st.Blocks) * int64(st.Bsize)} //nolint:gosec,unconvert // Sizes of disks fit; the types differ between systems.
		if st.Files == 0 {
			sp.Inodes = -1
		}
		return sp, nil
	}
}

const (
	spare      = 2  // times what the last set took must be free
	setFiles   = 16 // files and folders that a set is made of, rounded up
	leastSpace = 16 << 20
)

// room refuses to begin what would fill the disk: PostgreSQL may stand on the same one.
func (s *Sets) room(ctx context.Context, kind Kind) error {
	need, err := s.expect(ctx, kind)
	if err != nil {
		return err
	}
	need = max(spare*need, leastSpace)
	sp, err := SpaceAt(s.cfg.Dir)
	if err != nil {
		return s.folderProblem(err)
	}
	if sp.Bytes < need {
		return &ops.Problem{Code: "backup_space", Name: s.cfg.Dir, Count: mega(sp.Bytes), Total: mega(need)}
	}
	if sp.Inodes >= 0 && sp.Inodes < spare*setFiles {
		return &ops.Problem{Code: "backup_inodes", Name: s.cfg.Dir, Count: int(sp.Inodes), Total: spare * setFiles}
	}
	return nil
}

// mega is a number of bytes in MB, as disks are sold, rounded up so that it is never zero.
func mega(n int64) int { return int((n + 999_999) / 1_000_000) }

// expect is about how many bytes the next set will take: what the last one of its kind took, and the first one at most what it keeps.
func (s *Sets) expect(ctx context.Context, kind Kind) (int64, error) {
	sets, err := s.List()
	if err != nil {
		return 0, err
	}
	for _, set := range sets {
		if set.Broken == "" && (kind == Incremental || set.Kind == Full) {
			return set.Size(), nil
		}
	}
	n, err := s.db.Size(ctx)
	if err != nil {
		return 0, err
	}
	for _, names := range [][]string{s.cfg.Files, s.cfg.Config, s.cfg.Secrets} {
		_, err := archive.Walk(ctx, s.cfg.Root, names, s.not(), func(f *archive.Found) error {
			n += f.Size
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// not is what is never backed up: the backups.
func (s *Sets) not() []string {
	dir, err := filepath.EvalSymlinks(s.cfg.Dir)
	if err != nil {
		return []string{s.cfg.Dir}
	}
	return []string{dir}
}
