package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
)

// OpenPart reads one part of a set as it was before it was stored. Its end comes only when all of it was compared with the manifest: whoever
// uses what was read before the end must be able to take that back. Close it.
func (s *Sets) OpenPart(id, part string) (io.ReadCloser, Part, error) {
	set, err := s.Find(id)
	if err != nil {
		return nil, Part{}, err
	}
	if set.Broken != "" {
		return nil, Part{}, &ops.Problem{Code: "backup_not_proven", Name: id, Text: set.Broken}
	}
	p, ok := set.Part(part)
	if !ok {
		return nil, p, &ops.Problem{Code: "backup_no_part", Name: part, Text: id}
	}
	if slices.Contains(set.Without, p.Name) {
		return nil, p, fmt.Errorf("%s of the set %s was not fetched from the second place", p.Name, id)
	}
	keys, err := s.keysFor(id)
	if err != nil {
		return nil, p, err
	}
	src, err := openPart(s.path(id), p, keys, nil)
	if errors.Is(err, ErrNoIdentity) {
		return nil, p, &ops.Problem{Code: "backup_sealed", Name: p.Name, Text: id, Err: err}
	}
	if err != nil {
		return nil, p, err
	}
	return src, p, nil
}

// UnpackPart takes a part that stands for itself, the configuration or the secrets, out into a folder that is there and empty.
func (s *Sets) UnpackPart(ctx context.Context, id, part, into string) (err error) {
	src, p, err := s.OpenPart(id, part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if err := archive.Unpack(ctx, src, into, p.Raw); err != nil {
		return fmt.Errorf("unpack %s of %s: %w", p.Name, id, err)
	}
	_, err = io.Copy(io.Discard, archive.During(ctx, src)) // its end tells that it was whole
	return err
}

// UnpackFiles takes the files of a set out into a folder that is there and empty, exactly as they were: of an incremental, each file
// from the set of its chain that has it, with the owner and the rights that it had last, and nothing of what was deleted.
func (s *Sets) UnpackFiles(ctx context.Context, id, into string, progress func(bytes int64)) (err error) {
	set, err := s.Find(id)
	if err != nil {
		return err
	}
	tree, err := archive.OpenTree(into)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	u := &unpacker{sets: s, tree: tree, progress: progress}
	for _, from := range append(slices.Clone(set.Chain), id) {
		if err := u.from(ctx, set, from); err != nil {
			return fmt.Errorf("unpack the files of %s from %s: %w", id, from, err)
		}
	}
	if u.files != set.Files.Count {
		return fmt.Errorf("unpack the files of %s: %w: %d files were found of %d", id, ErrDamaged, u.files, set.Files.Count)
	}
	return nil
}

// unpacker takes files out of the archives of a chain, beside the index of the last.
type unpacker struct {
	sets     *Sets
	tree     *archive.Tree
	files    int64
	progress func(bytes int64)
}

// from takes what the index says is in one set out of that set's archive. Both are in the same order.
func (u *unpacker) from(ctx context.Context, set *Set, id string) (err error) {
	in, _, err := u.sets.OpenPart(set.ID, PartIndex)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	packed, _, err := u.sets.OpenPart(id, PartFiles)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, packed.Close()) }()
	index := newIndexReader(in)
	if err := index.live(); err != nil {
		return err
	}
	last := ""
	err = archive.Read(ctx, packed, func(e archive.Entry, content io.Reader) error {
		for !index.over() && archive.Before(index.at.Path, e.Path) {
			if err := index.live(); err != nil {
				return err
			}
		}
		want := index.at
		if want.Path != e.Path || want.Kind != e.Kind || !want.here(id, set.ID) {
			return nil // a later set has it, or it was deleted
		}
		if want.Kind != archive.File {
			_, err := u.tree.Put(ctx, want.Entry, nil)
			return err
		}
		hash, err := u.tree.Put(ctx, want.Entry, content)
		if err != nil {
			return err
		}
		if hash != want.Hash {
			return nil // it changed while it was archived, and follows once more
		}
		if last != e.Path {
			u.files++
		}
		last = e.Path
		if u.progress != nil {
			u.progress(u.tree.Bytes)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, archive.During(ctx, packed))
	return err
}

// here tells whether what the index of set says is taken out of the archive of from: a file where its content is, the rest from the set itself.
func (e *indexed) here(from, set string) bool {
	if e.Kind == archive.File {
		return e.In == from
	}
	return from == set
}
