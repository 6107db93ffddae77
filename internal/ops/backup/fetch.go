package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"filippo.io/age"
	"github.com/minio/minio-go/v7"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// Fetch is what has to come from the second place before parts of a set can be restored here. It stands in the plan of that restore, so that what
// people approve is what comes: the manifests by their sha256, and with them every part.
type Fetch struct {
	Set    string    `json:"set"`
	Bucket string    `json:"bucket"`
	Bytes  int64     `json:"bytes"` // that come
	Sealed bool      `json:"sealed,omitempty"`
	Sets   []Fetched `json:"sets"` // what the set builds on first
}

// Fetched is what comes of one set: of those that it builds on the files alone, since every set has a whole dump of its own.
type Fetched struct {
	ID       string   `json:"id"`
	Manifest string   `json:"manifest"` // its sha256
	Parts    []string `json:"parts"`    // PartDatabase, …
}

// Locate gives a set wherever it lies: here, else as its manifest in the second place describes it.
func (s *Sets) Locate(ctx context.Context, id string) (*Set, error) {
	here, err := s.Find(id)
	if err == nil && here.Broken == "" || s.remote == nil || CheckID(id) != nil {
		return here, err
	}
	m, _, farErr := s.far(ctx, id)
	p, known := errors.AsType[*ops.Problem](farErr)
	switch {
	case farErr == nil:
		return &Set{Manifest: *m, Far: true}, nil
	case known && p.Code == "backup_unknown":
		return here, err // what is said of the folder here tells more
	}
	return nil, farErr
}

// LocateNewest gives the newest proven set; where there is none here, the newest whole one in the second place. Nil: there is none.
func (s *Sets) LocateNewest(ctx context.Context) (*Set, error) {
	set, err := s.Newest()
	if set != nil || err != nil || s.remote == nil {
		return set, err
	}
	copies, err := s.remote.copies(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range copies {
		if !c.Whole || timeOf(c.ID).After(s.now().Add(time.Hour)) {
			continue // a set of a time that has not come is none of this application's
		}
		m, _, why, err := s.remote.manifest(ctx, c)
		if err != nil {
			return nil, err
		}
		if why == "" {
			return &Set{Manifest: *m, Far: true}, nil
		}
	}
	return nil, nil
}

// far reads the manifest of a set in the second place, and gives its sha256.
func (s *Sets) far(ctx context.Context, id string) (*Manifest, string, error) {
	c, err := s.remote.copyOf(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if c == nil {
		return nil, "", &ops.Problem{Code: "backup_unknown", Name: id}
	}
	m, sum, why, err := s.remote.manifest(ctx, c)
	if err == nil && why != "" {
		err = &ops.Problem{Code: "backup_far_broken", Name: id, Text: why}
	}
	return m, sum, err
}

// Missing tells what has to come from the second place before these parts of a set can be restored here; nil: nothing. A *ops.Problem says why it
// could not: it lies nowhere, nothing here opens it, there is no room. It reads manifests and the first bytes of what is encrypted.
func (s *Sets) Missing(ctx context.Context, set *Set, parts []string) (*Fetch, error) {
	if s.remote == nil {
		return nil, nil
	}
	parts = slices.Clone(parts)
	if slices.Contains(parts, PartFiles) {
		parts = append(parts, PartIndex)
	}
	f := &Fetch{Set: set.ID, Bucket: s.remote.cfg.Bucket}
	if slices.Contains(parts, PartFiles) {
		for _, id := range set.Chain {
			if err := s.miss(ctx, f, id, []string{PartFiles}); err != nil {
				return nil, err
			}
		}
	}
	err := s.miss(ctx, f, set.ID, parts)
	if p, ok := errors.AsType[*ops.Problem](err); ok && p.Code == "backup_unknown" && !set.Far {
		err = nil // what lies here is damaged, and there is no other; the plan says that it is not proven
	}
	if err != nil {
		return nil, err
	}
	if len(f.Sets) == 0 {
		return nil, nil
	}
	return f, s.roomFor(f.Bytes)
}

// miss adds what is missing here of one set.
func (s *Sets) miss(ctx context.Context, f *Fetch, id string, parts []string) error {
	if s.here(id, parts) {
		return nil
	}
	m, sum, err := s.far(ctx, id)
	if p, ok := errors.AsType[*ops.Problem](err); ok && p.Code == "backup_unknown" && id != f.Set {
		return &ops.Problem{Code: "backup_far_chain", Name: f.Set, Text: id}
	}
	if err != nil {
		return err
	}
	for _, part := range parts {
		p, ok := m.Part(part)
		if !ok {
			return &ops.Problem{Code: "backup_no_part", Name: part, Text: id}
		}
		if p.Encrypted {
			if err := s.opens(ctx, id, p); err != nil {
				return err
			}
			f.Sealed = true
		}
		f.Bytes += p.Size
	}
	f.Sets = append(f.Sets, Fetched{ID: id, Manifest: sum, Parts: parts})
	return nil
}

// here tells whether parts of a set lie here as they were written, as far as can be told without reading them.
func (s *Sets) here(id string, parts []string) bool {
	set, err := s.Find(id)
	if err != nil || set.Broken != "" {
		return false
	}
	for _, part := range parts {
		p, ok := set.Part(part)
		if !ok || slices.Contains(set.Without, p.Name) {
			return false
		}
		if info, err := os.Stat(s.path(id, p.Name)); err != nil || info.Size() != p.Size {
			return false
		}
		damaged := func(x PartProof) bool { return x.Name == p.Name && x.State == PartDamaged }
		if slices.ContainsFunc(set.Proof.Parts, damaged) {
			return false
		}
	}
	return true
}

// opens reads the head of an encrypted part in the second place and is a problem when nothing here opens it: better now than after hours.
func (s *Sets) opens(ctx context.Context, id string, p Part) error {
	keys, err := s.identities()
	if err != nil {
		return err
	}
	sealed := &ops.Problem{Code: "backup_sealed", Name: p.Name, Text: id, Err: ErrNoIdentity}
	if len(keys) == 0 {
		return sealed
	}
	o, err := s.remote.s3.GetObject(ctx, s.remote.cfg.Bucket, s.remote.key(id, p.Name), minio.GetObjectOptions{})
	if err != nil {
		return s.remote.problem(err)
	}
	defer o.Close() //nolint:errcheck // It was only read.
	in := &remember{r: archive.During(ctx, o)}
	_, err = age.Decrypt(in, keys...)
	_, none := errors.AsType[*age.NoIdentityMatchError](err)
	switch {
	case in.err != nil:
		return s.remote.problem(in.err)
	case none:
		return sealed
	case err != nil:
		return &ops.Problem{Code: "backup_far_broken", Name: id, Text: p.Name + ": " + err.Error(), Err: err}
	}
	return nil
}

// roomFor refuses to fetch what would fill the disk.
func (s *Sets) roomFor(bytes int64) error {
	sp, err := SpaceAt(s.cfg.Dir)
	if err != nil {
		return s.folderProblem(err)
	}
	need := bytes + bytes/8 + leastSpace // the backup that comes first needs some too, and refuses by itself
	if sp.Bytes < need {
		return &ops.Problem{Code: "backup_fetch_space", Name: s.cfg.Dir, Count: mega(sp.Bytes), Total: mega(need)}
	}
	return nil
}

// Fetched tells whether all that was to come is here.
func (s *Sets) Fetched(f Fetch) bool {
	return !slices.ContainsFunc(f.Sets, func(x Fetched) bool { return !s.here(x.ID, x.Parts) })
}

// Fetch brings from the second place what was found missing. Each set is made like any other: in a folder of its own under a name that ends in
// .partial, every part compared with its sha256, the manifest last, then one rename. What an earlier try has brought is compared and kept.
func (s *Sets) Fetch(ctx context.Context, operation int64, f Fetch, progress func(done, total int64)) error {
	if s.remote == nil {
		return &ops.Problem{Code: "backup_no_s3"}
	}
	done := int64(0)
	for _, x := range f.Sets {
		if CheckID(x.ID) != nil {
			return CheckID(x.ID)
		}
		n, err := s.fetch(ctx, operation, x, func(n int64) {
			if progress != nil {
				progress(done+n, max(f.Bytes, done+n))
			}
		})
		done += n
		if err != nil {
			return s.failed(ctx, x.ID, err)
		}
	}
	return nil
}

// manifestOf is the manifest by which a set is fetched, and the one there. The one here, where it can be read, is what the set was written with,
// and may name parts that never went.
func (s *Sets) manifestOf(ctx context.Context, x Fetched) (m, there *Manifest, err error) {
	there, sum, err := s.far(ctx, x.ID)
	if err != nil {
		return nil, nil, err
	}
	here, err := s.Find(x.ID)
	if err != nil || here.Broken != "" {
		whole := *there
		m = &whole // it is all that there is
	} else {
		m = &here.Manifest
	}
	changed := func(p Part) bool { q, ok := there.Part(p.Part); return ok && q.SHA256 != p.SHA256 }
	if sum != x.Manifest || slices.ContainsFunc(m.Parts, changed) {
		return nil, nil, &ops.Problem{Code: "backup_far_changed", Name: x.ID, Err: errors.New("the copy in the second place is not the one that was planned")}
	}
	m.Without = nil
	return m, there, nil
}

func (s *Sets) fetch(ctx context.Context, operation int64, x Fetched, tell func(n int64)) (done int64, err error) {
	m, there, err := s.manifestOf(ctx, x)
	if err != nil {
		return 0, err
	}
	var parts []Part
	var bytes int64
	for _, p := range m.stored() {
		_, far := there.Part(p.Part)
		if !s.here(x.ID, []string{p.Part}) && (!far || !slices.Contains(x.Parts, p.Part)) {
			m.Without = append(m.Without, p.Name)
			continue
		}
		parts, bytes = append(parts, p), bytes+p.Size
	}
	if s.here(x.ID, x.Parts) {
		return bytes, nil // an earlier try has brought it
	}
	if err := s.roomFor(bytes); err != nil {
		return 0, err
	}
	const rights = 0o700
	d := Draft{ID: x.ID, Kind: m.Kind, Chain: m.Chain, At: m.At, Operation: operation}
	if err := errors.Join(os.MkdirAll(s.cfg.Dir, rights), os.MkdirAll(s.dir(d), rights)); err != nil {
		return 0, s.folderProblem(err)
	}
	if _, err := s.hold(d.ID); err != nil {
		return 0, err
	}
	if err := errors.Join(durable.WriteJSON(s.path(d.ID+partial, runName), d), durable.SyncFolder(s.cfg.Dir)); err != nil {
		return 0, err
	}
	for _, p := range parts {
		if err := s.fetchPart(ctx, d, p, func(n int64) { tell(done + n) }); err != nil {
			return done, err
		}
		done += p.Size
	}
	up := Upload{Set: x.ID, At: m.Committed, Bucket: s.remote.cfg.Bucket, Prefix: s.remote.cfg.Prefix}
	err = errors.Join(durable.SyncFolder(s.dir(d)), durable.WriteJSON(s.path(d.ID+partial, uploadName), up), durable.WriteJSON(s.path(d.ID+partial, manifestName), m))
	if err != nil {
		return done, err
	}
	return done, s.settle(d)
}

// settle makes a set that was fetched one of those here, in place of what there was of it.
func (s *Sets) settle(d Draft) error {
	if _, err := os.Stat(s.path(d.ID)); err == nil {
		// What lies here is not whole, or it would not have been fetched.
		if err := errors.Join(os.RemoveAll(s.path(d.ID+removing)), os.Rename(s.path(d.ID), s.path(d.ID+removing))); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(s.dir(d), s.path(d.ID)); err != nil {
		return fmt.Errorf("put the set %s in its place: %w", d.ID, err)
	}
	for _, name := range []string{runName, lockName} {
		_ = os.Remove(s.path(d.ID, name)) // they do no harm in a set
	}
	s.release(d.ID)
	return errors.Join(durable.SyncFolder(s.cfg.Dir), os.RemoveAll(s.path(d.ID+removing)))
}
