package backup

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnIncrementalWithoutABaseIsAFullOneAndSaysSo(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	first := s.take(Incremental)
	if first.Kind != Full || first.Asked != Incremental || len(first.Chain) != 0 || first.Files.Changed != 3 {
		t.Errorf("first = %+v", first.Manifest)
	}
	second := s.take(Incremental)
	if second.Kind != Incremental || second.Asked != "" || !slices.Equal(second.Chain, []string{first.ID}) || second.Files.Changed != 0 {
		t.Errorf("second = %+v", second.Manifest)
	}
}

func TestContentCountsAndNotItsTime(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	s.take(Full)
	one := filepath.Join(s.cfg.Root, "uploads/one")
	info, err := os.Stat(one)
	if err != nil {
		t.Fatal(err)
	}
	s.put("uploads/one", "eno") // as long, and as old
	if err := os.Chtimes(one, time.Now(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(s.cfg.Root, "uploads/deep/two"), time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.cfg.Root, "docker-compose.yml")); err != nil {
		t.Fatal(err)
	}
	set := s.take(Incremental)
	if set.Files.Changed != 1 || set.Files.Gone != 1 || set.Files.Count != 2 {
		t.Errorf("files = %+v", set.Files)
	}
	if d := cmp.Diff(s.onlyFiles(), s.unpacked(set.ID)); d != "" {
		t.Errorf("unpacked (-want +got):\n%s", d)
	}
}

// onlyFiles is the part of the application that backup.files names.
func (s *story) onlyFiles() map[string]string {
	s.Helper()
	out := map[string]string{}
	for name, is := range tree(s, s.cfg.Root) {
		if name == "docker-compose.yml" || strings.HasPrefix(name, "uploads") {
			out[name] = is
		}
	}
	return out
}

func TestEverySetOfAChainRestoresExactly(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 1))
	s := newStory(t, nil)
	var sets []*Set
	var states []map[string]string
	for range 6 {
		for range 1 + dice.IntN(12) {
			s.meddle(dice)
		}
		sets = append(sets, s.take(Incremental))
		states = append(states, s.onlyFiles())
	}
	for i, set := range sets {
		if len(set.Chain) != i {
			t.Errorf("set %d builds on %v", i, set.Chain)
		}
		if d := cmp.Diff(states[i], s.unpacked(set.ID)); d != "" {
			t.Errorf("seed %d: set %d (-want +got):\n%s", seed, i, d)
		}
		if p := s.prove(set.ID); !p.Good {
			t.Errorf("set %d: %+v", i, p)
		}
	}
}

// meddle does something to the files.
func (s *story) meddle(dice *rand.Rand) {
	s.Helper()
	dirs := []string{"uploads", "uploads/a", "uploads/a/b", "uploads/a.b"}
	name := fmt.Sprintf("%s/f%d", dirs[dice.IntN(len(dirs))], dice.IntN(4))
	full := filepath.Join(s.cfg.Root, name)
	var err error
	switch dice.IntN(6) {
	case 0:
		err = os.RemoveAll(full)
	case 1:
		err = errors.Join(os.RemoveAll(full), os.MkdirAll(full+"/sub", 0o750))
	case 2:
		err = errors.Join(os.RemoveAll(full), os.MkdirAll(filepath.Dir(full), 0o755), os.Symlink("f1", full))
	case 3:
		if info, bad := os.Lstat(full); bad == nil && info.Mode().IsRegular() {
			err = os.Chmod(full, 0o600)
		}
	case 4:
		err = os.RemoveAll(filepath.Join(s.cfg.Root, dirs[1+dice.IntN(3)]))
	default:
		if err = os.RemoveAll(full); err == nil {
			s.put(name, strings.Repeat(fmt.Sprint(dice.IntN(3)), dice.IntN(20000)))
		}
	}
	if err != nil {
		s.Fatal(err)
	}
}

func TestAChainWithoutItsBaseIsNotProven(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	base := s.take(Full)
	set := s.take(Incremental)
	if err := os.Rename(filepath.Join(s.cfg.Dir, base.ID), filepath.Join(s.cfg.Dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if p := s.prove(set.ID); p.Good || !strings.Contains(p.Why, base.ID) {
		t.Errorf("proof = %+v", p)
	}
	if next := s.take(Incremental); next.Kind != Full {
		t.Errorf("the next builds on %v", next.Chain)
	}
}
