package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
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

	mu   sync.Mutex
	read map[string]readCopy // manifests that were read, by set
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
	n, err := io.Copy(meter(h, progress), archive.During(ctx, o))
	return hex.EncodeToString(h.Sum(nil)), n, err
}
