package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// keys are whom a part is encrypted to; none: it is not.
func (s *Sets) keys(h *hold, part string) []age.Recipient {
	if len(s.recipients) == 0 || part != PartSecrets && !s.cfg.EncryptAll {
		return nil
	}
	return append([]age.Recipient{h.recipient}, s.recipients...)
}

// write makes one part of a draft. fill writes what is in it.
func (s *Sets) write(d Draft, part string, fill func(w io.Writer) (entries int64, err error)) (Part, error) {
	h, err := s.hold(d.ID)
	if err != nil {
		return Part{}, err
	}
	out, err := newSink(s.dir(d), part, s.keys(h, part), s.now())
	if err != nil {
		return Part{}, err
	}
	n, err := fill(out)
	if err != nil {
		out.abandon()
		return Part{}, err
	}
	out.part.Entries = n
	p, err := out.close(s.now())
	if err != nil {
		return p, err
	}
	return p, durable.SyncFolder(s.dir(d))
}

// dump makes the part of the database.
func (s *Sets) dump(ctx context.Context, d Draft, progress func(done, total int64)) (Made, error) {
	var info DumpInfo
	p, err := s.write(d, PartDatabase, func(w io.Writer) (int64, error) {
		var err error
		info, err = s.db.Dump(ctx, w, progress)
		return 0, err
	})
	if err == nil && p.Raw == 0 {
		err = errors.New("the dump is empty")
	}
	if err != nil {
		return Made{}, fmt.Errorf("dump the database: %w", err)
	}
	return Made{Parts: []Part{p}, Database: info}, nil
}

// plain makes a part with everything that stands below names.
func (s *Sets) plain(ctx context.Context, d Draft, part string, names []string, progress func(done int64)) (Made, error) {
	var m Made
	p, err := s.write(d, part, func(w io.Writer) (int64, error) {
		var n int64
		out := archive.NewWriter(meter(w, progress))
		walked, err := archive.Walk(ctx, s.cfg.Root, names, s.not(), func(f *archive.Found) error {
			added, err := out.Add(ctx, f)
			if errors.Is(err, archive.ErrGone) {
				return nil
			}
			n++
			m.moved(f.Path, added)
			return err
		})
		if err != nil {
			return 0, err
		}
		m.Missing, m.LeftOut = walked.Missing, walked.LeftOut
		return n, out.Close()
	})
	m.Parts = []Part{p}
	return m, err
}

func (m *Made) moved(name string, a archive.Added) {
	const most = 100
	if !a.Steady && a.Hash != "" && len(m.Moving) < most {
		m.Moving = append(m.Moving, name)
	}
}

// meter tells how much was written.
func meter(w io.Writer, progress func(done int64)) io.Writer {
	if progress == nil {
		return w
	}
	return &metered{w: w, progress: progress}
}

type metered struct {
	w        io.Writer
	n        int64
	progress func(done int64)
}

func (m *metered) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.n += int64(n)
	m.progress(m.n)
	return n, err
}

// files makes the part of the files, with what changed since the base of an incremental, and the index of all.
func (s *Sets) files(ctx context.Context, d Draft, progress func(done int64)) (Made, error) {
	var m Made
	base, closeBase, err := s.openBase(d)
	if err != nil {
		return m, err
	}
	defer closeBase()
	local, err := newSink(s.dir(d), PartIndex, nil, s.now())
	if err != nil {
		return m, err
	}
	var index *sink // the index as a part, where that is another file
	h, err := s.hold(d.ID)
	if err == nil && len(s.keys(h, PartIndex)) > 0 {
		index, err = newSink(s.dir(d), PartIndex, s.keys(h, PartIndex), s.now())
	}
	if err != nil {
		local.abandon()
		return m, err
	}
	lines := io.Writer(local)
	if index != nil {
		lines = io.MultiWriter(local, index)
	}
	pack := &packer{id: d.ID, base: base, index: newIndexWriter(lines), made: &m}
	if base != nil {
		pack.read = base.files.Read
	}
	m.Files.Read = s.now()
	p, err := s.write(d, PartFiles, func(w io.Writer) (int64, error) { return pack.run(ctx, s, meter(w, progress)) })
	if err != nil {
		local.abandon()
		if index != nil {
			index.abandon()
		}
		return m, fmt.Errorf("archive the files: %w", err)
	}
	local.part.Entries = pack.index.n
	if m.Index, err = local.close(s.now()); err != nil {
		return m, err
	}
	kept := m.Index
	if index != nil {
		index.part.Entries = pack.index.n
		if kept, err = index.close(s.now()); err != nil {
			return m, err
		}
	}
	m.Parts = []Part{p, kept}
	return m, durable.SyncFolder(s.dir(d))
}

// baseIndex is the index that an incremental builds on.
type baseIndex struct {
	*indexReader
	files Files
}

// openBase opens the index of the set that a draft builds on; nil: it builds on none.
func (s *Sets) openBase(d Draft) (*baseIndex, func(), error) {
	if len(d.Chain) == 0 {
		return nil, func() {}, nil
	}
	set, err := s.Find(d.Chain[len(d.Chain)-1])
	if err != nil {
		return nil, nil, err
	}
	src, err := openPart(s.path(set.ID), set.Index, nil, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read the index of %s: %w", set.ID, err)
	}
	b := &baseIndex{indexReader: newIndexReader(src), files: set.Files}
	if err := b.live(); err != nil {
		_ = src.Close()
		return nil, nil, err
	}
	return b, func() { _ = src.Close() }, nil
}

// commit writes the manifest and makes the draft a set, by one rename.
func (s *Sets) commit(ctx context.Context, d Draft, made ...Made) (*Manifest, error) {
	if _, err := s.hold(d.ID); err != nil {
		return nil, err
	}
	m := &Manifest{
		Format: format, ID: d.ID, Kind: d.Kind, Asked: d.Asked, Chain: d.Chain, At: d.At, Committed: s.now(), Operation: d.Operation,
		Project: s.cfg.Project, Program: s.cfg.Version,
	}
	m.Took = m.Committed.Sub(d.At).Milliseconds()
	m.Host, _ = os.Hostname() // only told
	for _, x := range made {
		m.add(x)
	}
	if s.cfg.Application != nil {
		f, err := s.cfg.Application(ctx)
		if err != nil {
			s.log.WarnContext(ctx, "which versions a set is of is not known", "set", d.ID, "err", err)
		}
		m.Images, m.Commit, m.Compose = f.Services, f.Commit, f.Compose
	}
	if why := m.odd(d.ID); why != "" {
		return nil, fmt.Errorf("set %s: %s", d.ID, why)
	}
	for _, p := range m.Parts {
		info, err := os.Stat(filepath.Join(s.dir(d), p.Name))
		if err != nil {
			return nil, err
		}
		if info.Size() != p.Size {
			return nil, fmt.Errorf("%s: %w: it has %d bytes, and was written with %d", p.Name, ErrDamaged, info.Size(), p.Size)
		}
	}
	if err := durable.WriteJSON(filepath.Join(s.dir(d), manifestName), m); err != nil {
		return nil, err
	}
	if err := os.Rename(s.dir(d), s.path(d.ID)); err != nil {
		return nil, err
	}
	for _, name := range []string{runName, lockName} {
		_ = os.Remove(s.path(d.ID, name)) // they do no harm in a set
	}
	s.unlock(d.ID)
	return m, durable.SyncFolder(s.cfg.Dir)
}

// unlock gives the lock back and keeps the key, which the proof needs.
func (s *Sets) unlock(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.holds[id]; h != nil && h.lock != nil {
		_ = h.lock.Close()
		h.lock = nil
	}
}

func (m *Manifest) add(x Made) {
	m.Parts = append(m.Parts, x.Parts...)
	m.Missing, m.LeftOut, m.Moving = append(m.Missing, x.Missing...), append(m.LeftOut, x.LeftOut...), append(m.Moving, x.Moving...)
	if x.Index.Name != "" {
		m.Index, m.Files = x.Index, x.Files
	}
	if x.Database.Version != "" || x.Database.Name != "" {
		m.Database = x.Database
	}
}
