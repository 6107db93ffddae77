package backup

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
)

// packer walks through the files beside the index of the base, which is in the same order, so that neither has to be in memory.
type packer struct {
	id    string
	base  *baseIndex // nil: everything is new
	read  time.Time  // when the files of the base were read
	index *indexWriter
	made  *Made
}

func (p *packer) run(ctx context.Context, s *Sets, w io.Writer) (int64, error) {
	out := archive.NewWriter(w)
	var n int64
	walked, err := archive.Walk(ctx, s.cfg.Root, s.cfg.Files, s.not(), func(f *archive.Found) error {
		was, err := p.pass(f.Path)
		if err != nil {
			return err
		}
		e, stored, err := p.one(ctx, out, f, was)
		if errors.Is(err, archive.ErrGone) {
			return p.gone(was)
		}
		if err != nil {
			return err
		}
		if stored {
			n++
		}
		p.count(e)
		return p.index.add(e)
	})
	if err != nil {
		return n, err
	}
	if _, err := p.pass(""); err != nil {
		return n, err
	}
	p.made.Missing, p.made.LeftOut = walked.Missing, walked.LeftOut
	return n, out.Close()
}

// pass goes through the base up to a path, notes what is gone, and gives what the base has under the path. An empty path: to the end.
func (p *packer) pass(path string) (*indexed, error) {
	for p.base != nil && !p.base.over() {
		order := -1
		if path != "" {
			order = archive.Compare(p.base.at.Path, path)
		}
		if order > 0 {
			return nil, nil
		}
		was := p.base.at
		if err := p.base.live(); err != nil {
			return nil, err
		}
		if order == 0 {
			return &was, nil
		}
		if err := p.gone(&was); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (p *packer) gone(was *indexed) error {
	if was == nil {
		return nil
	}
	p.made.Files.Gone++
	return p.index.add(&indexed{Entry: archive.Entry{Path: was.Path}, Gone: true})
}

// one decides about one thing. Folders and links are in every set, files only where their content is new.
func (p *packer) one(ctx context.Context, out *archive.Writer, f *archive.Found, was *indexed) (e *indexed, stored bool, err error) {
	if was != nil && was.Kind == archive.File && f.Kind == archive.File && was.Size == f.Size {
		hash := was.Hash
		if !was.Stamp.Same(f.Stamp, p.read) {
			if hash, err = f.Hash(ctx); err != nil {
				return nil, false, err
			}
		}
		if hash == was.Hash {
			return &indexed{Entry: f.Entry, Hash: hash, In: was.In, Stamp: f.Stamp}, false, nil
		}
	}
	added, err := out.Add(ctx, f)
	if err != nil {
		return nil, false, err
	}
	p.made.moved(f.Path, added)
	e = &indexed{Entry: f.Entry, Hash: added.Hash, Stamp: f.Stamp}
	if f.Kind == archive.File {
		e.In = p.id
	}
	if !added.Steady {
		e.Stamp = archive.Stamp{} // it is looked at again next time
	}
	return e, true, nil
}

func (p *packer) count(e *indexed) {
	if e.Kind != archive.File {
		return
	}
	p.made.Files.Count++
	p.made.Files.Bytes += e.Size
	if e.In == p.id {
		p.made.Files.Changed++
	}
}
