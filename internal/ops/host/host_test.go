package host

import (
	"context"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shirou/gopsutil/v3/disk"
)

// measured runs a Sampler until it has measured over an interval.
func measured(t *testing.T) Sample {
	t.Helper()
	s := New(Config{Every: 200 * time.Millisecond, Paths: []string{t.TempDir()}}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if got, ok := s.Newest(); ok && got.Over > 0 {
			return got
		}
	}
	panic("a ticker ended")
}

func TestTheHostIsMeasured(t *testing.T) {
	t.Parallel()
	got := measured(t)
	if len(got.Missing) > 0 || got.CPU < 0 || got.CPU > 100 || got.CPUs < 1 || got.Memory.Used == 0 || got.Memory.Percent() >= 100 || got.Up <= 0 {
		t.Errorf("measured %+v", got)
	}
	// df says the same of the root.
	out, err := exec.Command("df", "--output=pcent", "/").Output()
	if err != nil {
		t.Skip("no df to compare with")
	}
	fields := strings.Fields(string(out))
	want, err := strconv.Atoi(strings.TrimSuffix(fields[len(fields)-1], "%"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Disks) == 0 || got.Disks[0].Mount != "/" || math.Abs(got.Disks[0].Percent()-float64(want)) > 1.5 {
		t.Errorf("disks %+v, df says %d%%", got.Disks, want)
	}
	for _, d := range got.Disks {
		if d.Kind == "proc" || d.Kind == "tmpfs" || d.Err != "" {
			t.Errorf("a file system: %+v", d)
		}
	}
}

func TestTheProcessorsAreMeasuredOverAnIntervalAndNeverSinceBoot(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	var s Sample
	since(&s, counters{}, counters{at: begin, cpu: true, busy: 900, all: 1000})
	if s.Over != 0 || s.CPU != 0 {
		t.Errorf("a first sample says %+v", s)
	}
	since(&s, counters{at: begin, cpu: true, busy: 900, all: 1000}, counters{at: begin.Add(time.Second), cpu: true, busy: 901, all: 1002})
	if s.CPU != 50 || s.Over != time.Second {
		t.Errorf("CPU %v over %v, want 50 over 1s", s.CPU, s.Over)
	}
	s = Sample{}
	since(&s, counters{at: begin, cpu: true, busy: 900, all: 1000}, counters{at: begin.Add(time.Second), cpu: true, busy: 1, all: 2})
	if s.Over != 0 {
		t.Errorf("counters that were set back say %+v", s)
	}
}

func TestFileSystemsThatKeepNothingAreLeftOut(t *testing.T) {
	t.Parallel()
	mounts := []disk.PartitionStat{
		{Device: "overlay", Mountpoint: "/", Fstype: "overlay"},
		{Device: "proc", Mountpoint: "/proc", Fstype: "proc"},
		{Device: "/dev/sda1", Mountpoint: "/boot", Fstype: "ext4"},
		{Device: "/dev/sdb1", Mountpoint: "/data/very/deep", Fstype: "xfs"},
		{Device: "/dev/sdb1", Mountpoint: "/data", Fstype: "xfs"},
		{Device: "/dev/sdb1", Mountpoint: "/d", Fstype: "xfs", Opts: []string{"bind"}},
		{Device: "overlay", Mountpoint: "/var/lib/docker/overlay2/x/merged", Fstype: "overlay"},
		{Device: "/dev/loop0", Mountpoint: "/snap/x", Fstype: "squashfs"},
		{Device: "nas:/backups", Mountpoint: "/opt/backups", Fstype: "nfs4"},
		{Device: "tmpfs", Mountpoint: "/opt/app", Fstype: "tmpfs"},
		{Device: "tmpfs", Mountpoint: "/run", Fstype: "tmpfs"},
	}
	var got []string
	for _, d := range keeping(mounts, []string{"/opt/app/x", "/opt/backups/ai"}) {
		got = append(got, d.Mount)
	}
	if diff := cmp.Diff([]string{"/", "/boot", "/data", "/opt/app", "/opt/backups"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFileSystemThatHangsIsNotAskedTwice(t *testing.T) {
	t.Parallel()
	d := disks{asked: map[string]*question{"/nas": {since: time.Unix(0, 0)}}}
	out := Disk{Mount: "/nas"}
	d.measure(t.Context(), &out)
	if want := "it does not answer since 1970-01-01T00:00:00Z"; out.Err != want {
		t.Errorf("it says %q, want %q", out.Err, want)
	}
	gone := Disk{Mount: t.TempDir() + "/gone"}
	d.measure(t.Context(), &gone)
	if gone.Err == "" || gone.Total != 0 {
		t.Errorf("a mount that is gone: %+v", gone)
	}
	if _, err := os.Stat(gone.Mount); err == nil {
		t.Error("it was made")
	}
}
