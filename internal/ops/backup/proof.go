package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"filippo.io/age"

	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// PartState is what was seen of one part.
type PartState string

// What can be seen of a part.
const (
	PartRead      PartState = "read"      // to its end, as a restore reads it
	PartUnchanged PartState = "unchanged" // it was read before, nothing here opens it now, and its bytes are the same
	PartSealed    PartState = "sealed"    // its bytes are what was written, but nothing here opens it
	PartDamaged   PartState = "damaged"
)

// PartProof is what was seen of one part, by its sha256 at that moment.
type PartProof struct {
	Name   string    `json:"name"`
	SHA256 string    `json:"sha256"`
	State  PartState `json:"state"`
	Why    string    `json:"why,omitempty"`
}

// Proof is the result of reading a set back.
type Proof struct {
	Set   string      `json:"set"`
	Good  bool        `json:"good"`
	At    time.Time   `json:"at,omitzero"`
	Took  int64       `json:"took_ms"`
	Parts []PartProof `json:"parts"`
	Why   string      `json:"why,omitempty"` // why it is not good
}

// Sealed names the parts whose content nobody has read.
func (p *Proof) Sealed() []string {
	var out []string
	for _, x := range p.Parts {
		if x.State == PartSealed {
			out = append(out, x.Name)
		}
	}
	return out
}

// Prove reads a set back from the disk to its last byte: every part against its sha256, decrypted where a key is here, decompressed,
// archives to their end and the dump through pg_restore. What it finds is kept beside the manifest. An error says that it could
// not be tried, which says nothing of the set.
func (s *Sets) Prove(ctx context.Context, id string, progress func(done, total int64)) (Proof, error) {
	set, err := s.Find(id)
	if err != nil {
		return Proof{}, err
	}
	began := s.now()
	p := Proof{Set: id, Good: true}
	if set.Broken != "" {
		return Proof{Set: id, At: began, Why: set.Broken}, nil // there is nothing that a proof could be bound to
	}
	keys, err := s.keysFor(id)
	if err != nil {
		return p, err
	}
	done := int64(0)
	for _, part := range set.stored() {
		x, err := s.provePart(ctx, set, part, keys, func(n int64) {
			if progress != nil {
				progress(done+n, set.Size())
			}
		})
		if err != nil {
			return p, err
		}
		done += part.Size
		p.Parts = append(p.Parts, x)
		needed := part.Part == PartDatabase || part.Part == PartFiles || part.Part == PartIndex
		if x.State == PartDamaged || x.State == PartSealed && needed {
			p.Good, p.Why = false, cmp.Or(p.Why, part.Name+": "+x.Why)
		}
	}
	if why := s.brokenChain(set); why != "" {
		p.Good, p.Why = false, cmp.Or(p.Why, why)
	}
	p.At, p.Took = s.now(), s.now().Sub(began).Milliseconds()
	s.forget(id)
	if err := durable.WriteJSON(s.path(id, proofName), p); err != nil {
		return p, fmt.Errorf("keep the proof of %s: %w", id, err)
	}
	return p, nil
}

// keysFor gives what may open a set: the configured identities, and the key of the process that made it.
func (s *Sets) keysFor(id string) ([]age.Identity, error) {
	keys, err := s.identities()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.holds[id]; h != nil && h.identity != nil {
		keys = append(keys, h.identity)
	}
	return keys, nil
}

// forget drops the key of a set that is made and proven.
func (s *Sets) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.holds[id]; h != nil && h.lock == nil {
		delete(s.holds, id)
	}
}

func (s *Sets) provePart(ctx context.Context, set *Set, p Part, keys []age.Identity, progress func(n int64)) (PartProof, error) {
	x, err := s.readBack(ctx, p, keys, progress, func() (io.ReadCloser, error) { return openStored(s.path(set.ID), p) })
	if x.State == PartSealed {
		for _, was := range set.Proof.Parts {
			if was.Name == p.Name && was.SHA256 == p.SHA256 && (was.State == PartRead || was.State == PartUnchanged) {
				x.State, x.Why = PartUnchanged, ""
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("prove %s of %s: %w", p.Name, set.ID, err)
	}
	return x, err
}

// readBack reads a part that open gives, wherever it lies, to its end. An error says that it could not be tried.
func (s *Sets) readBack(ctx context.Context, p Part, keys []age.Identity, progress func(n int64), open func() (io.ReadCloser, error)) (PartProof, error) {
	x := PartProof{Name: p.Name, SHA256: p.SHA256, State: PartRead}
	stored, err := open()
	var src *source
	if err == nil {
		src, err = openSource(stored, p, keys, progress)
	}
	if errors.Is(err, ErrNoIdentity) {
		x.State, x.Why = PartSealed, ErrNoIdentity.Error()
		if stored, err = open(); err == nil {
			err = errors.Join(compare(ctx, stored, p), stored.Close())
		}
	}
	if err == nil && src != nil {
		err = s.readPart(ctx, p, src)
		_ = src.Close()
	}
	switch {
	case err == nil:
		return x, nil
	case ctx.Err() != nil:
		return x, ctx.Err()
	case errors.Is(err, ErrDamaged), errors.Is(err, archive.ErrRefused), errors.Is(err, fs.ErrNotExist):
		x.State, x.Why = PartDamaged, err.Error()
		return x, nil
	}
	return x, err
}

// readPart reads a part as a restore would.
func (s *Sets) readPart(ctx context.Context, p Part, src *source) error {
	in := &remember{r: archive.During(ctx, src)}
	var err error
	var n int64
	switch p.Part {
	case PartDatabase:
		err = s.db.Prove(ctx, in)
	case PartIndex:
		lines := newIndexReader(in)
		for err = lines.next(); err == nil && !lines.over(); err = lines.next() {
			n++
		}
	default:
		err = archive.Read(ctx, in, func(archive.Entry, io.Reader) error { n++; return nil })
	}
	if in.err != nil {
		return in.err // the part's own end tells more than what its reader made of it
	}
	// A reader may be content before the end, and so may a part that was cut at the right place.
	if _, rest := io.Copy(io.Discard, in); rest != nil {
		return rest
	}
	if err != nil {
		return err
	}
	if p.Part != PartDatabase && n != p.Entries {
		return fmt.Errorf("%s: %w: it has %d entries, and was written with %d", p.Name, ErrDamaged, n, p.Entries)
	}
	return nil
}

// remember keeps the error with which a reader ended.
type remember struct {
	r   io.Reader
	err error
}

func (r *remember) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// brokenChain says what is wrong with the sets that an incremental builds on.
func (s *Sets) brokenChain(set *Set) string {
	for _, id := range set.Chain {
		base, err := s.Find(id)
		switch {
		case err != nil:
			return "it builds on " + id + ", which is not there"
		case !base.readable():
			return "it builds on " + id + ", which is not proven"
		case !base.hasFiles():
			return "the files of " + id + ", which it builds on, are not here"
		}
	}
	return ""
}

// Newest gives the newest proven set; nil: there is none.
func (s *Sets) Newest() (*Set, error) {
	sets, err := s.List()
	if err != nil {
		return nil, err
	}
	return newestProven(sets), nil
}

func newestProven(sets []*Set) *Set {
	i := slices.IndexFunc(sets, func(set *Set) bool { return set.Proven() })
	if i < 0 {
		return nil
	}
	return sets[i]
}

// notProven says that a set was read back and could not be restored.
func notProven(p Proof) error {
	return fmt.Errorf("set %s was read back and could not be restored: %s", p.Set, p.Why)
}
