package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestASetCanBeRestoredByHandWithoutTheBot(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "zstd")
	s := newStory(t, nil)
	set := s.take(Full)
	if !set.Proven() || set.Kind != Full || set.Files.Count != 3 || !slices.Equal(set.Missing, []string{"monitoring", "ssl"}) {
		t.Errorf("set = %+v", set)
	}
	dir := filepath.Join(s.cfg.Dir, set.ID)
	for _, p := range set.Parts {
		if sum := s.run(nil, "sha256sum", filepath.Join(dir, p.Name)); !strings.HasPrefix(sum, p.SHA256) {
			t.Errorf("%s: sha256 is %s, the manifest says %s", p.Name, sum, p.SHA256)
		}
		info, err := os.Stat(filepath.Join(dir, p.Name))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", p.Name, info.Mode(), err)
		}
	}
	raw := s.run(nil, "zstd", "-dc", filepath.Join(dir, "database.dump.zst"))
	fresh := realparts.Postgres(t)
	s.run(strings.NewReader(raw), "pg_restore", "--dbname="+fresh, "--no-owner", "--exit-on-error")
	if n := s.rows(fresh, "notes"); n != 2000 {
		t.Errorf("%d rows came back of 2000", n)
	}
	to := t.TempDir()
	for _, part := range []string{"files", "config", "secrets"} {
		s.run(strings.NewReader(s.run(nil, "zstd", "-dc", filepath.Join(dir, part+".tar.zst"))), "tar", "-x", "-p", "-C", to)
	}
	if d := cmp.Diff(tree(t, s.cfg.Root), tree(t, to)); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
}

func TestADumpThatIsCutIsNotAProvenSet(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	set := s.take(Full)
	name := filepath.Join(s.cfg.Dir, set.ID, "database.dump.zst")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for what, b := range map[string][]byte{
		"cut to a fifth": whole[:len(whole)/5], "a flipped bit": flipped, "a longer file": append(bytes.Clone(whole), 0), "nothing": nil, "missing": nil,
	} {
		err := os.WriteFile(name, b, 0o600)
		if what == "missing" {
			err = os.Remove(name)
		}
		if err != nil {
			t.Fatal(err)
		}
		p := s.prove(set.ID)
		if found := s.find(set.ID); p.Good || found.Proven() || p.Why == "" || found.Proof.Why != p.Why {
			t.Errorf("%s: proof = %+v", what, p)
		}
	}
	if err := os.WriteFile(name, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if p := s.prove(set.ID); !p.Good {
		t.Errorf("whole again: %+v", p)
	}
}

func TestAPartThatTheDiskCutBeforeTheManifestMakesNoSet(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	d, err := s.sets.draft(Full, 0)
	if err == nil {
		err = s.sets.begin(t.Context(), d)
	}
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.sets.dump(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(s.sets.path(d.ID+partial, "database.dump.zst"), made.Parts[0].Size-1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sets.commit(t.Context(), d, made); !errors.Is(err, ErrDamaged) {
		t.Errorf("it is a set: %v", err)
	}
	if _, err := s.sets.Find(d.ID); problem(err) != "backup_unknown" {
		t.Errorf("it is found: %v", err)
	}
}

// What decompresses and reads well may still be what another set has, or more than was written.
func TestAPartThatReadsWellAndIsAnotherIsNotProven(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	set := s.take(Full)
	name := s.sets.path(set.ID, "config.tar.zst")
	in, _, err := s.sets.OpenPart(set.ID, PartConfig)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(in)
	if err := errors.Join(err, in.Close()); err != nil {
		t.Fatal(err)
	}
	bent := bytes.Replace(raw, []byte("events {}"), []byte("events []"), 1) // of the same length, and a good archive
	dir := t.TempDir()
	out, err := newSink(dir, PartConfig, nil, s.clock())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(bent); err != nil {
		t.Fatal(err)
	}
	if p, err := out.close(s.clock()); err != nil || p.Raw != int64(len(raw)) || bytes.Equal(raw, bent) {
		t.Fatal(p, err)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(dir, "config.tar.zst"))
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{"of another set": foreign, "with more at its end": append(bytes.Clone(whole), whole...)} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if p := s.prove(set.ID); p.Good || !strings.Contains(p.Why, "config.tar.zst") {
			t.Errorf("%s: proof = %+v", what, p)
		}
		if err := s.sets.UnpackPart(t.Context(), set.ID, PartConfig, t.TempDir()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s is unpacked: %v", what, err)
		}
	}
	// A manifest that counts other entries than there are.
	m := set.Manifest
	m.Parts = slices.Clone(m.Parts)
	i := slices.IndexFunc(m.Parts, func(p Part) bool { return p.Part == PartConfig })
	m.Parts[i].Entries++
	if err := errors.Join(os.WriteFile(name, whole, 0o600), durable.WriteJSON(s.sets.path(set.ID, manifestName), m)); err != nil {
		t.Fatal(err)
	}
	if p := s.prove(set.ID); p.Good || !strings.Contains(p.Why, "entries") {
		t.Errorf("miscounted: proof = %+v", p)
	}
}

// A dump may be damaged before it is hashed, which no sha256 tells: pg_restore has to read it.
func TestADumpThatIsNoDumpIsNotProven(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	d, err := s.sets.draft(Full, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.sets.take(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	src, _, err := s.sets.OpenPart(d.ID, PartDatabase)
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(src); err != nil {
		t.Fatal(err)
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := newSink(s.sets.path(d.ID), PartDatabase, nil, s.now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(raw.Bytes()[:raw.Len()/2]); err != nil {
		t.Fatal(err)
	}
	p, err := out.close(s.now)
	if err != nil {
		t.Fatal(err)
	}
	m := s.find(d.ID).Manifest
	m.Parts[0] = p
	if err := durable.WriteJSON(s.sets.path(d.ID, manifestName), m); err != nil {
		t.Fatal(err)
	}
	if proof := s.prove(d.ID); proof.Good || !strings.Contains(proof.Why, "pg_restore") {
		t.Errorf("proof = %+v", proof)
	}
}

func TestADumpThatFailsLeavesNoSet(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	s.then = func(int64) error { return errors.New("cut off") }
	if _, err := s.sets.Take(t.Context(), Full, nil); err == nil {
		t.Error("it is said to be taken")
	}
	if names := s.names(); len(names) != 0 {
		t.Errorf("left %v", names)
	}
}

func TestADiskThatIsTooSmallIsSaidBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	huge := &Set{Manifest: handmade("20200101T000000Z")}
	huge.Project, huge.Parts[0].Size = "notebook", 1<<50
	if err := errors.Join(os.MkdirAll(s.sets.path(huge.ID), 0o700), durable.WriteJSON(s.sets.path(huge.ID, manifestName), huge.Manifest)); err != nil {
		t.Fatal(err)
	}
	_, err := s.sets.Take(t.Context(), Full, nil)
	p, ok := errors.AsType[*ops.Problem](err)
	if !ok || p.Code != "backup_space" || p.Total != 2251799814 {
		t.Errorf("err = %v", err)
	}
	if names := s.names(); len(names) != 1 {
		t.Errorf("left %v", names)
	}
}

func TestAManifestThatLeadsElsewhereIsNoSet(t *testing.T) {
	t.Parallel()
	good := handmade("20260101T000000Z")
	if why := good.odd(good.ID); why != "" {
		t.Fatal(why)
	}
	for what, change := range map[string]func(m *Manifest){
		"a part elsewhere":         func(m *Manifest) { m.Parts[0].Name = "../../etc/shadow" },
		"its own manifest":         func(m *Manifest) { m.Parts[0].Name = "manifest.json" },
		"a part twice":             func(m *Manifest) { m.Parts = append(m.Parts, m.Parts[0]) },
		"a base elsewhere":         func(m *Manifest) { m.Kind, m.Chain = Incremental, []string{"../x"} },
		"itself as its base":       func(m *Manifest) { m.Kind, m.Chain = Incremental, []string{m.ID} },
		"a later format":           func(m *Manifest) { m.Format = 2 },
		"another id":               func(m *Manifest) { m.ID = "20260101T000001Z" },
		"an incremental of itself": func(m *Manifest) { m.Kind = Incremental },
		"a part of another name":   func(m *Manifest) { m.Parts[0].Part = PartSecrets },
		"a part without a hash":    func(m *Manifest) { m.Parts[0].SHA256 = "" },
		"a part below nothing":     func(m *Manifest) { m.Parts[0].Size = -1 },
		"a part beyond all disks":  func(m *Manifest) { m.Parts[0].Raw = 1 << 62 },
		"an index beyond them":     func(m *Manifest) { m.Index = Part{Name: indexName, Part: PartIndex, Size: 1 << 62} },
		"files beyond them":        func(m *Manifest) { m.Files.Bytes = 1 << 62 },
		"another moment":           func(m *Manifest) { m.At = m.At.AddDate(70, 0, 0) },
		"a base twice":             func(m *Manifest) { m.Kind, m.Chain = Incremental, []string{"20250101T000000Z", "20250101T000000Z"} },
		"a chain without an end": func(m *Manifest) {
			m.Kind = Incremental
			for i := range longestChain + 1 {
				m.Chain = append(m.Chain, newID(noon.Add(time.Duration(i)*time.Second), 0))
			}
		},
	} {
		m := good
		m.Parts = slices.Clone(good.Parts)
		change(&m)
		if m.odd(good.ID) == "" {
			t.Errorf("%s is taken", what)
		}
	}
	for _, id := range []string{"", ".", "..", "../x", "20260101T000000Z/..", "20260101T000000Z.partial", "x"} {
		if CheckID(id) == nil {
			t.Errorf("the id %q is taken", id)
		}
	}
}

// handmade is the manifest of a full set of one empty part.
func handmade(id string) Manifest {
	return Manifest{Format: format, ID: id, At: timeOf(id), Kind: Full, Parts: []Part{{Name: "database.dump.zst", Part: PartDatabase, SHA256: sumOf(nil)}}}
}

func FuzzAManifestNeverNamesAFileOutside(f *testing.F) {
	good, err := json.Marshal(handmade("20260101T000000Z"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":1,"id":"20260101T000000Z","at":"2026-01-01T00:00:00Z","kind":"full","parts":[{"name":"database.dump.zst"}],"index":{"name":"../x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, why := readManifest(b, "20260101T000000Z")
		if why != "" {
			return
		}
		if n := m.Size(); n < 0 {
			t.Errorf("it takes %d bytes", n)
		}
		for _, p := range append(slices.Clone(m.Parts), m.Index) {
			if p.Name != "" && filepath.Base(p.Name) != p.Name {
				t.Errorf("part %q", p.Name)
			}
		}
	})
}
