package restore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

func TestTheVersionsThatRunStayWhenTheSecretsComeBack(t *testing.T) {
	t.Parallel()
	pins := map[string]bool{"BACKEND_VERSION": true}
	for name, c := range map[string]struct{ old, live, want string }{
		"another version":     {"A=1\nBACKEND_VERSION=v1\n", "A=2\nBACKEND_VERSION=v2\n", "A=1\nBACKEND_VERSION=v2\n"},
		"none before":         {"A=1", "BACKEND_VERSION=v2", "A=1\nBACKEND_VERSION=v2\n"},
		"none now":            {"A=1\nBACKEND_VERSION=v1\n", "A=2\n", "A=1\n"},
		"exported, commented": {"# c\nexport BACKEND_VERSION = v1\n", "export BACKEND_VERSION=v2\n", "# c\nexport BACKEND_VERSION=v2\n"},
		"a name like it":      {"BACKEND_VERSION_OLD=v0\n", "BACKEND_VERSION=v2\n", "BACKEND_VERSION_OLD=v0\nBACKEND_VERSION=v2\n"},
	} {
		if got := withPins(c.old, c.live, pins); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestRowsThatDifferAreNamed(t *testing.T) {
	t.Parallel()
	want := postgres.Counts{"a": 1, "b": 2, "c": 3}
	if err := compare(want, postgres.Counts{"a": 1, "b": 2, "c": 3}); err != nil {
		t.Error(err)
	}
	err := compare(want, postgres.Counts{"a": 1, "b": 5, "d": 9})
	if got := "the restored database differs from the set: b has 5 rows instead of 2; c has no table and no rows instead of 3; d has 9 rows instead of no table and no"; err == nil || err.Error() != got {
		t.Errorf("it says %v", err)
	}
	if err := compare(nil, want); err != nil {
		t.Errorf("a set without counts: %v", err)
	}
}

// Each way of an exchange is its own way back, and a file that somebody else has put there stays.
func TestAPathIsExchangedAndBackAndNothingOfOthersIsTouched(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ live, beside bool }{"both": {true, true}, "only new": {false, true}, "only old": {true, false}} {
		k := &Kind{Config: Config{Root: t.TempDir()}}
		folder := k.folder("OP-1")
		live, beside := filepath.Join(k.Config.Root, "deep", "x"), filepath.Join(besideFolder(folder, partFiles), "deep", "x")
		put := func(there bool, path, text string) string {
			if there {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			id, err := identity(path)
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		p := pair{Path: "deep/x", Live: put(c.live, live, "old"), Beside: put(c.beside, beside, "new")}
		for _, forth := range []bool{false, true, true, false, false, true} {
			if err := k.flip(folder, partFiles, p, forth); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if done, err := flipped(live, beside, p); err != nil || done != forth {
				t.Errorf("%s: exchanged is %v, want %v (%v)", name, done, forth, err)
			}
		}
		put(true, filepath.Join(k.Config.Root, "other"), "mine")
		if err := os.Rename(filepath.Join(k.Config.Root, "other"), live); err != nil {
			t.Fatal(err)
		}
		if err := k.flip(folder, partFiles, p, false); err == nil {
			t.Errorf("%s: somebody else's file was exchanged", name)
		}
	}
}
