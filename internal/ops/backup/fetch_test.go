package backup

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// lose takes the disk of the backups away.
func (s *story) lose() {
	s.Helper()
	if err := os.RemoveAll(s.cfg.Dir); err != nil {
		s.Fatal(err)
	}
}

func (s *story) send(id string) {
	s.Helper()
	if _, err := s.sets.Send(s.Context(), id, nil); err != nil {
		s.Fatalf("send %s: %v", id, err)
	}
}

// missing plans what has to come.
func (s *story) missing(id string, parts ...string) *Fetch {
	s.Helper()
	set, err := s.sets.Locate(s.Context(), id)
	if err != nil {
		s.Fatalf("locate %s: %v", id, err)
	}
	f, err := s.sets.Missing(s.Context(), set, parts)
	if err != nil {
		s.Fatalf("what is missing of %s: %v", id, err)
	}
	return f
}

// far3 is an application with a full set and two incrementals, the newest of which was sent.
func far3(t *testing.T, change func(c *Config)) (*story, *realparts.S3, []*Set) {
	t.Helper()
	s := newStory(t, change)
	server := s.far()
	sets := []*Set{s.take(Full)}
	s.put("uploads/three", "three")
	sets = append(sets, s.take(Incremental))
	s.put("uploads/one", "another one")
	if err := os.Remove(filepath.Join(s.cfg.Root, "uploads/deep/two")); err != nil {
		t.Fatal(err)
	}
	sets = append(sets, s.take(Incremental))
	s.send(sets[2].ID)
	return s, server, sets
}

func TestALostDiskComesBackFromTheSecondPlace(t *testing.T) {
	t.Parallel()
	recipient, file := key(t)
	s, _, sets := far3(t, func(c *Config) { c.Recipients, c.IdentityFile = []string{recipient}, file })
	last := sets[2].ID
	want := s.unpacked(last)
	if got := remoteIDs(t, s.sets); !slices.Equal(got, []string{last, sets[1].ID, sets[0].ID}) {
		t.Errorf("with the newest went %v", got)
	}
	s.lose()
	newest, err := s.sets.LocateNewest(t.Context())
	if err != nil || newest == nil || newest.ID != last || !newest.Far || newest.Proven() {
		t.Fatalf("the newest is %+v, %v", newest, err)
	}
	f := s.missing(last, PartDatabase, PartFiles, PartSecrets)
	if len(f.Sets) != 3 || !slices.Equal(f.Sets[0].Parts, []string{PartFiles}) || f.Sets[2].ID != last || !f.Sealed || f.Bytes == 0 || s.sets.Fetched(*f) {
		t.Errorf("to come is %+v", f)
	}
	var told int64
	if err := s.sets.Fetch(t.Context(), 7, *f, func(done, total int64) {
		if done < told || total != f.Bytes {
			t.Errorf("%d after %d of %d", done, told, total)
		}
		told = done
	}); err != nil {
		t.Fatal(err)
	}
	if told != f.Bytes || !s.sets.Fetched(*f) {
		t.Errorf("%d bytes came of %d", told, f.Bytes)
	}
	if got := s.unpacked(last); !maps.Equal(got, want) {
		t.Errorf("the files are %v, want %v", keysOf(got), keysOf(want))
	}
	s.readable(last, PartDatabase)
	s.readable(last, PartSecrets)
	if names := s.names(); !slices.Equal(names, []string{sets[0].ID, sets[1].ID, last}) {
		t.Errorf("here are %v", names)
	}
	// A set that is here by half is none that counts: not before an operation, not for an incremental, and retention keeps three others.
	if set, err := s.sets.Newest(); err != nil || set != nil {
		t.Errorf("%v counts as proven, %v", set, err)
	}
	if p := s.prove(last); p.Good || !strings.Contains(p.Why, "not proven") {
		t.Errorf("what it builds on was not read yet, and the proof says %+v", p)
	}
	for _, set := range sets {
		if p := s.prove(set.ID); !p.Good {
			t.Errorf("what is here of %s was read, and the proof says %+v", set.ID, p)
		}
		if s.find(set.ID).Proven() {
			t.Errorf("a set without %v is proven", s.find(set.ID).Without)
		}
	}
	if set, err := s.sets.Newest(); err != nil || set != nil {
		t.Errorf("%v counts as proven, %v", set, err)
	}
	if set := s.take(Incremental); set.Kind != Full {
		t.Errorf("the next builds on %v", set.Chain)
	}
}

// readable reads a part of a set to its end.
func (s *story) readable(id, part string) {
	s.Helper()
	in, _, err := s.sets.OpenPart(id, part)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
		err = errors.Join(err, in.Close())
	}
	if err != nil {
		s.Errorf("%s of %s: %v", part, id, err)
	}
}

func TestOnlyWhatIsWantedComesAndTheRestLater(t *testing.T) {
	t.Parallel()
	s, server, sets := far3(t, nil)
	s.lose()
	last := sets[2].ID
	f := s.missing(last, PartConfig)
	if len(f.Sets) != 1 {
		t.Errorf("to come is %+v", f)
	}
	for range 2 { // it may be done again
		if err := s.sets.Fetch(t.Context(), 7, *f, nil); err != nil {
			t.Fatal(err)
		}
	}
	s.readable(last, PartConfig)
	if _, _, err := s.sets.OpenPart(last, PartDatabase); err == nil {
		t.Error("a dump that is not here is opened")
	}
	if set := s.find(last); set.Broken != "" || len(set.Without) != 3 || !s.sets.sent(set) {
		t.Errorf("here is %+v", set)
	}
	// What is here is not brought once more: there it is bent by now.
	bend(t, server.Object("backups", "notebook/"+last+"/config.tar.zst"))
	f = s.missing(last, PartConfig, PartDatabase)
	if err := s.sets.Fetch(t.Context(), 8, *f, nil); err != nil {
		t.Fatal(err)
	}
	s.readable(last, PartConfig)
	s.readable(last, PartDatabase)
	if s.missing(last, PartConfig, PartDatabase) != nil {
		t.Error("it would come again")
	}
	// Of a set that is whole here but for a damaged dump, what never went stays.
	set := s.take(Full)
	s.send(set.ID)
	bend(t, s.sets.path(set.ID, "database.dump.zst"))
	s.prove(set.ID)
	if err := s.sets.Fetch(t.Context(), 9, *s.missing(set.ID, PartDatabase), nil); err != nil {
		t.Fatal(err)
	}
	s.readable(set.ID, PartSecrets)
	if !s.prove(set.ID).Good || !s.find(set.ID).Proven() {
		t.Errorf("it is %+v", s.find(set.ID))
	}
}

// bend changes one byte of a file.
func bend(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatTheBucketHoldsIsNotBelieved(t *testing.T) {
	t.Parallel()
	s, server, sets := far3(t, nil)
	s.lose()
	last := sets[2].ID
	dump := server.Object("backups", "notebook/"+last+"/database.dump.zst")
	manifest := server.Object("backups", "notebook/"+last+"/manifest.json")
	good := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	goodDump, goodManifest := good(dump), good(manifest)
	put := func(name string, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := s.missing(last, PartDatabase)
	// Of the same size, and other bytes.
	bend(t, dump)
	if err := s.sets.Fetch(t.Context(), 7, *f, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("bent: %v", err)
	}
	if names := s.names(); len(names) > 0 {
		t.Errorf("left is %v", names)
	}
	// Another set in its place since the plan.
	other := strings.Replace(string(goodManifest), `"rows"`, `"ROWS"`, 1)
	put(dump, goodDump)
	put(manifest, []byte(other+" "))
	if err := s.sets.Fetch(t.Context(), 7, *f, nil); problem(err) != "backup_far_changed" {
		t.Errorf("changed: %v", err)
	}
	for what, change := range map[string]func(m *Manifest){
		"a part elsewhere":    func(m *Manifest) { m.Parts[0].Name = "../../../etc/passwd" },
		"another id":          func(m *Manifest) { m.ID = sets[0].ID },
		"more bytes":          func(m *Manifest) { m.Parts[0].Size++ },
		"parts that are away": func(m *Manifest) { m.Without = []string{"database.dump.zst"} },
		"beyond all disks":    func(m *Manifest) { m.Parts[0].Raw = 1 << 61 },
	} {
		var m Manifest
		if err := json.Unmarshal(goodManifest, &m); err != nil {
			t.Fatal(err)
		}
		change(&m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		put(manifest, b)
		if _, err := s.sets.Locate(t.Context(), last); problem(err) != "backup_far_broken" {
			t.Errorf("%s: %v", what, err)
		}
	}
	put(manifest, make([]byte, mostManifest+1))
	if _, err := s.sets.Locate(t.Context(), last); err == nil {
		t.Error("a manifest without an end is read")
	}
	put(manifest, goodManifest)
	// What it builds on is gone.
	if err := os.RemoveAll(server.Object("backups", "notebook/"+sets[0].ID)); err != nil {
		t.Fatal(err)
	}
	set, err := s.sets.Locate(t.Context(), last)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.sets.Missing(t.Context(), set, []string{PartFiles}); problem(err) != "backup_far_chain" {
		t.Errorf("without its base: %v", err)
	}
	if f, err := s.sets.Missing(t.Context(), set, []string{PartDatabase}); err != nil || len(f.Sets) != 1 {
		t.Errorf("the database alone needs no base: %+v, %v", f, err)
	}
	if _, err := s.sets.Locate(t.Context(), "20200101T000000Z"); problem(err) != "backup_unknown" {
		t.Errorf("a set that lies nowhere: %v", err)
	}
}

func TestWhatNothingHereOpensIsSaidBeforeItComes(t *testing.T) {
	t.Parallel()
	recipient, file := key(t)
	_, stranger := key(t)
	s, server, sets := far3(t, func(c *Config) { c.Recipients, c.EncryptAll, c.IdentityFile = []string{recipient}, true, file })
	s.lose()
	for _, id := range []string{"", stranger} {
		s.cfg.IdentityFile = id
		s.reopen(server.URL, server)
		set, err := s.sets.Locate(t.Context(), sets[2].ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.sets.Missing(t.Context(), set, []string{PartDatabase}); problem(err) != "backup_sealed" {
			t.Errorf("with the key %q: %v", id, err)
		}
	}
	s.cfg.IdentityFile = file
	s.reopen(server.URL, server)
	if f := s.missing(sets[2].ID, PartDatabase); !f.Sealed {
		t.Errorf("to come is %+v", f)
	}
	if names := s.names(); len(names) > 0 {
		t.Errorf("here is %v", names)
	}
}

func TestWhatTheDiskHasNoRoomForDoesNotCome(t *testing.T) {
	t.Parallel()
	s, server, sets := far3(t, nil)
	s.lose()
	const huge = 8 << 40
	at := server.Object("backups", "notebook/"+sets[2].ID+"/")
	var m Manifest
	if err := durable.ReadJSON(at+"/manifest.json", &m); err != nil {
		t.Fatal(err)
	}
	m.Parts[0].Size = huge
	if err := errors.Join(os.Truncate(at+"/database.dump.zst", huge), durable.WriteJSON(at+"/manifest.json", m)); err != nil {
		t.Skipf("this file system holds no such file: %v", err)
	}
	set, err := s.sets.Locate(t.Context(), sets[2].ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.sets.Missing(t.Context(), set, []string{PartDatabase})
	if p, ok := errors.AsType[*ops.Problem](err); !ok || p.Code != "backup_fetch_space" || p.Total < huge/1_000_000 {
		t.Errorf("err = %v", err)
	}
}
