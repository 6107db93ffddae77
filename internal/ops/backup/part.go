package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
)

// sink is a part that is being written: zstd, then age where it is encrypted, then the file, hashed on its way.
type sink struct {
	part  Part
	file  *os.File
	hash  hash.Hash
	age   io.WriteCloser
	zstd  *frames
	raw   counter
	began time.Time
}

// counter counts what is written through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// partRights: nobody but the bot reads a backup, which holds everything that users wrote.
const partRights = 0o600

// newSink begins a part in a folder, over whatever an earlier try has left of it.
func newSink(dir, part string, to []age.Recipient, now time.Time) (_ *sink, err error) {
	s := &sink{part: Part{Part: part, Name: part + ".zst", Encrypted: len(to) > 0}, hash: sha256.New(), began: now}
	if s.part.Encrypted {
		s.part.Name += ".age"
	}
	s.file, err = os.OpenFile(filepath.Join(dir, s.part.Name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, partRights) //nolint:gosec // Its name is one of ours.
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.file.Close()
		}
	}()
	out := io.MultiWriter(s.file, s.hash)
	if s.part.Encrypted {
		if s.age, err = age.Encrypt(out, to...); err != nil {
			return nil, fmt.Errorf("encrypt %s: %w", part, err)
		}
		out = s.age
	}
	if s.zstd, err = newFrames(out); err != nil {
		return nil, fmt.Errorf("compress %s: %w", part, err)
	}
	s.raw.w = s.zstd
	return s, nil
}

func (s *sink) Write(b []byte) (int, error) { return s.raw.Write(b) }

// close ends the part and waits until it is on the disk.
func (s *sink) close(now time.Time) (Part, error) {
	err := s.zstd.Close()
	if s.age != nil {
		err = errors.Join(err, s.age.Close())
	}
	info, statErr := s.file.Stat()
	if err = errors.Join(err, statErr, s.file.Sync(), s.file.Close()); err != nil {
		return Part{}, fmt.Errorf("write %s: %w", s.part.Name, err)
	}
	s.part.Size, s.part.Raw, s.part.SHA256 = info.Size(), s.raw.n, hex.EncodeToString(s.hash.Sum(nil))
	s.part.Took = now.Sub(s.began).Milliseconds()
	return s.part, nil
}

// abandon gives a part up.
func (s *sink) abandon() {
	_ = s.zstd.Close()
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// source is a part that is read back: as it is stored, hashed on its way, then age, then zstd.
type source struct {
	part Part
	file io.ReadCloser
	hash hash.Hash
	tee  io.Reader
	zstd *zstd.Decoder
	raw  int64

	stored   int64 // bytes read of the file
	progress func(n int64)
}

// Errors of reading parts back.
var (
	// ErrNoIdentity says that a part is encrypted and that nothing here opens it.
	ErrNoIdentity = errors.New("no identity opens it")
	// ErrDamaged says that a part is not what was written.
	ErrDamaged = errors.New("it is damaged")
)

// maxWindow bounds what a part may ask a reader to remember; ours ask for 8 MiB.
const maxWindow = 64 << 20

// openPart opens a part for reading. Progress, which may be nil, is told how many stored bytes were read, by the decoder's own goroutine.
func openPart(dir string, p Part, keys []age.Identity, progress func(n int64)) (*source, error) {
	f, err := openStored(dir, p)
	if err != nil {
		return nil, err
	}
	return openSource(f, p, keys, progress)
}

// openSource is openPart for a part that lies elsewhere. The stored bytes are closed with it.
func openSource(stored io.ReadCloser, p Part, keys []age.Identity, progress func(n int64)) (_ *source, err error) {
	s := &source{part: p, file: stored, hash: sha256.New(), progress: progress}
	defer func() {
		if err != nil {
			_ = s.file.Close()
		}
	}()
	s.tee = io.TeeReader(s.file, io.MultiWriter(s.hash, (*meterOf)(s)))
	in := s.tee
	if p.Encrypted {
		if len(keys) == 0 {
			return nil, fmt.Errorf("%s: %w", p.Name, ErrNoIdentity)
		}
		in, err = age.Decrypt(in, keys...)
		if _, none := errors.AsType[*age.NoIdentityMatchError](err); none {
			return nil, fmt.Errorf("%s: %w", p.Name, ErrNoIdentity)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", p.Name, ErrDamaged, err)
		}
	}
	if s.zstd, err = zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(2)); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", p.Name, ErrDamaged, err)
	}
	return s, nil
}

// meterOf counts what is read of the file.
type meterOf source

func (m *meterOf) Write(b []byte) (int, error) {
	m.stored += int64(len(b))
	if m.progress != nil {
		m.progress(m.stored)
	}
	return len(b), nil
}

// Read reads what was written to the part. Its end comes only after the whole file was compared with the manifest; anything else
// there is ErrDamaged.
func (s *source) Read(b []byte) (int, error) {
	n, err := s.zstd.Read(b)
	s.raw += int64(n)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, s.end()
	}
	return n, fmt.Errorf("%s: %w: %w", s.part.Name, ErrDamaged, err)
}

// end is io.EOF when the part is what was written.
func (s *source) end() error {
	if s.part.SHA256 == "" {
		return io.EOF // no manifest tells what was written
	}
	if s.raw != s.part.Raw {
		return fmt.Errorf("%s: %w: it has %d bytes, and was written with %d", s.part.Name, ErrDamaged, s.raw, s.part.Raw)
	}
	if _, err := io.Copy(io.Discard, s.tee); err != nil {
		return err
	}
	if err := s.part.same(hex.EncodeToString(s.hash.Sum(nil))); err != nil {
		return err
	}
	return io.EOF
}

// Close gives the file back.
func (s *source) Close() error {
	s.zstd.Close()
	return s.file.Close()
}

func (p Part) same(sum string) error {
	if sum != p.SHA256 {
		return fmt.Errorf("%s: %w: its sha256 is not the one that was written", p.Name, ErrDamaged)
	}
	return nil
}

// openStored opens a part as it is stored.
func openStored(dir string, p Part) (*os.File, error) {
	return os.Open(filepath.Join(dir, p.Name)) //nolint:gosec // A manifest's names were checked.
}

// compare holds the bytes of a part, as they are stored, against its sha256.
func compare(ctx context.Context, stored io.Reader, p Part) error {
	h := sha256.New()
	if _, err := io.Copy(h, archive.During(ctx, stored)); err != nil {
		return fmt.Errorf("read %s: %w", p.Name, err)
	}
	return p.same(hex.EncodeToString(h.Sum(nil)))
}
