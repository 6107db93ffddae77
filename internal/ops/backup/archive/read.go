package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Read reads an archive to its end and gives each entry with its content to visit, which need not read it. A hostile entry ends it with
// ErrRefused.
func Read(ctx context.Context, r io.Reader, visit func(e Entry, content io.Reader) error) error {
	in := &ended{r: limited{ctx, r}}
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && in.over {
			err = io.ErrUnexpectedEOF
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		e, err := entryFrom(h)
		if err != nil {
			return err
		}
		if err := visit(e, t); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, t); err != nil { //nolint:gosec // It is thrown away as it comes.
			return fmt.Errorf("read %s in the archive: %w", e.Path, err)
		}
	}
}

// ended notices that its reader was read to its end. An archive says itself where it ends: one that the reader ends was cut, which
// archive/tar does not mind when it happens between two entries.
type ended struct {
	r    io.Reader
	over bool
}

func (e *ended) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if n > 0 && errors.Is(err, io.EOF) {
		return n, nil
	}
	e.over = e.over || errors.Is(err, io.EOF)
	return n, err
}

func entryFrom(h *tar.Header) (Entry, error) {
	e := Entry{
		Path: strings.TrimPrefix(strings.TrimSuffix(h.Name, "/"), "./"), Size: h.Size, Mode: h.FileInfo().Mode() & rights, UID: h.Uid, GID: h.Gid, Mod: h.ModTime,
	}
	if h.Mode < 0 || h.Uid < 0 || h.Gid < 0 || h.Size < 0 {
		return e, fmt.Errorf("%w: %q has impossible figures", ErrRefused, h.Name)
	}
	if err := CheckPath(e.Path); err != nil {
		return e, err
	}
	switch h.Typeflag {
	case tar.TypeReg:
		e.Kind = File
		if strings.HasSuffix(h.Name, "/") {
			return e, fmt.Errorf("%w: %q is called a file and named a folder", ErrRefused, h.Name)
		}
	case tar.TypeDir:
		e.Kind, e.Size = Folder, 0
	case tar.TypeSymlink:
		e.Kind, e.Size, e.Target = Link, 0, h.Linkname
		return e, CheckTarget(e.Path, e.Target)
	default:
		return e, fmt.Errorf("%w: %q is neither file, folder nor link", ErrRefused, h.Name)
	}
	e.Mode &= rights &^ fs.ModeType
	return e, nil
}
