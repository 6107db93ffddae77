package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Stats is what a container uses, measured over about a second.
type Stats struct {
	CPU         float64 // percent of one CPU: 200 is two of them
	CPUs        int
	Memory      uint64 // bytes, without what the kernel can give back at once
	MemoryLimit uint64 // bytes; 0: the container has none
	NetworkIn   uint64 // bytes since it started
	NetworkOut  uint64
	DiskRead    uint64
	DiskWritten uint64
	Processes   uint64
	At          time.Time
}

// MemoryShare is the share of the limit in percent; 0 without a limit.
func (s *Stats) MemoryShare() float64 {
	if s.MemoryLimit == 0 {
		return 0
	}
	return 100 * float64(s.Memory) / float64(s.MemoryLimit)
}

// Stats measures a running container. It takes one to two seconds: the engine compares two samples.
func (e *Engine) Stats(ctx context.Context, id string) (*Stats, error) {
	var out *Stats
	err := e.do(ctx, "measure", id, 0, func(ctx context.Context, api *client.Client, c *Container) error {
		if !c.Running() {
			return say(ErrNotRunning, "it is not running but %s", c.State)
		}
		// The one-shot call has no first sample, so no share of the CPU.
		res, err := api.ContainerStats(ctx, c.ID, false)
		if err != nil {
			return err
		}
		defer res.Body.Close() //nolint:errcheck // Read to its end.
		var raw container.StatsResponse
		if err := json.NewDecoder(res.Body).Decode(&raw); err != nil {
			return fmt.Errorf("read the engine's figures: %w", err)
		}
		if raw.CPUStats.CPUUsage.TotalUsage == 0 {
			return say(ErrNotRunning, "it ended while it was measured")
		}
		out = measured(&raw, c.MemoryLimit > 0)
		return nil
	})
	return out, err
}

func measured(raw *container.StatsResponse, limited bool) *Stats {
	out := &Stats{
		CPUs: int(raw.CPUStats.OnlineCPUs), Memory: memoryUsed(&raw.MemoryStats), Processes: raw.PidsStats.Current, At: raw.Read,
	}
	if out.CPUs == 0 { // engines before 17.11
		out.CPUs = max(1, len(raw.CPUStats.CPUUsage.PercpuUsage))
	}
	// The counters start anew when the container does: a difference below zero says nothing.
	used := float64(raw.CPUStats.CPUUsage.TotalUsage) - float64(raw.PreCPUStats.CPUUsage.TotalUsage)
	whole := float64(raw.CPUStats.SystemUsage) - float64(raw.PreCPUStats.SystemUsage)
	if used > 0 && whole > 0 && raw.PreCPUStats.SystemUsage > 0 {
		out.CPU = used / whole * float64(out.CPUs) * 100
	}
	if limited {
		out.MemoryLimit = raw.MemoryStats.Limit
	}
	for _, n := range raw.Networks {
		out.NetworkIn += n.RxBytes
		out.NetworkOut += n.TxBytes
	}
	for _, entry := range raw.BlkioStats.IoServiceBytesRecursive {
		switch entry.Op {
		case "Read", "read":
			out.DiskRead += entry.Value
		case "Write", "write":
			out.DiskWritten += entry.Value
		}
	}
	return out
}

// memoryUsed leaves the file cache out that is not in use. cgroup v1 and v2 name it differently, and v1 has a key of v2's name
// that leaves the groups below out.
func memoryUsed(m *container.MemoryStats) uint64 {
	cache, ok := m.Stats["total_inactive_file"]
	if !ok {
		cache = m.Stats["inactive_file"]
	}
	if cache >= m.Usage {
		return m.Usage
	}
	return m.Usage - cache
}
