package realparts

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"
)

// ImportImage makes an image of what is installed on this machine, since no registry is reached: the files and folders of paths
// where they are here, with the shared libraries that their programs need, and further files by name with their text. changes are
// lines of a Dockerfile such as `ENTRYPOINT ["/bin/sh"]`.
func ImportImage(t testing.TB, host, ref string, paths []string, further map[string]string, changes ...string) {
	t.Helper()
	root := &rootFS{have: map[string]bool{}}
	root.w = tar.NewWriter(&root.archive)
	if err := root.fill(paths, further); err != nil {
		t.Fatalf("gather the files of %s: %v", ref, err)
	}
	c, err := dockerClient(host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	said, err := c.ImageImport(t.Context(), image.ImportSource{Source: &root.archive, SourceName: "-"}, ref, image.ImportOptions{Changes: changes})
	if err != nil {
		t.Fatalf("import %s: %v", ref, err)
	}
	text, err := io.ReadAll(said)
	if err := errors.Join(err, said.Close()); err != nil || !bytes.Contains(text, []byte("sha256:")) {
		t.Fatalf("import %s: %v: %s", ref, err, text)
	}
}

// rootFS gathers the files of an image.
type rootFS struct {
	archive bytes.Buffer
	w       *tar.Writer
	have    map[string]bool
}

func (r *rootFS) fill(paths []string, further map[string]string) error {
	for _, p := range paths {
		if err := filepath.WalkDir(p, func(name string, _ fs.DirEntry, err error) error {
			// PostgreSQL's compiler of queries brings 100 MB of LLVM along and is not needed.
			if err != nil || strings.Contains(name, "llvmjit") || strings.Contains(name, "/bitcode") {
				return err
			}
			return r.add(name)
		}); err != nil {
			return err
		}
	}
	for _, name := range []string{"/tmp", "/run"} {
		if err := r.w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name[1:] + "/", Mode: 0o1777}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(further)) {
		text := further[name]
		if err := r.w.WriteHeader(&tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: 0o755, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := io.WriteString(r.w, text); err != nil {
			return err
		}
	}
	return r.w.Close()
}

// add adds what a name stands for, links followed, and the libraries of a program.
func (r *rootFS) add(name string) error {
	if r.have[name] {
		return nil
	}
	r.have[name] = true
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a link to nothing
	}
	if err != nil || !info.Mode().IsRegular() && !info.IsDir() {
		return err
	}
	h := &tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: int64(info.Mode().Perm()), ModTime: info.ModTime()}
	if info.IsDir() {
		h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		return r.w.WriteHeader(h)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	h.Size = int64(len(b))
	if err := r.w.WriteHeader(h); err != nil {
		return err
	}
	if _, err := r.w.Write(b); err != nil {
		return err
	}
	if !bytes.HasPrefix(b, []byte("\x7fELF")) {
		return nil
	}
	libraries, err := librariesOf(name)
	if err != nil {
		return err
	}
	for _, l := range libraries {
		if err := r.add(l); err != nil {
			return err
		}
	}
	return nil
}

var libraryPath = regexp.MustCompile(`(?m)(?:=>\s+|^\s+)(/\S+)`)

func librariesOf(name string) ([]string, error) {
	out, err := exec.Command("ldd", name).CombinedOutput()
	if bytes.Contains(out, []byte("not a dynamic executable")) || bytes.Contains(out, []byte("statically linked")) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w: %s", name, err, out)
	}
	var paths []string
	for _, m := range libraryPath.FindAllSubmatch(out, -1) {
		paths = append(paths, string(m[1]))
	}
	return paths, nil
}
