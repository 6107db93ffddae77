package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"filippo.io/age"
	"github.com/gofrs/flock"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// Draft is a set that is to be made.
type Draft struct {
	ID        string    `json:"id"`
	Kind      Kind      `json:"kind"`
	Asked     Kind      `json:"asked,omitempty"` // where it is another one
	Chain     []string  `json:"chain,omitempty"`
	At        time.Time `json:"at"`
	Operation int64     `json:"operation,omitempty"`
}

// Made is what one step of making a set has made.
type Made struct {
	Parts    []Part   `json:"parts,omitempty"`
	Index    Part     `json:"index,omitzero"`
	Database DumpInfo `json:"database,omitzero"`
	Files    Files    `json:"files,omitzero"`
	Missing  []string `json:"missing,omitempty"`
	LeftOut  []string `json:"left_out,omitempty"`
	Moving   []string `json:"moving,omitempty"`
}

// draft chooses an id and what an incremental builds on. It changes nothing.
func (s *Sets) draft(want Kind, operation int64) (Draft, error) {
	d := Draft{Kind: want, At: s.now().Truncate(time.Second), Operation: operation}
	if want == Incremental {
		base, err := s.base()
		if err != nil {
			return d, err
		}
		if base == nil {
			d.Kind, d.Asked = Full, Incremental
		} else {
			d.Chain = append(slices.Clone(base.Chain), base.ID)
		}
	}
	for n := range 1000 {
		d.ID = newID(d.At, n)
		if !s.taken(d.ID) {
			return d, nil
		}
	}
	return d, fmt.Errorf("there is no free name for a set of %s", d.At)
}

func (s *Sets) taken(id string) bool {
	for _, suffix := range []string{"", partial, removing} {
		if _, err := os.Lstat(s.path(id + suffix)); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// longestChain bounds how many sets a restore needs.
const longestChain = 100

// base is the set that the next incremental builds on: the newest proven one whose chain is there. Nil: there is none.
func (s *Sets) base() (*Set, error) {
	sets, err := s.List()
	if err != nil {
		return nil, err
	}
	proven := map[string]bool{}
	for _, set := range sets {
		proven[set.ID] = set.Proven()
	}
	for _, set := range sets {
		if !set.Proven() || set.Project != s.cfg.Project || len(set.Chain) >= longestChain {
			continue
		}
		if slices.ContainsFunc(set.Chain, func(id string) bool { return !proven[id] }) {
			continue
		}
		if _, err := os.Stat(s.path(set.ID, indexName)); err != nil {
			continue
		}
		return set, nil
	}
	return nil, nil
}

// dir is where a draft is made.
func (s *Sets) dir(d Draft) string { return s.path(d.ID + partial) }

// begin makes the folder, empty, and locks it. What an earlier try of the same draft has left is removed.
func (s *Sets) begin(ctx context.Context, d Draft) error {
	if err := s.room(ctx, d.Kind); err != nil {
		return err
	}
	const rights = 0o700
	if err := os.MkdirAll(s.cfg.Dir, rights); err != nil {
		return s.folderProblem(err)
	}
	if err := os.Mkdir(s.dir(d), rights); err != nil && !errors.Is(err, fs.ErrExist) {
		return s.folderProblem(err)
	}
	if _, err := s.hold(d.ID); err != nil {
		return err
	}
	return errors.Join(durable.WriteJSON(filepath.Join(s.dir(d), runName), d), durable.SyncFolder(s.cfg.Dir))
}

func (s *Sets) folderProblem(err error) error {
	return &ops.Problem{Code: "backup_folder", Name: s.cfg.Dir, Err: err}
}

// ErrBusy says that another process is making this very set.
var ErrBusy = errors.New("another process is making it")

// hold locks the folder of a draft for this process, once.
func (s *Sets) hold(id string) (*hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.holds[id]; h != nil {
		return h, nil
	}
	h := &hold{lock: flock.New(s.path(id+partial, lockName), flock.SetPermissions(partRights))}
	ok, err := h.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the set %s: %w", id, err)
	}
	if !ok {
		return nil, fmt.Errorf("set %s: %w", id, ErrBusy)
	}
	if len(s.recipients) > 0 {
		if err := h.key(s.recipients); err != nil {
			_ = h.lock.Close()
			return nil, err
		}
	}
	s.holds[id] = h
	return h, nil
}

// key makes the key of one set: of the kind of the others, since age does not mix them.
func (h *hold) key(others []age.Recipient) error {
	if _, hybrid := others[0].(*age.HybridRecipient); hybrid {
		id, err := age.GenerateHybridIdentity()
		if err != nil {
			return err
		}
		h.identity, h.recipient = id, id.Recipient()
		return nil
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	h.identity, h.recipient = id, id.Recipient()
	return nil
}

// release lets go of a draft: of its lock and of its key.
func (s *Sets) release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.holds[id]; h != nil && h.lock != nil {
		_ = h.lock.Close()
	}
	delete(s.holds, id)
}

// discard removes what was made of a draft.
func (s *Sets) discard(id string) error {
	err := os.RemoveAll(s.path(id + partial))
	s.release(id)
	return err
}

// failed is called with the error that ended the making of a set: what was made goes, unless the program only stops and the next
// one goes on from there.
func (s *Sets) failed(ctx context.Context, id string, err error) error {
	if ctx.Err() != nil {
		s.release(id)
		return err
	}
	if errors.Is(err, ErrBusy) {
		return err
	}
	if gone := s.discard(id); gone != nil {
		s.log.WarnContext(ctx, "removing an unfinished set", "set", id, "err", gone)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return &ops.Problem{Code: "backup_disk_full", Name: s.cfg.Dir, Err: err}
	}
	return err
}

// Sweep removes what dead runs have left: partial sets whose lock nobody holds and whose operation is over, and sets whose removal was cut off.
func (s *Sets) Sweep(ctx context.Context) error {
	found, err := os.ReadDir(s.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range found {
		id, half := strings.CutSuffix(d.Name(), partial)
		if id2, going := strings.CutSuffix(d.Name(), removing); going && idPattern.MatchString(id2) {
			errs = append(errs, os.RemoveAll(s.path(d.Name())))
		}
		if half && idPattern.MatchString(id) {
			errs = append(errs, s.sweep(ctx, id))
		}
	}
	return errors.Join(errs...)
}

func (s *Sets) sweep(ctx context.Context, id string) error {
	s.mu.Lock()
	ours := s.holds[id] != nil
	s.mu.Unlock()
	if ours {
		return nil
	}
	dir := s.path(id + partial)
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(partRights))
	free, err := lock.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it became a set in this moment
	}
	if err != nil || !free {
		return err
	}
	defer lock.Close() //nolint:errcheck // It is gone with its folder.
	var d Draft
	if err := durable.ReadJSON(filepath.Join(dir, runName), &d); err == nil && s.cfg.Alive != nil && d.Operation != 0 {
		if alive, err := s.cfg.Alive(ctx, d.Operation); err != nil || alive {
			return err
		}
	} else if age := time.Since(changed(dir)); err != nil && age < time.Minute {
		return nil // its run has only just made the folder
	}
	s.log.InfoContext(ctx, "removing an unfinished set of a run that is dead", "set", id)
	return os.RemoveAll(dir)
}

// changed is when a folder was changed last.
func changed(dir string) time.Time {
	info, err := os.Stat(dir)
	if err != nil {
		return time.Now()
	}
	return info.ModTime()
}
