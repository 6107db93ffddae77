package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// RemoteConfig is where an S3 is.
type RemoteConfig struct {
	Endpoint  string // https://host or http://host:port
	Bucket    string
	Prefix    string
	Region    string
	AccessKey string // empty: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment
	SecretKey string
}

// Remote is a second place for sets: a bucket of any S3.
type Remote struct {
	cfg   RemoteConfig
	s3    *minio.Client
	plain bool // without TLS
}

// OpenRemote makes a client; nothing is asked yet.
func OpenRemote(cfg RemoteConfig) (*Remote, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("backup.s3.endpoint: %q is no address such as https://s3.example.com", cfg.Endpoint)
	}
	keys := credentials.NewEnvAWS()
	if cfg.AccessKey != "" {
		keys = credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, "")
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: keys, Secure: u.Scheme == "https", Region: cfg.Region})
	if err != nil {
		return nil, fmt.Errorf("backup.s3: %w", err)
	}
	return &Remote{cfg: cfg, s3: c, plain: u.Scheme == "http"}, nil
}

// Upload is what is known of a set's copy: written once all of it was read back and compared.
type Upload struct {
	Set    string    `json:"set,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Bucket string    `json:"bucket,omitempty"`
	Prefix string    `json:"prefix,omitempty"`
	Bytes  int64     `json:"bytes,omitempty"`
	Kept   []string  `json:"kept,omitempty"` // parts that stay here: they are not encrypted
	Took   int64     `json:"took_ms,omitempty"`
}

// Errors of the second place.
var errCopy = errors.New("what the S3 server gave back is not what was sent")

// Check asks whether the bucket is there and may be used.
func (r *Remote) Check(ctx context.Context) error {
	ok, err := r.s3.BucketExists(ctx, r.cfg.Bucket)
	if err != nil {
		return r.problem(err)
	}
	if !ok {
		return r.problem(fmt.Errorf("there is no bucket %s", r.cfg.Bucket))
	}
	return nil
}

func (r *Remote) problem(err error) error {
	return &ops.Problem{Code: "backup_s3", Name: r.cfg.Bucket, Text: err.Error(), Err: err}
}

func (r *Remote) key(set, name string) string { return path.Join(r.cfg.Prefix, set, name) }

// put sends one file. Over plain HTTP the signature must not be woven into the body: some servers would store it.
func (r *Remote) put(ctx context.Context, key string, in io.Reader, size int64) error {
	_, err := r.s3.PutObject(ctx, r.cfg.Bucket, key, in, size, minio.PutObjectOptions{DisableContentSha256: r.plain, ContentType: "application/octet-stream"})
	return err
}

// sum reads an object to its end and gives its sha256 and size.
func (r *Remote) sum(ctx context.Context, key string, progress func(n int64)) (string, int64, error) {
	o, err := r.s3.GetObject(ctx, r.cfg.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return "", 0, err
	}
	defer o.Close() //nolint:errcheck // It was only read.
	h := sha256.New()
	n, err := io.Copy(meter(h, progress), during{ctx, o})
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// Send copies a proven set to the second place: each part, read back and compared, and the manifest last. Secrets that are not encrypted
// never go. It may be done again.
func (s *Sets) Send(ctx context.Context, id string, progress func(done, total int64)) (Upload, error) {
	r := s.remote
	if r == nil {
		return Upload{}, &ops.Problem{Code: "backup_no_s3"}
	}
	set, err := s.Find(id)
	if err != nil {
		return Upload{}, err
	}
	if !set.Proven() {
		return Upload{}, &ops.Problem{Code: "backup_not_proven", Name: id, Text: set.Proof.Why + set.Broken}
	}
	up := Upload{Set: id, Bucket: r.cfg.Bucket, Prefix: r.cfg.Prefix}
	began := s.now()
	total := 2 * set.Size() // there and back
	var done int64
	tell := func(n int64) {
		if progress != nil {
			progress(done+n, total)
		}
	}
	sent := set.Manifest
	sent.Parts = nil
	for _, p := range set.Parts {
		if p.Part == PartSecrets && !p.Encrypted {
			up.Kept = append(up.Kept, p.Name)
			continue
		}
		if err := s.sendPart(ctx, id, p, tell); err != nil {
			return up, r.problem(fmt.Errorf("%s: %w", p.Name, err))
		}
		done += 2 * p.Size
		up.Bytes += p.Size
		sent.Parts = append(sent.Parts, p)
	}
	if !slices.ContainsFunc(sent.Parts, func(p Part) bool { return p.Name == sent.Index.Name }) {
		sent.Index = Part{} // it stays here, in plain
	}
	b, err := json.MarshalIndent(sent, "", "  ")
	if err != nil {
		return up, err
	}
	if err := r.sendBytes(ctx, r.key(id, manifestName), b); err != nil {
		return up, r.problem(fmt.Errorf("%s: %w", manifestName, err))
	}
	up.At, up.Took = s.now(), s.now().Sub(began).Milliseconds()
	return up, writeJSON(s.path(id, uploadName), up)
}

func (s *Sets) sendPart(ctx context.Context, id string, p Part, tell func(n int64)) error {
	r := s.remote
	f, err := openStored(s.path(id), p)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	if err := r.put(ctx, r.key(id, p.Name), io.TeeReader(during{ctx, f}, meter(io.Discard, tell)), p.Size); err != nil {
		return err
	}
	got, n, err := r.sum(ctx, r.key(id, p.Name), func(n int64) { tell(p.Size + n) })
	if err != nil {
		return fmt.Errorf("read it back: %w", err)
	}
	if got != p.SHA256 || n != p.Size {
		return errCopy
	}
	return nil
}

func (r *Remote) sendBytes(ctx context.Context, key string, b []byte) error {
	if err := r.put(ctx, key, bytes.NewReader(b), int64(len(b))); err != nil {
		return err
	}
	got, _, err := r.sum(ctx, key, nil)
	if err != nil {
		return fmt.Errorf("read it back: %w", err)
	}
	want := sha256.Sum256(b)
	if got != hex.EncodeToString(want[:]) {
		return errCopy
	}
	return nil
}

// List gives the sets whose copies are whole, the newest first: with a manifest, and with every part that it names at its size. One that was
// sent by half has no manifest.
func (r *Remote) List(ctx context.Context) ([]*Manifest, error) {
	root := strings.TrimSuffix(path.Join(r.cfg.Prefix, "x"), "x")
	sizes := map[string]map[string]int64{} // by set and file
	for o := range r.s3.ListObjectsIter(ctx, r.cfg.Bucket, minio.ListObjectsOptions{Prefix: root, Recursive: true}) {
		if o.Err != nil {
			return nil, r.problem(o.Err)
		}
		id, name, ok := strings.Cut(strings.TrimPrefix(o.Key, root), "/")
		if !ok || !idPattern.MatchString(id) {
			continue
		}
		if sizes[id] == nil {
			sizes[id] = map[string]int64{}
		}
		sizes[id][name] = o.Size
	}
	var out []*Manifest
	for id, files := range sizes {
		if _, ok := files[manifestName]; !ok {
			continue
		}
		m, err := r.manifest(ctx, id)
		if err != nil {
			return nil, err
		}
		if m.odd(id) != "" || slices.ContainsFunc(m.Parts, func(p Part) bool { n, ok := files[p.Name]; return !ok || n != p.Size }) {
			continue
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *Manifest) int { return strings.Compare(b.ID, a.ID) })
	return out, nil
}

func (r *Remote) manifest(ctx context.Context, id string) (*Manifest, error) {
	o, err := r.s3.GetObject(ctx, r.cfg.Bucket, r.key(id, manifestName), minio.GetObjectOptions{})
	if err != nil {
		return nil, r.problem(err)
	}
	defer o.Close() //nolint:errcheck // It was only read.
	const most = 8 << 20
	b, err := io.ReadAll(io.LimitReader(o, most))
	if err != nil {
		return nil, r.problem(err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return &Manifest{}, nil //nolint:nilerr // What is no manifest makes no set.
	}
	return m, nil
}
