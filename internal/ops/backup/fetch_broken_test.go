package backup

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// flaky stands before an S3 server and breaks every answer off after so many bytes.
type flaky struct {
	*httptest.Server
	cut  atomic.Int64 // bytes after which an answer breaks off; zero: it does not
	sent atomic.Int64 // bytes of objects in all
	bend atomic.Bool  // the first byte of each piece is another
}

func newFlaky(t *testing.T, behind string) *flaky {
	t.Helper()
	u, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host }}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxy.ServeHTTP(&cutting{ResponseWriter: w, f: f, object: r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".zst")}, r)
	}))
	t.Cleanup(f.Close)
	return f
}

type cutting struct {
	http.ResponseWriter
	f      *flaky
	object bool
	n      int64
}

func (c *cutting) Write(b []byte) (int, error) {
	if !c.object {
		return c.ResponseWriter.Write(b)
	}
	if c.f.bend.Load() && len(b) > 0 {
		b = slices.Clone(b)
		b[0] ^= 1
	}
	if most := c.f.cut.Load(); most > 0 && c.n+int64(len(b)) > most {
		n, _ := c.ResponseWriter.Write(b[:most-c.n])
		c.f.sent.Add(int64(n))
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	n, err := c.ResponseWriter.Write(b)
	c.n += int64(n)
	c.f.sent.Add(int64(n))
	return n, err
}

// reopen opens the sets as a new process would, with the second place at another address.
func (s *story) reopen(at string, server *realparts.S3) {
	s.Helper()
	s.open()
	r, err := OpenRemote(RemoteConfig{Endpoint: at, Bucket: "backups", Prefix: "notebook/", AccessKey: server.AccessKey, SecretKey: server.SecretKey})
	if err != nil {
		s.Fatal(err)
	}
	s.sets.remote = r
}

func TestAFetchGoesOnWhereItBrokeOff(t *testing.T) {
	t.Parallel()
	s, server, sets := far3(t, nil)
	s.lose()
	net := newFlaky(t, server.URL)
	s.reopen(net.URL, server)
	last := sets[2].ID
	f := s.missing(last, PartDatabase, PartFiles)
	dump, _ := sets[2].Part(PartDatabase)
	net.cut.Store(dump.Size/3 + 1)
	net.sent.Store(0)
	// A process that dies in the middle of the dump.
	ctx, die := context.WithCancel(t.Context())
	err := s.sets.Fetch(ctx, 7, *f, func(done, _ int64) {
		if done > f.Bytes-dump.Size/2 {
			die()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("it ended with %v", err)
	}
	if names := s.names(); !slices.Contains(names, last+partial) || slices.Contains(names, last) {
		t.Errorf("here are %v", names)
	}
	s.cfg.Alive = func(context.Context, int64) (bool, error) { return true, nil }
	s.reopen(net.URL, server)
	if err := s.sets.Sweep(t.Context()); err != nil || !slices.Contains(s.names(), last+partial) {
		t.Errorf("what comes for an operation that goes on was swept: %v, %v", s.names(), err)
	}
	if err := s.sets.Fetch(t.Context(), 7, *f, nil); err != nil {
		t.Fatal(err)
	}
	if sent := net.sent.Load(); sent > f.Bytes+f.Bytes/10 {
		t.Errorf("%d bytes came for %d", sent, f.Bytes)
	}
	s.readable(last, PartDatabase)
	s.unpacked(last)
	// What a dead process has left may be anything.
	s.lose()
	if err := errors.Join(os.MkdirAll(s.sets.path(last+partial), 0o700), os.WriteFile(s.sets.path(last+partial, dump.Name), make([]byte, dump.Size/2), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := s.sets.Fetch(t.Context(), 7, *s.missing(last, PartDatabase), nil); err != nil {
		t.Fatal(err)
	}
	s.readable(last, PartDatabase)
}

func TestAFetchThatDiesAtAnyWriteLeavesNoHalfSet(t *testing.T) {
	t.Parallel()
	s, server, sets := far3(t, nil)
	last := sets[2].ID
	for _, cut := range []int64{0, 1, 2, 3} {
		s.lose()
		s.reopen(server.URL, server)
		f := s.missing(last, PartFiles, PartConfig)
		ctx, die := context.WithCancel(t.Context())
		err := s.sets.Fetch(ctx, 7, *f, func(done, total int64) {
			if done >= total*cut/4 {
				die()
			}
		})
		die()
		if err == nil {
			t.Fatal("it lived")
		}
		for _, name := range s.names() {
			if set, err := s.sets.Find(name); err == nil && (set.Broken != "" || !s.sets.here(name, []string{PartFiles})) {
				t.Errorf("after %d/4: %s is here by half: %s", cut, name, set.Broken)
			}
		}
		if err := s.sets.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
		s.sets.release(last) // as the kernel does
		if err := s.sets.Fetch(t.Context(), 7, *f, nil); err != nil {
			t.Errorf("after %d/4: %v", cut, err)
		}
		s.unpacked(last)
	}
}

func TestAFetchThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	s, server, sets := far3(t, nil)
	s.lose()
	last := sets[2].ID
	f := s.missing(last, PartDatabase)
	if err := os.Remove(server.Object("backups", "notebook/"+last+"/database.dump.zst")); err != nil {
		t.Fatal(err)
	}
	if err := s.sets.Fetch(t.Context(), 7, *f, nil); problem(err) != "backup_far_broken" {
		t.Errorf("err = %v", err)
	}
	if _, err := os.Stat(s.sets.path(last + partial)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left is %v", s.names())
	}
	if err := s.sets.Fetch(t.Context(), 7, Fetch{Sets: []Fetched{{ID: "../../etc"}}}, nil); problem(err) != "backup_id" {
		t.Errorf("err = %v", err)
	}
}
