// Package host measures the machine that the bot runs on: processors over an interval (never the first sample since boot, which
// says nothing of now), memory, load, and file systems that keep data. It measures in the background, so that asking takes no
// time and a file system that hangs holds nobody up.
package host

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/net"
)

// Sample is what was measured at one time. What could not be measured has its reason in Missing.
type Sample struct {
	At time.Time
	Up time.Duration // since the machine started

	CPU  float64       // percent of all processors that was not idle, over Over
	Over time.Duration // 0: CPU is not measured yet
	CPUs int
	Load [3]float64 // over 1, 5 and 15 minutes

	Memory Memory
	Swap   Memory
	Disks  []Disk // by mount point

	NetworkIn, NetworkOut float64 // bytes a second over Over, all real interfaces together

	Missing map[string]string // "cpu", "memory", "load", "disks": why it was not measured
}

// Memory is in bytes. Used is what programs cannot get.
type Memory struct{ Total, Used uint64 }

// Percent is the share that is used.
func (m Memory) Percent() float64 { return percent(m.Used, m.Total) }

func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// Config says how to measure.
type Config struct {
	Every time.Duration // zero: 10 s
	// Paths are folders whose file systems are looked at whatever their kind, for example of the application and of the backups.
	Paths []string
}

const (
	defaultEvery = 10 * time.Second
	// firstAfter is when the second sample follows the first, so that there is an answer soon after the start.
	firstAfter = time.Second
)

// Sampler keeps the newest sample.
type Sampler struct {
	cfg   Config
	log   *slog.Logger
	disks disks

	mu     sync.Mutex
	newest Sample
	before counters
}

// counters grow since boot; the difference of two is what is measured.
type counters struct {
	at         time.Time
	busy, all  float64
	in, out    uint64
	cpu, wires bool // they could be read
}

// New makes a Sampler; Run makes it measure.
func New(cfg Config, log *slog.Logger) *Sampler {
	cfg.Every = cmp.Or(cfg.Every, defaultEvery)
	return &Sampler{cfg: cfg, log: log, disks: disks{paths: cfg.Paths, asked: map[string]*question{}}}
}

// Run measures until ctx ends.
func (s *Sampler) Run(ctx context.Context) error {
	wait := min(firstAfter, s.cfg.Every)
	for {
		s.measure(ctx)
		t := time.NewTimer(wait)
		wait = s.cfg.Every
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}

// Newest gives the newest sample; false: nothing was measured yet.
func (s *Sampler) Newest() (Sample, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest, !s.newest.At.IsZero()
}

func (s *Sampler) measure(ctx context.Context) {
	out := Sample{At: time.Now(), Missing: map[string]string{}}
	note := func(what string, err error) bool {
		if err != nil {
			out.Missing[what] = err.Error()
			s.log.DebugContext(ctx, "measuring the host", "what", what, "err", err)
		}
		return err == nil
	}
	now := count(ctx, note)
	if n, err := cpu.CountsWithContext(ctx, true); note("cpu", err) {
		out.CPUs = n
	}
	if l, err := load.AvgWithContext(ctx); note("load", err) {
		out.Load = [3]float64{l.Load1, l.Load5, l.Load15}
	}
	if m, err := mem.VirtualMemoryWithContext(ctx); note("memory", err) {
		out.Memory = Memory{Total: m.Total, Used: m.Total - min(m.Available, m.Total)}
		out.Swap = Memory{Total: m.SwapTotal, Used: m.SwapTotal - min(m.SwapFree, m.SwapTotal)}
	}
	if up, err := host.UptimeWithContext(ctx); err == nil {
		out.Up = time.Duration(min(up, 1<<32)) * time.Second
	}
	var err error
	out.Disks, err = s.disks.look(ctx)
	note("disks", err)

	s.mu.Lock()
	defer s.mu.Unlock()
	since(&out, s.before, now)
	s.newest, s.before = out, now
}

// count reads the counters that only mean something against earlier ones.
func count(ctx context.Context, note func(string, error) bool) counters {
	now := counters{at: time.Now()}
	if ts, err := cpu.TimesWithContext(ctx, false); note("cpu", err) && len(ts) > 0 {
		t := ts[0]
		// Guests are counted within user and nice already.
		now.all = t.User + t.System + t.Nice + t.Iowait + t.Irq + t.Softirq + t.Steal + t.Idle
		now.busy, now.cpu = now.all-t.Idle-t.Iowait, true
	}
	if ws, err := net.IOCountersWithContext(ctx, true); err == nil {
		for _, w := range ws {
			if realInterface(w.Name) {
				now.in, now.out, now.wires = now.in+w.BytesRecv, now.out+w.BytesSent, true
			}
		}
	}
	return now
}

// since fills in what two readings of the counters say. After a first one there is nothing to say, and counters that fell were
// set back.
func since(out *Sample, before, now counters) {
	over := now.at.Sub(before.at)
	if before.at.IsZero() || over <= 0 {
		return
	}
	if before.cpu && now.cpu && now.all > before.all {
		out.CPU, out.Over = 100*max(0, min(1, (now.busy-before.busy)/(now.all-before.all))), over
	}
	if before.wires && now.wires && now.in >= before.in && now.out >= before.out {
		out.NetworkIn, out.NetworkOut = float64(now.in-before.in)/over.Seconds(), float64(now.out-before.out)/over.Seconds()
	}
}
