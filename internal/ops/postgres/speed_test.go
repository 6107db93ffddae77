package postgres

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// BenchmarkRestore restores a text database of some 500 MB in the guide's way (pg_restore of pg_dump -Fc, from the container's standard
// input into an empty database) and in ours (pg_dump -Fc -Z0 through zstd, with statistics), and dumps it in both ways, round by round, so that
// what else the machine does hits both. Run it with -bench Restore -benchtime 3x.
func BenchmarkRestore(b *testing.B) {
	zstd := realparts.Require(b, "zstd")
	s := newStoryOf(b)
	s.sql("ai_notebook", `create table notes (id bigint primary key, title text, content text, updated timestamptz default now());
insert into notes (id, title, content) select n, 'note ' || n, (select string_agg(w, ' ') from (select md5((n * 131 + k)::text) || ' the notes of today are ' || (n + k) % 97 as w
  from generate_series(1, 40) k) x) from generate_series(1, 220000) n;
create index on notes (title); create index on notes (updated); vacuum (parallel 0, analyze) notes;`)
	guide, ours := filepath.Join(b.TempDir(), "guide.dump"), filepath.Join(b.TempDir(), "ours.dump.zst")
	took := map[string]time.Duration{}
	rounds := 0
	timed := func(what string, do func() error) {
		begin := time.Now()
		if err := do(); err != nil {
			b.Fatalf("%s: %v", what, err)
		}
		took[what] += time.Since(begin)
	}
	for b.Loop() {
		rounds++
		at, err := s.find(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		timed("guide-dump", func() error {
			return s.file(guide, func(w io.Writer) error {
				_, err := s.run(b.Context(), at, "pg_dump", []string{"--format=custom", "--dbname=ai_notebook"}, nil, w)
				return err
			})
		})
		timed("our-dump", func() error {
			return s.file(ours, func(w io.Writer) error {
				return compressed(b.Context(), zstd, w, func(w io.Writer) error { _, err := s.Dump(b.Context(), w, nil); return err })
			})
		})
		s.sql("postgres", "create database guide")
		timed("guide-restore", func() error {
			f, err := os.Open(guide)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = s.run(b.Context(), at, "pg_restore", []string{"--dbname=guide"}, f, nil)
			return err
		})
		s.sql("postgres", "drop database guide; checkpoint")
		timed("our-restore", func() error {
			cmd := exec.CommandContext(b.Context(), zstd, "-dc", ours)
			out, err := cmd.StdoutPipe()
			if err != nil {
				return err
			}
			if err := cmd.Start(); err != nil {
				return err
			}
			if err := s.Fill(b.Context(), "ai_notebook_scratch_1", out, nil); err != nil {
				return err
			}
			return cmd.Wait()
		})
		if err := s.Drop(b.Context(), "ai_notebook_scratch_1"); err != nil {
			b.Fatal(err)
		}
		s.sql("postgres", "checkpoint")
	}
	for what, d := range took {
		b.ReportMetric(d.Seconds()/float64(rounds), what+"-s")
	}
	for what, name := range map[string]string{"guide-MB": guide, "our-MB": ours} {
		info, err := os.Stat(name)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/1e6, what)
	}
}

func (s *story) file(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return err
	}
	return f.Close()
}

// compressed compresses what is written, on both cores.
func compressed(ctx context.Context, zstd string, w io.Writer, write func(io.Writer) error) error {
	cmd := exec.CommandContext(ctx, zstd, "-3", "-T2", "-c")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := write(in); err != nil {
		return err
	}
	if err := in.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}
