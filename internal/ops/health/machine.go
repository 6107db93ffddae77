package health

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/ops/host"
)

// crowded is how many processes for each processor are a warning when that lasts for five minutes.
const crowded = 2

// machine gives the newest sample, or why there is none.
func (k check) machine(s *scene, part string) (host.Sample, []Check) {
	if s.Host == nil {
		return host.Sample{}, []Check{k.unchecked("off", Facts{Word: "host"})}
	}
	m, ok := s.Host()
	if !ok {
		return m, []Check{k.unchecked("soon", Facts{})}
	}
	if why := m.Missing[part]; why != "" {
		return m, []Check{k.unchecked("unseen", Facts{Text: s.text(why, shortText)})}
	}
	return m, nil
}

func lookCPU(_ context.Context, s *scene) []Check {
	k := check{name: "cpu"}
	m, none := k.machine(s, "cpu")
	switch {
	case none != nil:
		return none
	case m.Over == 0:
		return []Check{k.unchecked("soon", Facts{})}
	}
	p := int(m.CPU + 0.5)
	st := level(p, s.CPU)
	if st == Failed {
		st = Warning // a machine that has much to do still does it
	}
	return []Check{k.one(st, "cpu", Facts{Percent: p, Limit: s.CPU, Count: m.CPUs, Age: m.Over})}
}

func lookMemory(_ context.Context, s *scene) []Check {
	k := check{name: "memory"}
	m, none := k.machine(s, "memory")
	if none != nil {
		return none
	}
	p := int(m.Memory.Percent() + 0.5)
	return []Check{k.one(level(p, s.Memory), "memory", Facts{Percent: p, Limit: s.Memory, Bytes: bytesOf(m.Memory.Used), Of: bytesOf(m.Memory.Total)})}
}

func lookLoad(_ context.Context, s *scene) []Check {
	k := check{name: "load"}
	m, none := k.machine(s, "load")
	if none != nil {
		return none
	}
	st := OK
	if m.CPUs > 0 && m.Load[1] > float64(crowded*m.CPUs) {
		st = Warning
	}
	return []Check{k.one(st, "load", Facts{Value: m.Load[1], Count: m.CPUs})}
}

// lookDisks tells of each file system's bytes and inodes.
func lookDisks(_ context.Context, s *scene) []Check {
	k := check{name: "disk"}
	m, none := k.machine(s, "disks")
	if none != nil {
		return none
	}
	var out []Check
	for _, d := range m.Disks {
		ck := Check{Name: k.name, Subject: d.Mount}
		if d.Err != "" {
			ck.Findings = []Finding{{Unchecked, "unseen", Facts{Text: s.text(d.Err, shortText)}}}
			out = append(out, ck)
			continue
		}
		p := int(d.Percent() + 0.5)
		ck.Findings = []Finding{{level(p, s.Disk), "disk", Facts{Percent: p, Limit: s.Disk, Bytes: bytesOf(d.Free), Of: bytesOf(d.Total)}}}
		if n := int(d.InodePercent() + 0.5); d.Inodes > 0 && level(n, s.Disk) != OK {
			ck.Findings = append(ck.Findings, Finding{level(n, s.Disk), "inodes", Facts{Percent: n, Limit: s.Disk}})
		}
		out = append(out, ck)
	}
	return out
}

func bytesOf(n uint64) int64 { return int64(min(n, 1<<62)) }
