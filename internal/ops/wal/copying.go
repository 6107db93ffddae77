package wal

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// inCopy is where everything of a copy stands in its container.
const inCopy = "/notebookbot"

// left are files of a copied cluster that would make the copy speak to others, or start in another way.
var left = []string{
	"backup_manifest", "postgresql.auto.conf", "postmaster.pid", "postmaster.opts", "recovery.signal", "standby.signal", "postgresql.conf", "pg_hba.conf", "pg_ident.conf",
}

// copying writes what a copy needs to replay the log: the files of the cluster, the log, and how it shall start.
type copying struct {
	a        *Archive
	ch       *chain
	moment   time.Time
	progress func(done, total int64)

	out         *tar.Writer
	done, total int64
}

func (c *copying) write(ctx context.Context, w io.Writer) error {
	c.out = tar.NewWriter(w)
	size := c.ch.cluster.Segment
	first := at(c.ch.From, size)
	c.total = c.ch.Part.Raw + int64(c.ch.last.Number-first+1)*size //nolint:gosec // Files on a disk.
	for _, dir := range []string{"", "/data", "/data/pg_wal"} {
		if err := c.folder(inCopy + dir); err != nil {
			return err
		}
	}
	if err := c.files(ctx); err != nil {
		return fmt.Errorf("read the copy %s: %w", c.ch.ID, err)
	}
	have, err := c.a.stock(c.ch.cluster)
	if err != nil {
		return err
	}
	for s := range inOrder(have) {
		if s.Number < first || s.Number > c.ch.last.Number || s.Timeline != c.ch.Timeline {
			continue
		}
		if err := c.segment(ctx, s.name(size)); err != nil {
			return err
		}
	}
	histories, err := c.a.histories(c.ch.cluster)
	if err != nil {
		return err
	}
	for _, name := range histories {
		if err := c.history(name); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"/data/recovery.signal": "", "/data/postgresql.auto.conf": "", "/postgresql.conf": c.settings(),
		"/pg_hba.conf": "local all all trust\n", "/pg_ident.conf": "",
	} {
		if err := c.text(inCopy+name, text); err != nil {
			return err
		}
	}
	return c.out.Close()
}

func inOrder(have stock) func(yield func(segment) bool) {
	all := slices.SortedFunc(maps.Keys(have), func(x, y segment) int {
		switch {
		case x.Number != y.Number:
			return int(int64(x.Number) - int64(y.Number)) //nolint:gosec // Files on a disk.
		case x.Timeline < y.Timeline:
			return -1
		}
		return 1
	})
	return slices.Values(all)
}

// files hands on the files of the cluster.
func (c *copying) files(ctx context.Context) (err error) {
	in, err := c.a.seal.Unseal(c.a.path(c.ch.System, c.ch.ID), c.ch.Part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r := tar.NewReader(during{ctx, in})
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if slices.Contains(left, name) || name == "pg_wal" || strings.HasPrefix(name, "pg_wal/") || name == "." {
			continue
		}
		if !localName(name) || h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
			return fmt.Errorf("it has %q, which no copy of a cluster has", h.Name)
		}
		to := &tar.Header{
			Typeflag: h.Typeflag, Name: strings.TrimPrefix(inCopy, "/") + "/data/" + name, Size: h.Size, Mode: h.Mode, Uid: c.ch.UID, Gid: c.ch.GID, ModTime: h.ModTime,
		}
		if err := c.out.WriteHeader(to); err != nil {
			return err
		}
		n, err := io.Copy(c.out, r) //nolint:gosec // As many as its header says.
		if err != nil {
			return err
		}
		c.went(n)
	}
	// Only at its end it was compared with its sha256.
	_, err = io.Copy(io.Discard, in)
	return err
}

func localName(name string) bool {
	return name != ".." && !strings.HasPrefix(name, "../") && !path.IsAbs(name)
}

// segment hands on one file of the log. What is being received is full of zeros after what came, and is filled up where it is short.
func (c *copying) segment(ctx context.Context, name string) (err error) {
	in, err := c.a.logFile(c.ch.cluster, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	size := c.ch.cluster.Segment
	if err := c.header(inCopy+"/data/pg_wal/"+name, size); err != nil {
		return err
	}
	n, err := io.CopyN(c.out, during{ctx, in}, size)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s of the log: %w", name, err)
	}
	if err := zeros(c.out, size-n); err != nil {
		return err
	}
	c.went(size)
	return nil
}

func zeros(w io.Writer, n int64) error {
	const most = 1 << 16
	for b := make([]byte, most); n > 0; {
		k := min(n, most)
		if _, err := w.Write(b[:k]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

func (c *copying) history(name string) (err error) {
	in, err := c.a.logFile(c.ch.cluster, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	const most = 1 << 20
	b, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return err
	}
	return c.text(inCopy+"/data/pg_wal/"+name, string(b))
}

// settings are how the copy starts: with nothing of what the server's own files say, so that it archives nothing, follows nobody and listens
// nowhere; as fast as it can be, since it is thrown away; and with what it needs to go through the server's log.
func (c *copying) settings() string {
	set := map[string]string{
		"listen_addresses": "", "unix_socket_directories": "/tmp", "hba_file": inCopy + "/pg_hba.conf", "ident_file": inCopy + "/pg_ident.conf",
		"archive_mode": "off", "hot_standby": "off", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off",
		"lc_messages": "C", "jit": "off", "max_wal_size": "4GB",
		// The log lies where the server itself looks; a command must be given all the same, and finds nothing.
		"restore_command": "exit 1", "recovery_target_time": c.moment.UTC().Format("2006-01-02 15:04:05.999999-07"), "recovery_target_action": "promote",
		"recovery_target_timeline": "current",
	}
	maps.Copy(set, c.ch.Settings)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(set)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(strings.ReplaceAll(set[name], `\`, `\\`), "'", "''"))
	}
	return b.String()
}

func (c *copying) went(n int64) {
	c.done += n
	if c.progress != nil {
		c.progress(min(c.done, c.total), c.total)
	}
}

func (c *copying) folder(name string) error {
	return c.out.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: strings.TrimPrefix(name, "/") + "/", Mode: folderRights, Uid: c.ch.UID, Gid: c.ch.GID,
	})
}

func (c *copying) header(name string, size int64) error {
	return c.out.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(name, "/"), Mode: fileRights, Size: size, Uid: c.ch.UID, Gid: c.ch.GID,
	})
}

func (c *copying) text(name, text string) error {
	if err := c.header(name, int64(len(text))); err != nil {
		return err
	}
	_, err := io.WriteString(c.out, text)
	return err
}
