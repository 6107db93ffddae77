package realparts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/gofrs/flock"
)

// Notebookbot builds the program under test, without cgo, and gives where it is.
func Notebookbot(t testing.TB) string {
	t.Helper()
	return goProgram(t, filepath.Join(root(), "cmd", "notebookbot"))
}

// GoProgram builds the Go program in that folder, without cgo and without symbols, and gives the binary.
func GoProgram(t testing.TB, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(goProgram(t, dir, "-trimpath", "-ldflags=-s -w"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// programs holds for each folder what builds its program once.
var programs sync.Map

func goProgram(t testing.TB, dir string, flags ...string) string {
	t.Helper()
	full, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	made, _ := programs.LoadOrStore(full, sync.OnceValues(func() (string, error) { return buildProgram(full, flags) }))
	path, err := made.(func() (string, error))() //nolint:errcheck,forcetypeassert // Nothing else is stored.
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// buildProgram builds into a place that the tests of all packages share: go links what is there and up to date no second time.
func buildProgram(dir string, flags []string) (string, error) {
	sum := sha256.Sum256([]byte(dir))
	const enough = 8
	into := filepath.Join(os.TempDir(), "notebookbot-programs-"+fmt.Sprint(os.Getuid()), hex.EncodeToString(sum[:enough]))
	if err := os.MkdirAll(into, 0o700); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(into, "lock"))
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock() //nolint:errcheck // It goes with the process.
	path := filepath.Join(into, filepath.Base(dir))
	cmd := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path, ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", dir, err, said)
	}
	return path, nil
}

// root is the top of the source tree.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
