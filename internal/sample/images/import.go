package images

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
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

	"github.com/docker/docker/api/types/image"
)

// Root is what an image is made of: files and folders of this machine where they are here, with the shared libraries that their
// programs need, and further files by name with their text.
type Root struct {
	Paths   []string
	Further map[string]string
}

// Import makes an image of what is installed on this machine. changes are lines of a Dockerfile such as `ENTRYPOINT ["/bin/sh"]`.
func Import(ctx context.Context, host, ref string, root Root, changes ...string) error {
	c, err := open(host)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	from, to := io.Pipe()
	// The reader must go too when the engine does not read to the end, or the writer waits for ever.
	defer from.Close() //nolint:errcheck // Never fails.
	go func() { to.CloseWithError(root.write(ctx, to)) }()
	said, err := c.ImageImport(ctx, image.ImportSource{Source: from, SourceName: "-"}, ref, image.ImportOptions{Changes: changes})
	if err != nil {
		return fmt.Errorf("import %s: %w", ref, err)
	}
	text, err := io.ReadAll(said)
	if err := errors.Join(err, said.Close()); err != nil {
		return fmt.Errorf("import %s: %w", ref, err)
	}
	if !bytes.Contains(text, []byte("sha256:")) {
		return fmt.Errorf("import %s: the engine says: %s", ref, text)
	}
	return nil
}

// archive writes the files of an image, each once.
type archive struct {
	ctx  context.Context //nolint:containedctx // of one write
	w    *tar.Writer
	have map[string]bool
}

func (root Root) write(ctx context.Context, to io.Writer) error {
	a := &archive{ctx: ctx, w: tar.NewWriter(to), have: map[string]bool{}}
	for _, p := range root.Paths {
		if err := filepath.WalkDir(p, func(name string, _ fs.DirEntry, err error) error {
			// PostgreSQL's compiler of queries brings 100 MB of LLVM along and is not needed.
			if err != nil || strings.Contains(name, "llvmjit") || strings.Contains(name, "/bitcode") {
				return err
			}
			return a.add(name)
		}); err != nil {
			return err
		}
	}
	for _, name := range []string{"/tmp", "/run"} {
		if err := a.w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name[1:] + "/", Mode: 0o1777}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(root.Further)) {
		text := root.Further[name]
		if err := a.w.WriteHeader(&tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: 0o755, Size: int64(len(text))}); err != nil {
			return err
		}
		if _, err := io.WriteString(a.w, text); err != nil {
			return err
		}
	}
	return a.w.Close()
}

// add adds what a name stands for, links followed, and the libraries of a program.
func (a *archive) add(name string) error {
	if a.have[name] {
		return nil
	}
	a.have[name] = true
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
		return a.w.WriteHeader(h)
	}
	b, err := os.ReadFile(name) //nolint:gosec // What is installed on this machine.
	if err != nil {
		return err
	}
	h.Size = int64(len(b))
	if err := a.w.WriteHeader(h); err != nil {
		return err
	}
	if _, err := a.w.Write(b); err != nil {
		return err
	}
	libraries, err := librariesOf(a.ctx, name, b)
	if err != nil {
		return err
	}
	for _, l := range libraries {
		if err := a.add(l); err != nil {
			return err
		}
	}
	return nil
}

var libraryPath = regexp.MustCompile(`(?m)(?:=>\s+|^\s+)(/\S+)`)

// librariesOf gives the paths of what a program loads when it starts, by what the system's own loader says.
func librariesOf(ctx context.Context, name string, content []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, nil //nolint:nilerr // No program of this kind: a script, data.
	}
	if needs, err := f.ImportedLibraries(); err != nil || len(needs) == 0 {
		return nil, nil //nolint:nilerr // No table of them: it needs none.
	}
	out, err := exec.CommandContext(ctx, "ldd", name).CombinedOutput() //nolint:gosec // The same.
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w: %s", name, err, out)
	}
	var paths []string
	for _, m := range libraryPath.FindAllSubmatch(out, -1) {
		paths = append(paths, string(m[1]))
	}
	return paths, nil
}
