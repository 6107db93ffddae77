package archive

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Writer writes an archive.
type Writer struct {
	tar *tar.Writer
	buf []byte
}

const copyBuffer = 256 << 10

// NewWriter begins an archive.
func NewWriter(w io.Writer) *Writer {
	return &Writer{tar: tar.NewWriter(w), buf: make([]byte, copyBuffer)}
}

// Close ends the archive; without it, it is not whole.
func (w *Writer) Close() error { return w.tar.Close() }

// ErrGone says that a file was removed, or became something else, after it was found.
var ErrGone = errors.New("it is gone")

// tries is how often a file that changes while it is read is read again.
const tries = 3

// Added is what was written of a file.
type Added struct {
	Hash   string // sha256 of its content
	Steady bool   // it did not change while it was read
}

// Add writes what Walk found. A file that changes meanwhile is written again after itself, which is what taking out leaves; one that
// never holds still is kept as it was read last, and said not to be steady.
func (w *Writer) Add(ctx context.Context, f *Found) (Added, error) {
	if f.Kind != File {
		return Added{Steady: true}, w.header(&f.Entry)
	}
	var got Added
	for range tries {
		if ctx.Err() != nil {
			return got, ctx.Err()
		}
		var err error
		if got, err = w.file(ctx, f); err != nil || got.Steady {
			return got, err
		}
	}
	return got, nil
}

func (w *Writer) header(e *Entry) error {
	h := &tar.Header{
		Name: e.Path, Mode: tarMode(e.Mode), Uid: e.UID, Gid: e.GID, ModTime: e.Mod, Size: e.Size, Format: tar.FormatPAX,
	}
	switch e.Kind {
	case File:
		h.Typeflag = tar.TypeReg
	case Folder:
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case Link:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Target
	}
	if err := w.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("archive %s: %w", e.Path, err)
	}
	return nil
}

// tarMode writes a mode with tar's own bits for setuid, setgid and sticky.
func tarMode(m fs.FileMode) int64 {
	out := int64(m.Perm())
	for bit, tarBit := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			out |= tarBit
		}
	}
	return out
}

func (w *Writer) file(ctx context.Context, f *Found) (Added, error) {
	in, info, err := f.open()
	if err != nil {
		return Added{}, err
	}
	defer in.Close() //nolint:errcheck // It was only read.
	kind := f.Kind
	f.Entry, f.Stamp = entryOf(f.Path, info)
	f.Kind = kind
	if err := w.header(&f.Entry); err != nil {
		return Added{}, err
	}
	h := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(w.tar, h), limited{ctx, io.LimitReader(in, f.Size)}, w.buf)
	if err != nil {
		return Added{}, fmt.Errorf("archive %s: %w", f.Path, err)
	}
	// The header has promised the size: a file that became shorter is filled up, and read again.
	if _, err := io.CopyBuffer(io.MultiWriter(w.tar, h), io.LimitReader(zeros{}, f.Size-n), w.buf); err != nil {
		return Added{}, fmt.Errorf("archive %s: %w", f.Path, err)
	}
	after, err := in.Stat()
	if err != nil {
		return Added{}, fmt.Errorf("look at %s: %w", f.Path, err)
	}
	e, stamp := entryOf(f.Path, after)
	return Added{Hash: sum(h), Steady: n == f.Size && e.Size == f.Size && e.Mod.Equal(f.Mod) && stamp == f.Stamp}, nil
}

// open opens a file that was found. Whatever took its place meanwhile, a pipe among others, is not waited for.
func (f *Found) open() (*os.File, fs.FileInfo, error) {
	in, err := f.root.OpenFile(f.local, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENXIO):
		return nil, nil, fmt.Errorf("%s: %w", f.Path, ErrGone)
	case err != nil:
		return nil, nil, fmt.Errorf("open %s: %w", f.Path, err)
	}
	info, err := in.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrGone
	}
	if err != nil {
		_ = in.Close()
		return nil, nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return in, info, nil
}

// Hash gives the sha256 of a file's content.
func (f *Found) Hash(ctx context.Context) (string, error) {
	in, _, err := f.open()
	if err != nil {
		return "", err
	}
	defer in.Close() //nolint:errcheck // It was only read.
	h := sha256.New()
	if _, err := io.Copy(h, limited{ctx, in}); err != nil {
		return "", fmt.Errorf("read %s: %w", f.Path, err)
	}
	return sum(h), nil
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// During gives a reader that ends with its context.
func During(ctx context.Context, r io.Reader) io.Reader { return limited{ctx, r} }

type limited struct {
	ctx context.Context
	r   io.Reader
}

func (l limited) Read(b []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	return l.r.Read(b)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
