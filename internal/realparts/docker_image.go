package realparts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/sample/images"
)

// GoProgram builds the Go program in that folder, without cgo, and gives the binary. The tests of one process build it once.
func GoProgram(t testing.TB, dir string) []byte {
	t.Helper()
	full, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	made, _ := programs.LoadOrStore(full, sync.OnceValues(func() ([]byte, error) { return buildProgram(full) }))
	binary, err := made.(func() ([]byte, error))() //nolint:errcheck,forcetypeassert // Nothing else is stored.
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var programs sync.Map

func buildProgram(dir string) ([]byte, error) {
	out, err := os.MkdirTemp("", "notebookbot-program-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out) //nolint:errcheck // A temporary folder.
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(out, "program"), ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", dir, err, said)
	}
	return os.ReadFile(filepath.Join(out, "program"))
}

// BuildImage makes an image with the engine's own builder: a Dockerfile and the files that it copies, all of them executable.
func BuildImage(t testing.TB, host, ref, dockerfile string, files map[string][]byte) {
	t.Helper()
	if err := images.Build(t.Context(), host, ref, dockerfile, files); err != nil {
		t.Fatal(err)
	}
}

// ImportImage makes an image of what is installed on this machine, since no registry is reached: the files and folders of paths
// where they are here, with the shared libraries that their programs need, and further files by name with their text. changes are
// lines of a Dockerfile such as `ENTRYPOINT ["/bin/sh"]`.
func ImportImage(t testing.TB, host, ref string, paths []string, further map[string]string, changes ...string) {
	t.Helper()
	if err := images.Import(t.Context(), host, ref, images.Root{Paths: paths, Further: further}, changes...); err != nil {
		t.Fatal(err)
	}
}
