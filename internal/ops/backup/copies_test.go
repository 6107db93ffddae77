package backup

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

func TestAListSaysWhereEachSetLies(t *testing.T) {
	t.Parallel()
	s, server, sets := far3(t, nil)
	here := s.take(Full)
	if err := os.RemoveAll(s.sets.path(sets[1].ID)); err != nil {
		t.Fatal(err)
	}
	half := server.Object("backups", "notebook/20200101T000000Z/")
	for _, stranger := range []string{half, server.Object("backups", "notebook/other/"), server.Object("backups", "elsewhere/20210101T000000Z/")} {
		if err := os.MkdirAll(stranger, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(stranger+"/database.dump.zst", []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := s.sets.Listing(t.Context(), 3, false)
	if err != nil || l.FarErr != nil {
		t.Fatal(err, l.FarErr)
	}
	var got []string
	for _, x := range l.Sets {
		where := ""
		if x.Here {
			where += " here"
		}
		if x.Far {
			where += " far"
		}
		got = append(got, x.ID+where)
		if x.Broken != "" || x.Kind == "" || x.Size() == 0 {
			t.Errorf("%s is %+v", x.ID, x.Set)
		}
	}
	if want := []string{here.ID + " here", sets[2].ID + " here far", sets[1].ID + " far"}; !slices.Equal(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
	if l.Total != 4 || l.Here != 3 || l.Stock.Sets != 3 || l.Stock.Halves != 1 || !l.Stock.Oldest.Equal(sets[0].At) || !l.Stock.Newest.Equal(sets[2].At) {
		t.Errorf("in all: %+v", l)
	}
	if st, err := s.sets.Stock(t.Context()); err != nil || st != l.Stock || st.Bytes < sets[0].Size() {
		t.Errorf("the stock is %+v, %v", st, err)
	}
	server.Stop(t)
	if l, err := s.sets.Listing(t.Context(), 3, false); err != nil || problem(l.FarErr) != "backup_s3" || l.Total != 3 {
		t.Errorf("without an answer: %+v, %v", l, err)
	}
	if _, err := s.sets.Listing(t.Context(), 3, true); problem(err) != "backup_s3" {
		t.Errorf("without an answer: %v", err)
	}
}

func TestACopyIsVerifiedWhereItLies(t *testing.T) {
	t.Parallel()
	recipient, file := key(t)
	s, server, sets := far3(t, func(c *Config) { c.Recipients, c.IdentityFile = []string{recipient}, file })
	s.lose()
	last := sets[2].ID
	b := s.newBot(newBotStore(t), "")
	s.reopen(server.URL, server)
	for _, args := range [][]string{{"verify", last}, {"verify", last, "s3"}} {
		p, err := s.sets.Operation().Plan(t.Context(), ops.Request{Word: "backup", Args: args})
		if err != nil || len(p.Steps) != 1 || p.Steps[0].Name != "verify_far:"+last {
			t.Errorf("%v: %+v, %v", args, p.Steps, err)
		}
	}
	_ = b
	var told int64
	p, err := s.sets.ProveFar(t.Context(), last, func(done, _ int64) { told = done })
	if err != nil || !p.Good || len(p.Sealed()) > 0 || len(p.Parts) != 5 || told == 0 {
		t.Errorf("the proof is %+v, %v", p, err)
	}
	if names := s.names(); len(names) > 0 {
		t.Errorf("here is %v", names)
	}
	// Without the key its bytes are compared all the same.
	s.cfg.IdentityFile = ""
	s.reopen(server.URL, server)
	if p, err := s.sets.ProveFar(t.Context(), last, nil); err != nil || !p.Good || !slices.Equal(p.Sealed(), []string{"secrets.tar.zst.age"}) {
		t.Errorf("the proof is %+v, %v", p, err)
	}
	for _, name := range []string{"secrets.tar.zst.age", "database.dump.zst"} {
		bend(t, server.Object("backups", "notebook/"+last+"/"+name))
		if p, err := s.sets.ProveFar(t.Context(), last, nil); err != nil || p.Good || !strings.Contains(p.Why, name) && name != "database.dump.zst" {
			t.Errorf("%s is bent: %+v, %v", name, p, err)
		}
	}
	if err := os.RemoveAll(server.Object("backups", "notebook/"+sets[0].ID)); err != nil {
		t.Fatal(err)
	}
	if p, err := s.sets.ProveFar(t.Context(), sets[1].ID, nil); err != nil || p.Good || !strings.Contains(p.Why, sets[0].ID) {
		t.Errorf("without its base: %+v, %v", p, err)
	}
	if _, err := s.sets.ProveFar(t.Context(), "20200101T000000Z", nil); problem(err) != "backup_unknown" {
		t.Errorf("a set that lies nowhere: %v", err)
	}
}

func TestUploadsThatWereBrokenOffAreClearedAway(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	s.far()
	set := s.take(Full)
	r := s.sets.remote
	core := &minio.Core{Client: r.s3}
	begin := func(key string) {
		if _, err := core.NewMultipartUpload(t.Context(), "backups", key, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (out []string) {
		for u := range r.s3.ListIncompleteUploads(t.Context(), "backups", "", true) {
			if u.Err != nil {
				t.Fatal(u.Err)
			}
			out = append(out, u.Key)
		}
		slices.Sort(out)
		return out
	}
	own, dead, strange := r.key(set.ID, "database.dump.zst"), r.key("20200101T000000Z", "files.tar.zst"), "notebook/somebody/elses.zst"
	for _, key := range []string{own, dead, strange} {
		begin(key)
	}
	s.send(set.ID)
	if got := left(); !slices.Equal(got, []string{dead, strange}) {
		t.Errorf("after a set was sent there are %v", got)
	}
	// One that may be at work still stays.
	s.sets.cfg.Now = time.Now
	if err := s.sets.Tidy(t.Context()); err != nil || len(left()) != 2 {
		t.Errorf("at once: %v, %v", left(), err)
	}
	s.sets.cfg.Now = func() time.Time { return time.Now().Add(brokenAfter + time.Hour) }
	if err := s.sets.Tidy(t.Context()); err != nil || !slices.Equal(left(), []string{strange}) {
		t.Errorf("later: %v, %v", left(), err)
	}
}

func TestTheNewestThatIsNotOfATimeToComeIsTheLatest(t *testing.T) {
	t.Parallel()
	s, server, sets := far3(t, nil)
	s.lose()
	const future = "20990101T000000Z"
	at := server.Object("backups", "notebook/"+future)
	if err := os.CopyFS(at, os.DirFS(server.Object("backups", "notebook/"+sets[0].ID))); err != nil {
		t.Fatal(err)
	}
	var m Manifest
	if err := durable.ReadJSON(at+"/manifest.json", &m); err != nil {
		t.Fatal(err)
	}
	m.ID, m.At = future, timeOf(future)
	if err := durable.WriteJSON(at+"/manifest.json", m); err != nil {
		t.Fatal(err)
	}
	if set, err := s.sets.Locate(t.Context(), future); err != nil || !set.Far {
		t.Fatalf("it is no set: %v", err)
	}
	if set, err := s.sets.LocateNewest(t.Context()); err != nil || set == nil || set.ID != sets[2].ID {
		t.Errorf("the newest is %+v, %v", set, err)
	}
}
