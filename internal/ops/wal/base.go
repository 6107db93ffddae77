package wal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// TakeBase copies the whole cluster, reads the copy back to its last byte against PostgreSQL's own manifest, and only then calls it one. What
// a dead process has left of an earlier try is removed first.
func (a *Archive) TakeBase(ctx context.Context, progress func(done int64)) (_ *Base, err error) {
	r, err := a.db.Replication(ctx, Slot)
	if err != nil {
		return nil, err
	}
	c, err := a.cluster(r.System)
	if err != nil {
		return nil, fmt.Errorf("the log of this cluster is not archived yet: %w", err)
	}
	if err := a.removePartial(c.System); err != nil {
		return nil, err
	}
	if err := a.room(ctx); err != nil {
		return nil, err
	}
	settings, err := a.db.BaseSettings(ctx)
	if err != nil {
		return nil, err
	}
	server, err := a.engine.Container(ctx, settings.Container)
	if err != nil {
		return nil, err
	}
	began := a.now()
	id := basePrefix + r.Beat.Format("20060102T150405Z")
	dir := a.path(c.System, id+partial)
	if err := os.Mkdir(dir, folderRights); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	b := &Base{
		Format: format, ID: id, System: r.System, Version: r.Version, Begun: r.Beat, Image: server.ImageID, Bin: settings.Bin, Settings: settings.Settings,
	}
	part, reopen, err := a.seal.Seal(dir, "base.tar", func(w io.Writer) error {
		b.At, err = a.db.Base(ctx, w, progress)
		return err
	})
	if err != nil {
		return nil, err
	}
	b.Part = part
	if err := a.proveBase(ctx, b, reopen); err != nil {
		return nil, fmt.Errorf("the copy of the cluster that was just taken: %w", err)
	}
	b.Proven, b.Took = a.now(), a.now().Sub(began).Milliseconds()
	if err := durable.WriteJSON(dir+"/"+manifestName, b); err != nil {
		return nil, err
	}
	if err := os.Rename(dir, a.path(c.System, id)); err != nil {
		return nil, err
	}
	return b, durable.SyncFolder(a.path(c.System))
}

func (a *Archive) proveBase(ctx context.Context, b *Base, open func() (io.ReadCloser, error)) error {
	in, err := open()
	if err != nil {
		return err
	}
	seen, err := readBase(during{ctx, in})
	if err == nil {
		_, err = io.Copy(io.Discard, in) // its end is compared with its sha256
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	b.Timeline, b.From, b.Until, b.UID, b.GID, b.Files = seen.timeline, seen.from, seen.until, seen.uid, seen.gid, seen.files
	return nil
}

// removePartial removes what dead processes left of copies. Only the keeper takes any, and it holds the lock.
func (a *Archive) removePartial(system string) error {
	found, err := os.ReadDir(a.path(system))
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range found {
		if id, half := strings.CutSuffix(d.Name(), partial); half && basePattern.MatchString(id) {
			errs = append(errs, os.RemoveAll(a.path(system, d.Name())))
		}
	}
	return errors.Join(errs...)
}

// room refuses to begin what would fill the disk: twice what the last copy took must be free, or the size of the database.
func (a *Archive) room(ctx context.Context) error {
	need, err := a.db.Size(ctx)
	if err != nil {
		return err
	}
	chains, err := a.chains()
	if err != nil {
		return err
	}
	if len(chains) > 0 {
		need = 2 * chains[0].Part.Size
	}
	sp, err := backup.SpaceAt(a.cfg.Dir)
	if err != nil {
		return err
	}
	const mega, least = 1_000_000, 64 << 20
	if need = max(need, least); sp.Bytes < need {
		return &ops.Problem{Code: "backup_space", Name: a.cfg.Dir, Count: int(sp.Bytes / mega), Total: int(need / mega)}
	}
	return nil
}

// retain removes copies that are older than the retention, but never the newest of a cluster that is still archived, and then the log that no copy
// needs any more.
func (a *Archive) retain(current string) error {
	clusters, err := a.clusters()
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range clusters {
		bases, err := a.bases(c)
		if err != nil {
			return err
		}
		keep, gone := kept(bases, a.now().Add(-a.cfg.Retention), c.System == current)
		for _, b := range gone {
			errs = append(errs, a.remove(c.System, b.ID))
		}
		switch {
		case len(keep) > 0:
			// A later copy may begin earlier in the log: where the server went back.
			first := slices.MinFunc(keep, func(x, y *Base) int { return cmp.Compare(x.From, y.From) })
			errs = append(errs, a.trim(c, at(first.From, c.Segment)))
		case c.System != current:
			errs = append(errs, a.removeCluster(c, current))
		}
	}
	return errors.Join(errs...)
}

// kept parts copies, the newest first, into those that stay and those that go. The first one that began before the limit stays: the moments right
// after the limit are reached from it.
func kept(bases []*Base, limit time.Time, current bool) (keep, gone []*Base) {
	more := current // whether the next one is needed, however old it is
	for _, b := range bases {
		if b.At.After(limit) || more {
			keep = append(keep, b)
		} else {
			gone = append(gone, b)
		}
		more = b.At.After(limit)
	}
	return keep, gone
}

func (a *Archive) remove(system, id string) error {
	// By its name it is no copy any more before its first file goes.
	if err := os.Rename(a.path(system, id), a.path(system, id+partial)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(a.path(system, id+partial))
}

// trim removes finished files of the log before a number.
func (a *Archive) trim(c *cluster, before uint64) error {
	found, err := os.ReadDir(a.path(c.System, logDir))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	var errs []error
	for _, d := range found {
		if s, ok := parseSegment(plain(d.Name()), c.Segment); ok && s.Number < before {
			errs = append(errs, os.Remove(a.path(c.System, logDir, d.Name())))
		}
	}
	return errors.Join(errs...)
}

// removeCluster removes a cluster that is not there any more, once nothing of it is young enough to be asked for and another has a copy.
func (a *Archive) removeCluster(c *cluster, current string) error {
	if c.To.After(a.now().Add(-a.cfg.Retention)) {
		return nil
	}
	if now, err := a.cluster(current); err != nil {
		return nil //nolint:nilerr // There is no other yet.
	} else if bases, err := a.bases(now); err != nil || len(bases) == 0 {
		return err
	}
	return os.RemoveAll(a.path(c.System))
}

// during is a reader that ends with its context.
type during struct {
	ctx context.Context //nolint:containedctx // of one reading
	r   io.Reader
}

func (d during) Read(b []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	return d.r.Read(b)
}
