package realparts

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/build"
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
	if err := buildImage(t, host, ref, dockerfile, files); err != nil {
		t.Fatalf("build the image %s: %v", ref, err)
	}
}

func buildImage(t testing.TB, host, ref, dockerfile string, files map[string][]byte) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(name string, content []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	if err := add("Dockerfile", []byte(dockerfile)); err != nil {
		return err
	}
	for name, content := range files {
		if err := add(name, content); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	c, err := dockerClient(host)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	res, err := c.ImageBuild(t.Context(), &archive, build.ImageBuildOptions{
		Tags: []string{ref}, Version: build.BuilderV1, Remove: true, ForceRemove: true,
	})
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	// A build that fails is told in the answer's lines, not by its status.
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		var line struct {
			Error string `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return err
		}
		if line.Error != "" {
			return fmt.Errorf("the engine says: %s", line.Error)
		}
	}
	return nil
}
