package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// dumpWithin is how long a dump and a restore may take whose caller set no deadline.
const dumpWithin = 12 * time.Hour

// Dump is what is known of a dump that was written whole.
type Dump struct {
	Bytes    int64
	Counts   Counts // as the dump's own snapshot saw them
	Version  string // of the server
	Size     int64  // of the database on disk, in bytes
	Warnings string // what pg_dump said although it went well
	Took     time.Duration
}

// Dump writes a pg_dump -Fc -Z0 of the database, uncompressed since compressing it outside is several times as fast. The rows of
// every table are counted in the same snapshot meanwhile. An error means that what was written is no dump. progress, which may be
// nil, is told the bytes so far and about how many there will be.
func (d *Database) Dump(ctx context.Context, w io.Writer, progress func(done, total int64)) (*Dump, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dumpWithin)
		defer cancel()
	}
	begin := time.Now()
	at, err := d.find(ctx)
	if err != nil {
		return nil, err
	}
	snap, err := d.snapshot(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("begin the dump of %s: %w", d.cfg.Name, d.explain(ctx, at, d.cfg.Name, err))
	}
	defer snap.end()
	out := &counter{w: w, total: snap.tables, progress: progress}
	said, err := d.stream(ctx, at, "pg_dump", func(file string) []string {
		args := []string{"--format=custom", "--compress=0", "--lock-wait-timeout=60s", "--snapshot=" + snap.name, "--dbname=dbname=" + d.cfg.Name}
		if file != "" {
			args = append(args, "--no-sync", "--file="+file) // a pipe cannot be written to a disk
		}
		return args
	}, nil, out)
	if err != nil {
		return nil, fmt.Errorf("dump %s: %w", d.cfg.Name, d.explain(ctx, at, d.cfg.Name, err))
	}
	counts, err := snap.counts()
	if err != nil {
		return nil, fmt.Errorf("count the rows of %s: %w", d.cfg.Name, err)
	}
	return &Dump{Bytes: out.done, Counts: counts, Version: snap.version, Size: snap.size, Warnings: said, Took: time.Since(begin)}, nil
}

// snapshot is a psql that holds a moment of the database for a dump and counts its rows.
type snapshot struct {
	*session
	name         string
	version      string
	size, tables int64 // bytes on disk: the database, and its tables without indexes

	counted Counts
	reading error
}

var snapshotName = regexp.MustCompile(`^[0-9A-Fa-f-]{3,64}$`)

// sqlSnapshot prints one line: the snapshot's name, the server's version, the bytes of the database and of its tables.
const sqlSnapshot = `
select pg_export_snapshot() || ' ' || split_part(current_setting('server_version'), ' ', 1) || ' ' || pg_database_size(current_database())
  || ' ' || (select coalesce(sum(pg_table_size(oid)), 0) from pg_class where relkind in ('r', 'm') and relnamespace <> 'pg_catalog'::regnamespace);
`

func (d *Database) snapshot(ctx context.Context, at place) (*snapshot, error) {
	s := &snapshot{session: d.session(ctx, at, nil)}
	line, err := s.line(ctx, sqlBegin+sqlSnapshot)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Sscan(line, &s.name, &s.version, &s.size, &s.tables)
	if err == nil && !snapshotName.MatchString(s.name) {
		err = fmt.Errorf("%q is not the name of a snapshot", s.name)
	}
	if err != nil {
		s.end()
		return nil, fmt.Errorf("hold a snapshot: %w", err)
	}
	s.wg.Go(func() {
		s.counted, s.reading = readCounts(s.lines)
		_, _ = io.Copy(io.Discard, s.lines) // psql is not left waiting
	})
	if _, err := io.WriteString(s.in, sqlCounts); err != nil {
		s.end()
		return nil, errors.Join(s.err, err)
	}
	return s, nil
}

// counts lets the snapshot go and gives what was counted in it.
func (s *snapshot) counts() (Counts, error) {
	_ = s.in.Close() // the end of its input ends psql, once it has counted
	s.wg.Wait()
	return s.counted, errors.Join(s.err, s.reading)
}

func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}

// counter counts what goes through it. The total is a guess: it is never less than what came already.
type counter struct {
	w           io.Writer
	done, total int64
	progress    func(done, total int64)
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.done += int64(n)
	if c.progress != nil {
		c.progress(c.done, max(c.done, c.total))
	}
	return n, err
}

// Prove reads a whole dump with the container's own pg_restore, which fails where it ends too early or where its structure is not right. Data
// that was changed within a row is not seen in this way: that takes a hash of what is stored.
func (d *Database) Prove(ctx context.Context, r io.Reader) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dumpWithin)
		defer cancel()
	}
	at, err := d.find(ctx)
	if err != nil {
		return err
	}
	words := &tail{}
	code, err := d.engine.ExecIn(ctx, at.container, func(file string) []string {
		return from(file, "pg_restore", "--format=custom", "--exit-on-error", "--file=/dev/null")
	}, r, words)
	said := strings.TrimSpace(words.String())
	switch {
	case err != nil:
		return fmt.Errorf("prove the dump: %w", err)
	case notThere(code):
		return &ProgramError{Program: "pg_restore", Code: code, Said: said, Err: ErrNoProgram}
	case code != 0:
		return &ProgramError{Program: "pg_restore", Code: code, Said: said, Err: ErrBroken}
	}
	return nil
}

// from adds the file that a program reads; empty: its standard input.
func from(file string, args ...string) []string {
	if file != "" {
		args = append(args, file)
	}
	return args
}

func sortedNames(all ...Counts) []string {
	var out []string
	for _, c := range all {
		for name := range c {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return slices.Compact(out)
}
