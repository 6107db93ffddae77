package backup

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// far gives a story a second place on a real S3 server.
func (s *story) far() *realparts.S3 {
	s.Helper()
	server := realparts.StartS3(s, "backups")
	r, err := OpenRemote(RemoteConfig{Endpoint: server.URL, Bucket: "backups", Prefix: "notebook/", AccessKey: server.AccessKey, SecretKey: server.SecretKey})
	if err != nil {
		s.Fatal(err)
	}
	if s.sets, err = Open(s.cfg, s.server, r, slog.New(slog.DiscardHandler)); err != nil {
		s.Fatal(err)
	}
	return server
}

func remoteIDs(t *testing.T, s *Sets) []string {
	t.Helper()
	l, err := s.Listing(t.Context(), 100, true)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range l.Sets {
		if x.Broken == "" {
			out = append(out, x.ID)
		}
	}
	return out
}

func TestACopyIsReadBackAndSecretsInPlainNeverGo(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	server := s.far()
	if err := s.sets.remote.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	set := s.take(Full)
	up, err := s.sets.Send(t.Context(), set.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(up.Kept, []string{"secrets.tar.zst"}) || up.Bytes == 0 || s.find(set.ID).Upload.Set != set.ID {
		t.Errorf("upload = %+v", up)
	}
	files, err := os.ReadDir(server.Object("backups", "notebook/"+set.ID))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		here, err := os.ReadFile(s.sets.path(set.ID, f.Name()))
		there, err2 := os.ReadFile(server.Object("backups", "notebook/"+set.ID+"/"+f.Name()))
		if err != nil || err2 != nil || f.Name() != manifestName && string(here) != string(there) {
			t.Errorf("%s: %v, %v", f.Name(), err, err2)
		}
		if strings.HasPrefix(f.Name(), "secrets") || strings.Contains(string(there), "hunter2") {
			t.Errorf("%s went", f.Name())
		}
	}
	if got := remoteIDs(t, s.sets); !slices.Equal(got, []string{set.ID}) {
		t.Errorf("there are %v", got)
	}
	if _, err := s.sets.Send(t.Context(), set.ID, nil); err != nil {
		t.Errorf("sent again: %v", err)
	}
}

func TestEncryptedSecretsGo(t *testing.T) {
	t.Parallel()
	recipient, _ := key(t)
	s := newStory(t, func(c *Config) { c.Recipients, c.EncryptAll = []string{recipient}, true })
	server := s.far()
	set := s.take(Full)
	up, err := s.sets.Send(t.Context(), set.ID, nil)
	if err != nil || len(up.Kept) > 0 {
		t.Errorf("upload = %+v, %v", up, err)
	}
	files, err := os.ReadDir(server.Object("backups", "notebook/"+set.ID))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() != manifestName && !strings.HasSuffix(f.Name(), ".age") {
			t.Errorf("%s went in plain", f.Name())
		}
	}
}

func TestAHalfWrittenCopyIsNeverListed(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	server := s.far()
	whole, cut := s.take(Full), s.take(Full)
	for _, set := range []*Set{whole, cut} {
		if _, err := s.sets.Send(t.Context(), set.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
	at := server.Object("backups", "notebook/"+cut.ID+"/")
	for _, damage := range []func() error{
		func() error { return os.Truncate(at+"/files.tar.zst", 10) },
		func() error { return os.Remove(at + "/files.tar.zst") },
		func() error { return os.WriteFile(at+"/manifest.json", []byte("{"), 0o600) },
		func() error { return os.Remove(at + "/manifest.json") },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if got := remoteIDs(t, s.sets); !slices.Equal(got, []string{whole.ID}) {
			t.Errorf("there are %v", got)
		}
	}
}

func TestASetThatIsNotProvenDoesNotGo(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	server := s.far()
	set := s.take(Full)
	if err := os.Truncate(s.sets.path(set.ID, "database.dump.zst"), 100); err != nil {
		t.Fatal(err)
	}
	// Nothing has looked at it since: what comes back is not what was written.
	if _, err := s.sets.Send(t.Context(), set.ID, nil); problem(err) != "backup_s3" {
		t.Errorf("sent: %v", err)
	}
	s.prove(set.ID)
	if _, err := s.sets.Send(t.Context(), set.ID, nil); problem(err) != "backup_not_proven" {
		t.Errorf("sent: %v", err)
	}
	server.Stop(t)
	if err := s.sets.remote.Check(t.Context()); problem(err) != "backup_s3" {
		t.Errorf("check: %v", err)
	}
}

func TestACopyThatComesBackOtherwiseIsNone(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	server := s.far()
	set := s.take(Full)
	net := newFlaky(t, server.URL)
	s.reopen(net.URL, server)
	net.bend.Store(true)
	if _, err := s.sets.Send(t.Context(), set.ID, nil); !errors.Is(err, errCopy) {
		t.Errorf("sent: %v", err)
	}
	if up := s.find(set.ID).Upload; up.Set != "" {
		t.Errorf("it is called sent: %+v", up)
	}
	if got := remoteIDs(t, s.sets); len(got) > 0 {
		t.Errorf("there are %v", got)
	}
}
