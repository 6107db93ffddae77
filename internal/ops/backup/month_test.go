package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// month makes the sets of a month at the guide's pace, as they lie on the disk: a full one a day and 47 incrementals that build on all before
// them, each with the rows of 60 tables. Their parts are sparse.
func month(t testing.TB, dir string) []string {
	t.Helper()
	rows := map[string]int64{}
	for i := range 60 {
		rows[fmt.Sprintf("public.table_with_a_name_%d", i)] = int64(i) * 1000
	}
	var out, chain []string
	for i := range 1440 {
		at := noon.Add(time.Duration(i-1439) * 30 * time.Minute)
		id := newID(at, 0)
		m := handmade(id)
		m.Kind, m.Project, m.Database.Rows = Full, "notebook", rows
		m.Images = map[string][]string{"backend": {"sha256:" + sumOf(nil)}, "postgres": {"sha256:" + sumOf(nil)}}
		if i%48 == 0 {
			chain = nil
		} else {
			m.Kind, m.Chain = Incremental, slices.Clone(chain)
		}
		chain = append(chain, id)
		m.Parts = nil
		p := Proof{Set: id, Good: true, At: at}
		for _, part := range []string{PartDatabase, PartFiles, PartIndex, PartConfig, PartSecrets} {
			m.Parts = append(m.Parts, Part{Name: part + ".zst", Part: part, SHA256: sumOf([]byte(part)), Size: 1 << 20, Raw: 1 << 23})
			p.Parts = append(p.Parts, PartProof{Name: part + ".zst", SHA256: sumOf([]byte(part)), State: PartRead})
		}
		m.Index = m.Parts[2]
		at2 := filepath.Join(dir, id)
		if err := os.MkdirAll(at2, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, v := range map[string]any{manifestName: m, proofName: p, uploadName: Upload{Set: id, At: at, Bucket: "backups"}} {
			b, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(at2, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range m.Parts {
			f, err := os.Create(filepath.Join(at2, p.Name))
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Truncate(p.Size); err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
		}
		out = append(out, id)
	}
	return out
}

// BenchmarkMonth measures what is asked of the sets of a month: the list, the status, a look of the clock (every 20 seconds) and what an incremental
// builds on.
func BenchmarkMonth(b *testing.B) {
	dir := b.TempDir()
	ids := month(b, dir)
	s, err := Open(Config{
		Dir: dir, Root: b.TempDir(), Project: "notebook", Every: 30 * time.Minute, RPO: time.Hour, Fresh: 15 * time.Minute, Retention: 720 * time.Hour,
		Now: func() time.Time { return noon },
	}, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"list":    func() error { _, err := s.List(); return err },
		"status":  func() error { _, err := s.Status(); return err },
		"sweep":   func() error { return s.Sweep(context.Background()) },
		"base":    func() error { _, err := s.base(); return err },
		"expired": func() error { _, err := s.Old(context.Background()); return err },
		"forget":  func() error { _, err := s.Forget(context.Background(), ids[0]); return err },
		"draft":   func() error { _, err := s.draft(Incremental, 1); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("held: %d MB", m.HeapAlloc>>20)
}

func TestWhatChangedOfASetIsReadAnew(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	set := s.take(Full)
	for range 2 {
		if sets, err := s.sets.List(); err != nil || len(sets) != 1 || !sets[0].Proven() {
			t.Fatalf("sets = %+v, %v", sets, err)
		}
	}
	bad := set.Proof
	bad.Good, bad.Why = false, "somebody looked"
	if err := durable.WriteJSON(s.sets.path(set.ID, proofName), bad); err != nil {
		t.Fatal(err)
	}
	if set := s.find(set.ID); set.Proven() || set.Proof.Why != bad.Why {
		t.Errorf("the proof is %+v", set.Proof)
	}
	if err := os.Remove(s.sets.path(set.ID, proofName)); err != nil {
		t.Fatal(err)
	}
	if set := s.find(set.ID); !set.Proof.At.IsZero() {
		t.Errorf("the proof is %+v", set.Proof)
	}
	// What is given out is the caller's own.
	s.find(set.ID).Broken = "by its reader"
	if why := s.find(set.ID).Broken; why != "" {
		t.Errorf("it is broken %s", why)
	}
	if err := os.RemoveAll(s.sets.path(set.ID)); err != nil {
		t.Fatal(err)
	}
	if sets, err := s.sets.List(); err != nil || len(sets) != 0 || len(s.sets.known) != 0 {
		t.Errorf("sets = %v, %v, %d are remembered", sets, err, len(s.sets.known))
	}
}
