package backup

import (
	"errors"
	"io"

	"filippo.io/age"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// Seal writes a file as the database's part of a set is written: compressed, and encrypted where all is. It becomes name and what tells how
// it is stored. fill writes what is in it. The second result opens it again, as long as this process lives also without a configured identity.
func (s *Sets) Seal(dir, name string, fill func(w io.Writer) error) (Part, func() (io.ReadCloser, error), error) {
	h := &hold{}
	if s.cfg.EncryptAll {
		if err := h.key(s.recipients); err != nil {
			return Part{}, nil, err
		}
	}
	out, err := newSink(dir, name, s.keys(h, name), s.now())
	if err != nil {
		return Part{}, nil, err
	}
	if err := fill(out); err != nil {
		out.abandon()
		return Part{}, nil, err
	}
	p, err := out.close(s.now())
	if err != nil {
		return Part{}, nil, err
	}
	var keys []age.Identity
	if h.identity != nil {
		keys = append(keys, h.identity)
	}
	return p, func() (io.ReadCloser, error) { return openPart(dir, p, keys, nil) }, durable.SyncFolder(dir)
}

// Unseal opens what Seal wrote. A part of which no sha256 is known is held to the sums that zstd and age keep themselves. A *ops.Problem says that
// nothing here opens it.
func (s *Sets) Unseal(dir string, p Part) (io.ReadCloser, error) {
	keys, err := s.identities()
	if err != nil {
		return nil, err
	}
	in, err := openPart(dir, p, keys, nil)
	if errors.Is(err, ErrNoIdentity) {
		return nil, &ops.Problem{Code: "backup_sealed", Name: p.Name, Err: err}
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}
