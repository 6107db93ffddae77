package deploy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const dotEnv = "# Copy to .env.\nPOSTGRES_PASSWORD='a=b #c'\r\nexport BACKEND_VERSION = v1 # set by deploy\n\nBACKEND_VERSION=v2\nPORT=8088"

func TestOnlyThePinnedValuesOfDotEnvChange(t *testing.T) {
	t.Parallel()
	pins := map[string]was{"BACKEND_VERSION": {"v3$1", true}, "FRONTEND_VERSION": {"v3", true}}
	got := writeEnv(dotEnv, pins)
	want := "# Copy to .env.\nPOSTGRES_PASSWORD='a=b #c'\r\nexport BACKEND_VERSION = v1 # set by deploy\n\nBACKEND_VERSION=v3$1\nPORT=8088\nFRONTEND_VERSION=v3\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	before := readEnv(dotEnv, "BACKEND_VERSION", "FRONTEND_VERSION")
	if diff := cmp.Diff(map[string]was{"BACKEND_VERSION": {"v2", true}, "FRONTEND_VERSION": {}}, before); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(dotEnv+"\n", writeEnv(got, before)); diff != "" {
		t.Errorf("the way back: %s", diff)
	}
}

func TestDotEnvIsReplacedAtOnceWithItsRightsAlsoBehindALink(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "shop.env")
	if err := os.WriteFile(elsewhere, []byte(dotEnv), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(dir, ".env")); err != nil {
		t.Fatal(err)
	}
	if err := setEnv(dir, map[string]was{"BACKEND_VERSION": {"v9", true}}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(elsewhere)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its rights are %v, %v", info.Mode(), err)
	}
	now, err := currentEnv(dir, "BACKEND_VERSION")
	if err != nil || now["BACKEND_VERSION"].Value != "v9" {
		t.Errorf("it says %+v, %v", now, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(elsewhere), ".env.*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	fresh := t.TempDir()
	if err := setEnv(fresh, map[string]was{"BACKEND_VERSION": {"v1", true}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(fresh, ".env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new one is %v, %v", info, err)
	}
}

func FuzzDotEnvIsTheSameAfterTheWayBack(f *testing.F) {
	f.Add(dotEnv, "v3")
	f.Add("BACKEND_VERSION", "v3")
	f.Add("\nBACKEND_VERSION=\n#", "${x}")
	f.Fuzz(func(t *testing.T, text, version string) {
		if !imageTag.MatchString(version) {
			return
		}
		before := readEnv(text, "BACKEND_VERSION")
		pinned := writeEnv(text, map[string]was{"BACKEND_VERSION": {version, true}})
		if got := readEnv(pinned, "BACKEND_VERSION")["BACKEND_VERSION"]; got != (was{version, true}) {
			t.Errorf("pinned it says %+v: %q", got, pinned)
		}
		back := writeEnv(pinned, before)
		if back != text && back != text+"\n" {
			t.Errorf("%q came back as %q", text, back)
		}
		if strings.Count(pinned, "\n") < strings.Count(text, "\n") {
			t.Errorf("a line was lost: %q, %q", text, pinned)
		}
	})
}
