package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
)

// Copy is what lies of one set in the second place, as its listing says: nothing of it was read.
type Copy struct {
	ID    string
	Bytes int64
	Whole bool // there is a manifest, which is sent last

	files map[string]int64 // bytes of what has the name of a part or a manifest
	tag   string           // of the manifest: another one has another
}

// Stock is what lies in the second place in all.
type Stock struct {
	Sets   int // whole ones
	Bytes  int64
	Oldest time.Time // of the whole ones
	Newest time.Time
	Halves int // sets without a manifest: an upload was broken off, or something else took it away
}

// copies lists what lies in the second place, the newest first. What is not named as sets are is none of ours.
func (r *Remote) copies(ctx context.Context) ([]*Copy, error) {
	root := strings.TrimSuffix(path.Join(r.cfg.Prefix, "x"), "x")
	return r.listed(ctx, root)
}

// copyOf lists what lies of one set; nil: nothing.
func (r *Remote) copyOf(ctx context.Context, id string) (*Copy, error) {
	found, err := r.listed(ctx, r.key(id, "")+"/")
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

func (r *Remote) listed(ctx context.Context, prefix string) ([]*Copy, error) {
	root := strings.TrimSuffix(path.Join(r.cfg.Prefix, "x"), "x")
	byID := map[string]*Copy{}
	for o := range r.s3.ListObjectsIter(ctx, r.cfg.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, r.problem(o.Err)
		}
		id, name, ok := strings.Cut(strings.TrimPrefix(o.Key, root), "/")
		if !ok || !idPattern.MatchString(id) || o.Size < 0 || o.Size > mostBytes {
			continue
		}
		c := byID[id]
		if c == nil {
			c = &Copy{ID: id, files: map[string]int64{}}
			byID[id] = c
		}
		c.Bytes += o.Size
		if name == manifestName {
			c.Whole, c.tag = true, fmt.Sprintf("%s %d %s", o.ETag, o.Size, o.LastModified)
		}
		if name == manifestName || partName.MatchString(name) {
			c.files[name] = o.Size
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, r.problem(err) // the listing just ends
	}
	out := make([]*Copy, 0, len(byID))
	for _, c := range byID {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *Copy) int { return strings.Compare(b.ID, a.ID) })
	return out, nil
}

// stock adds up what lies there.
func stock(copies []*Copy) Stock {
	var st Stock
	for _, c := range copies {
		st.Bytes += c.Bytes
		if !c.Whole {
			st.Halves++
			continue
		}
		at := timeOf(c.ID)
		st.Sets++
		if st.Oldest.IsZero() || at.Before(st.Oldest) {
			st.Oldest = at
		}
		if at.After(st.Newest) {
			st.Newest = at
		}
	}
	return st
}

// Stock counts what lies in the second place. A *ops.Problem says that there is none, or why it does not answer.
func (s *Sets) Stock(ctx context.Context) (Stock, error) {
	if s.remote == nil {
		return Stock{}, &ops.Problem{Code: "backup_no_s3"}
	}
	return s.remote.Stock(ctx)
}

// Stock counts what lies there.
func (r *Remote) Stock(ctx context.Context) (Stock, error) {
	copies, err := r.copies(ctx)
	return stock(copies), err
}

// readCopy is a manifest that was read, and of which object.
type readCopy struct {
	tag string
	m   *Manifest
	sum string // sha256 of the manifest
	why string
}

// errNoCopy says that nothing whole lies in the second place.
var errNoCopy = errors.New("it has no manifest there")

// manifest reads and checks the manifest of a copy, once as long as the object is the same: in a month there are more than a thousand. why says
// why it is no set that could be used.
func (r *Remote) manifest(ctx context.Context, c *Copy) (m *Manifest, sum, why string, err error) {
	if !c.Whole {
		return nil, "", errNoCopy.Error(), nil
	}
	r.mu.Lock()
	was, ok := r.read[c.ID]
	r.mu.Unlock()
	if !ok || was.tag != c.tag {
		b, err := r.small(ctx, r.key(c.ID, manifestName))
		if err != nil {
			return nil, "", "", r.problem(err)
		}
		was = readCopy{tag: c.tag, sum: sumOf(b)}
		if was.m, was.why = readManifest(b, c.ID); was.why == "" && len(was.m.Without) > 0 {
			was.why = "its manifest names parts that would lie elsewhere"
		}
		r.mu.Lock()
		if r.read == nil {
			r.read = map[string]readCopy{}
		}
		r.read[c.ID] = was
		r.mu.Unlock()
	}
	if was.why != "" {
		return nil, "", was.why, nil
	}
	for _, p := range was.m.stored() {
		if n, ok := c.files[p.Name]; !ok || n != p.Size {
			return nil, "", fmt.Sprintf("%s is not there, or has not %d bytes", p.Name, p.Size), nil
		}
	}
	copied := *was.m
	return &copied, was.sum, "", nil
}

// small reads a small object.
func (r *Remote) small(ctx context.Context, key string) ([]byte, error) {
	o, err := r.s3.GetObject(ctx, r.cfg.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer o.Close() //nolint:errcheck // It was only read.
	b, err := io.ReadAll(io.LimitReader(archive.During(ctx, o), mostManifest+1))
	if err == nil && len(b) > mostManifest {
		err = fmt.Errorf("%s is longer than %d bytes", key, mostManifest)
	}
	return b, err
}

// Listed is a set of a list, and where it lies.
type Listed struct {
	*Set
	Here bool
	Far  bool
}

// Listing is what lies here and in the second place.
type Listing struct {
	Sets   []Listed // the newest, as many as were asked for
	Total  int
	Here   int
	Stock  Stock // of the second place, when it was asked and answered
	FarErr error // why it did not
}

// readers is how many manifests are read from the second place at a time.
const readers = 8

// Listing lists the newest sets wherever they lie; far: those in the second place alone. That it does not answer is an error only then.
func (s *Sets) Listing(ctx context.Context, most int, far bool) (Listing, error) {
	var l Listing
	if s.remote == nil && far {
		return l, &ops.Problem{Code: "backup_no_s3"}
	}
	here, err := s.List()
	if err != nil {
		return l, err
	}
	var copies []*Copy
	if s.remote != nil {
		if copies, l.FarErr = s.remote.copies(ctx); l.FarErr != nil && far {
			return l, l.FarErr
		}
	}
	l.Here, l.Stock = len(here), stock(copies)
	byID := map[string]*Listed{}
	for _, set := range here {
		if !far {
			byID[set.ID] = &Listed{Set: set, Here: true}
		}
	}
	there := map[string]*Copy{}
	for _, c := range copies {
		switch x := byID[c.ID]; {
		case !c.Whole: // half of a set is none
		case x != nil:
			x.Far = true
		default:
			byID[c.ID] = &Listed{Set: &Set{Manifest: Manifest{ID: c.ID, At: timeOf(c.ID)}, Far: true}, Far: true}
			there[c.ID] = c
		}
	}
	for _, x := range byID {
		l.Sets = append(l.Sets, *x)
	}
	slices.SortFunc(l.Sets, func(a, b Listed) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID)) })
	l.Total = len(l.Sets)
	l.Sets = l.Sets[:min(len(l.Sets), most)]
	return l, s.describe(ctx, l.Sets, there)
}

// describe reads the manifests of the sets of a list that lie in the second place alone.
func (s *Sets) describe(ctx context.Context, sets []Listed, there map[string]*Copy) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, readers)
	errs := make([]error, len(sets))
	for i, x := range sets {
		c := there[x.ID]
		if c == nil {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			m, _, why, err := s.remote.manifest(ctx, c)
			if errs[i] = err; err != nil {
				return
			}
			if x.Broken = why; why == "" {
				x.Manifest = *m
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
