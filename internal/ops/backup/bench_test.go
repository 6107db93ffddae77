package backup

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// benchEnv is how many megabytes of text the benchmark dumps; reference figures are for 500.
const benchEnv = "NOTEBOOKBOT_BENCH_MB"

const smallBench = 20

// fillText makes a table of about so many megabytes, of text as people write it beside what does not compress.
func (s *server) fillText(mega int) {
	s.t.Helper()
	s.exec(`CREATE TABLE texts (id bigint PRIMARY KEY, body text NOT NULL)`, `INSERT INTO texts SELECT n, (
		SELECT string_agg(md5(n::text || k) || ' is what note ' || (n*k)%977 || ' says; ', '')
		FROM generate_series(1, 12) k) FROM generate_series(1, `+strconv.Itoa(mega*1430)+`) n`, `CHECKPOINT`)
}

// BenchmarkDump measures the guide's line against ours, one after the other on the same server: seconds, bytes, and how much memory this
// process took at most.
func BenchmarkDump(b *testing.B) {
	mega := benchMB(b)
	srv := newServer(b)
	srv.fillText(mega)
	dir := b.TempDir()
	s, err := Open(Config{Dir: dir, Root: b.TempDir()}, srv, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	var theirs, ours, theirCPU, ourCPU time.Duration
	var theirSize, ourSize, raw int64
	for b.Loop() {
		began, cpu := time.Now(), spent(b)
		theirSize = guideDump(b, srv.dsn, filepath.Join(dir, "guide.dump"))
		theirs, theirCPU = theirs+time.Since(began), theirCPU+spent(b)-cpu

		began, cpu = time.Now(), spent(b)
		d, err := s.draft(Full, 0)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.begin(b.Context(), d); err != nil {
			b.Fatal(err)
		}
		m, err := s.dump(b.Context(), d, nil)
		if err != nil {
			b.Fatal(err)
		}
		ours, ourCPU = ours+time.Since(began), ourCPU+spent(b)-cpu
		ourSize, raw = m.Parts[0].Size, m.Parts[0].Raw
		if err := s.discard(d.ID); err != nil {
			b.Fatal(err)
		}
	}
	n := float64(b.N)
	b.ReportMetric(theirs.Seconds()/n, "guide-s/op")
	b.ReportMetric(ours.Seconds()/n, "ours-s/op")
	b.ReportMetric(theirCPU.Seconds()/n, "guide-cpu-s/op")
	b.ReportMetric(ourCPU.Seconds()/n, "ours-cpu-s/op")
	b.ReportMetric(float64(theirSize)/1e6, "guide-MB")
	b.ReportMetric(float64(ourSize)/1e6, "ours-MB")
	b.ReportMetric(float64(raw)/1e6, "raw-MB")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-faster")
	b.ReportMetric(peakMB(b), "peak-MB")
}

// spent is the processor time of this process and of the programs that it ran, which tells more than seconds where others work too.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var sum int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			b.Fatal(err)
		}
		sum += r.Utime.Nano() + r.Stime.Nano()
	}
	return time.Duration(sum)
}

// guideDump is the guide's own line: pg_dump -Fc into a file.
func guideDump(b *testing.B, dsn, name string) int64 {
	b.Helper()
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), "pg_dump", "-Fc", "--dbname="+dsn)
	cmd.Stdout, cmd.Stderr = f, os.Stderr
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

var peakPattern = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peakMB is the most memory that this process had since it began.
func peakMB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("this system does not tell how much memory was taken")
	}
	m := peakPattern.FindSubmatch(status)
	if m == nil {
		b.Fatal("no VmHWM")
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kb) / 1000
}
