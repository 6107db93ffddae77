package backup

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// BenchmarkContainer measures the guide's lines against ours on the sample application's PostgreSQL in its container, one after the other in each
// round, so that what else the machine does hits both: the dump (pg_dump -Fc inside the container into a file; ours into a part of a set) and the
// restore (pg_restore of that file from standard input; ours with statistics, out of the part). Seconds, the processor seconds of all processes that take
// part (this one, the Docker engine and what runs in the container), and bytes. NOTEBOOKBOT_BENCH_MB sets the size; run it with -benchtime 3x.
func BenchmarkContainer(b *testing.B) {
	mega := benchMB(b)
	app := realparts.StartApplication(b, "", "postgres")
	engine, err := docker.Open(docker.Config{Host: app.Host, Project: app.Project, Dir: app.Dir})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	db, err := postgres.Open(engine, postgres.Config{Service: "postgres", Name: "ai_notebook", User: "postgres"})
	if err != nil {
		b.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(100 * time.Millisecond); db.Ready(b.Context()) != nil; <-tick.C {
		if time.Now().After(deadline) {
			b.Fatal("the database does not answer")
		}
	}
	containers, err := engine.Containers(b.Context())
	if err != nil || len(containers) != 1 {
		b.Fatal(containers, err)
	}
	enlarge(b, app.Host, containers[0].ID)
	const host = "/tmp" // where the sample has its socket
	in := func(in io.Reader, out io.Writer, argv ...string) {
		b.Helper()
		var said strings.Builder
		if code, err := engine.Exec(b.Context(), containers[0].ID, append(argv, "--username=postgres", "--host="+host), in, out, &said); err != nil || code != 0 {
			b.Fatalf("%v: %d, %v: %s", argv, code, err, said.String())
		}
	}
	sql := func(database, text string) {
		b.Helper()
		in(strings.NewReader(text), io.Discard, "psql", "--set=ON_ERROR_STOP=1", "--dbname="+database)
	}
	// Half of it is text as people write it, half does not compress. Rows have 2 KB, and two indexes beside the key.
	sql("ai_notebook", `create table notes (id bigint primary key, title text, content text, updated timestamptz default now());
insert into notes (id, title, content) select n, 'note ' || n, (select string_agg(md5((n * 131 + k)::text) || ' the notes of today are ' || (n + k) % 97, ' ')
  from generate_series(1, 40) k) from generate_series(1, `+strconv.Itoa(mega*440)+`) n;
create index on notes (title); create index on notes (updated); vacuum (parallel 0, analyze) notes; checkpoint;`)
	dir := b.TempDir()
	guide := filepath.Join(dir, "guide.dump")
	s, err := Open(Config{Dir: filepath.Join(dir, "sets"), Root: b.TempDir()}, contained{db}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	took, cpu := map[string]time.Duration{}, map[string]time.Duration{}
	timed := func(what string, do func()) {
		began, before := time.Now(), spentByAll(b)
		do()
		took[what] += time.Since(began)
		cpu[what] += spentByAll(b) - before
	}
	rounds := 0.0
	sizes := map[string]int64{}
	for b.Loop() {
		rounds++
		timed("guide-dump", func() {
			f, err := os.Create(guide)
			if err != nil {
				b.Fatal(err)
			}
			in(nil, f, "pg_dump", "--format=custom", "--dbname=ai_notebook")
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
		})
		d, err := s.draft(Full, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.begin(b.Context(), d); err != nil {
			b.Fatal(err)
		}
		var m Made
		timed("our-dump", func() {
			if m, err = s.dump(b.Context(), d, nil); err != nil {
				b.Fatal(err)
			}
		})
		sizes["raw"], sizes["our"] = m.Parts[0].Raw, m.Parts[0].Size
		sql("postgres", "checkpoint")
		timed("guide-restore", func() { // into a new database, as ours
			sql("postgres", "create database guide")
			f, err := os.Open(guide)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			in(f, io.Discard, "pg_restore", "--dbname=guide")
		})
		sql("postgres", "drop database guide; checkpoint")
		timed("our-restore", func() {
			src, err := openPart(s.dir(d), m.Parts[0], nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer src.Close()
			if err := db.Fill(b.Context(), "ai_notebook_scratch_1", src, nil); err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, src); err != nil {
				b.Fatal(err)
			}
		})
		timed("our-statistics", func() { sql("ai_notebook_scratch_1", "analyze") }) // what Fill has done once already, and the guide's line does not do
		if err := db.Drop(b.Context(), "ai_notebook_scratch_1"); err != nil {
			b.Fatal(err)
		}
		timed("our-proof", func() {
			if x, err := s.readBack(b.Context(), m.Parts[0], nil, nil, func() (io.ReadCloser, error) { return openStored(s.dir(d), m.Parts[0]) }); err != nil || x.State != PartRead {
				b.Fatal(x, err)
			}
		})
		if err := s.discard(d.ID); err != nil {
			b.Fatal(err)
		}
		sql("postgres", "checkpoint")
	}
	info, err := os.Stat(guide)
	if err != nil {
		b.Fatal(err)
	}
	sizes["guide"] = info.Size()
	for what, d := range took {
		b.ReportMetric(d.Seconds()/rounds, what+"-s")
		b.ReportMetric(cpu[what].Seconds()/rounds, what+"-cpu-s")
	}
	for what, n := range sizes {
		b.ReportMetric(float64(n)/1e6, what+"-MB")
	}
	b.ReportMetric(took["guide-dump"].Seconds()/took["our-dump"].Seconds(), "dump-times-faster")
	b.ReportMetric(took["guide-restore"].Seconds()/(took["our-restore"]-took["our-statistics"]).Seconds(), "restore-times-faster")
	b.ReportMetric(peakMB(b), "peak-MB")
}

// enlarge takes the sample's limit of memory from the container: with it the table is read from the disk in each run, by the guide's line and ours alike,
// and the disk is measured instead of the two.
func enlarge(b *testing.B, host, id string) {
	b.Helper()
	api, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		b.Fatal(err)
	}
	defer api.Close()
	const limit = 3 << 30
	if _, err := api.ContainerUpdate(b.Context(), id, container.UpdateConfig{Resources: container.Resources{Memory: limit, MemorySwap: limit}}); err != nil {
		b.Fatal(err)
	}
}

// contained is the application's database in its container.
type contained struct{ *postgres.Database }

func (c contained) Dump(ctx context.Context, w io.Writer, progress func(done, total int64)) (DumpInfo, error) {
	d, err := c.Database.Dump(ctx, w, progress)
	if err != nil {
		return DumpInfo{}, err
	}
	return DumpInfo{Name: c.Name(), Version: d.Version, Rows: d.Counts}, nil
}

func benchMB(b *testing.B) int {
	b.Helper()
	text := os.Getenv(benchEnv)
	if text == "" {
		return smallBench
	}
	mega, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return mega
}

// spentByAll is the processor time of this process and of all that stand below it: the Docker engine of the test, and what runs in its containers.
func spentByAll(b *testing.B) time.Duration {
	b.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	parent, ticks := map[int]int{}, map[int]int64{}
	for _, name := range found {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended; whoever waited for it has its time
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if err != nil || len(fields) < 15 {
			continue
		}
		parent[pid], _ = strconv.Atoi(fields[1])
		for _, x := range fields[11:15] { // user, system, and those of children that were waited for
			n, _ := strconv.ParseInt(x, 10, 64)
			ticks[pid] += n
		}
	}
	var sum int64
	for pid, n := range ticks {
		for at := pid; at > 1; at = parent[at] {
			if at == os.Getpid() {
				sum += n
				break
			}
		}
	}
	const perSecond = 100
	return time.Duration(sum) * time.Second / perSecond
}
