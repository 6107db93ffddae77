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

	"github.com/minio/minio-go/v7"

	"github.com/ai-notebook/notebookbot/internal/ops/backup/archive"
)

const (
	fetchTries = 5                // a connection may break now and then in hours
	fetchPause = time.Second      // before the second try, and twice as long before each further one
	fetchStill = 60 * time.Second // without a byte a connection is taken for dead
)

// fetchPart brings one part into the folder of a draft and compares it with its sha256. What lies there of it already, of a try that was cut
// off or in a set here that lacks other parts, is not brought again.
func (s *Sets) fetchPart(ctx context.Context, d Draft, p Part, tell func(n int64)) error {
	name := filepath.Join(s.dir(d), p.Name)
	if info, err := os.Stat(s.path(d.ID, p.Name)); err == nil && info.Size() == p.Size {
		_ = os.Link(s.path(d.ID, p.Name), name) // else it is brought
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, partRights) //nolint:gosec // A manifest's names were checked.
	if err != nil {
		return err
	}
	g := &getting{s: s, key: s.remote.key(d.ID, p.Name), part: p, file: f, tell: tell}
	err = g.run(ctx)
	if errors.Is(err, ErrDamaged) && g.kept > 0 {
		// The disk has not kept what an earlier try wrote, or what lay here was damaged: all of it is brought, into a new file.
		if err = errors.Join(f.Close(), os.Remove(name)); err != nil {
			return err
		}
		if f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, partRights); err != nil { //nolint:gosec // As above.
			return err
		}
		g.file = f
		err = g.run(ctx)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("fetch %s of %s: %w", p.Name, d.ID, err)
	}
	return nil
}

// getting is a part that is being brought.
type getting struct {
	s    *Sets
	key  string
	part Part
	file *os.File
	tell func(n int64)

	kept int64 // bytes that were there
	have int64
	hash hash.Hash
}

func (g *getting) run(ctx context.Context) error {
	g.hash = sha256.New()
	n, err := io.Copy(g.hash, archive.During(ctx, io.LimitReader(g.file, g.part.Size)))
	if err != nil {
		return err
	}
	g.kept, g.have = n, n
	g.tell(g.have)
	pause := fetchPause
	for try := 1; g.have < g.part.Size; try++ {
		before := g.have
		err := g.get(ctx)
		if g.have > before {
			try, pause = 1, fetchPause
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			continue
		case try >= fetchTries || !passing(err):
			return g.s.remote.problem(err)
		}
		g.s.log.WarnContext(ctx, "fetching a part goes on where it broke off", "key", g.key, "at", g.have, "err", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
	if err := g.file.Truncate(g.part.Size); err != nil {
		return err
	}
	return g.part.same(hex.EncodeToString(g.hash.Sum(nil)))
}

// passing tells whether the same question may be answered otherwise a little later.
func passing(err error) bool {
	var disk *os.PathError
	if errors.As(err, &disk) || errors.Is(err, ErrDamaged) {
		return false
	}
	code := minio.ToErrorResponse(err).StatusCode
	return code == 0 || code == 429 || code >= 500
}

// get brings what is missing over one connection, until it breaks.
func (g *getting) get(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	opts := minio.GetObjectOptions{}
	if g.have > 0 {
		if err := opts.SetRange(g.have, g.part.Size-1); err != nil {
			return err
		}
	}
	still := time.AfterFunc(fetchStill, func() { stop(fmt.Errorf("no byte came for %s", fetchStill)) })
	defer still.Stop()
	// Not the object that seeks and reads ahead: one answer, from its first byte to its last.
	body, info, _, err := (&minio.Core{Client: g.s.remote.s3}).GetObject(ctx, g.s.remote.cfg.Bucket, g.key, opts)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	defer body.Close() //nolint:errcheck // It was only read.
	if want := g.part.Size - g.have; info.Size != want {
		return fmt.Errorf("%w: it has %d bytes more, and was written with %d", ErrDamaged, info.Size, want)
	}
	buf := make([]byte, 256<<10)
	for g.have < g.part.Size {
		n, err := body.Read(buf[:min(int64(len(buf)), g.part.Size-g.have)])
		still.Reset(fetchStill)
		if n > 0 {
			if _, err := g.file.WriteAt(buf[:n], g.have); err != nil {
				return err
			}
			_, _ = g.hash.Write(buf[:n]) // it never fails
			g.have += int64(n)
			g.tell(g.have)
		}
		if err != nil && g.have < g.part.Size {
			return errors.Join(err, context.Cause(ctx))
		}
	}
	return nil
}
