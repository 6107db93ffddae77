package realparts

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// S3 is a real S3 server on a folder: versitygw.
type S3 struct {
	*Program
	URL, AccessKey, SecretKey string
	Dir                       string // each bucket is a folder in it
}

// StartS3 starts a server with one empty bucket for this test alone.
func StartS3(t testing.TB, bucket string) *S3 {
	t.Helper()
	path := Require(t, "versitygw")
	s := &S3{AccessKey: "notebookbot", SecretKey: "not-a-secret", Dir: t.TempDir()}
	var err error
	s.Program, err = launch("versitygw", 1, func(ports []int) *Program {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
		s.URL = "http://" + addr
		return &Program{
			path: path, quit: os.Interrupt,
			args: []string{"--access", s.AccessKey, "--secret", s.SecretKey, "--port", addr, "--quiet", "posix", s.Dir},
			ready: func(ctx context.Context) error {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
				if err == nil {
					err = c.Close()
				}
				return err
			},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t) })
	if err := os.Mkdir(filepath.Join(s.Dir, bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// Object is where the server keeps an object of a bucket, so that a test can damage it.
func (s *S3) Object(bucket, key string) string {
	return filepath.Join(s.Dir, bucket, filepath.FromSlash(strings.TrimPrefix(key, "/")))
}
