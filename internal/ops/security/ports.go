package security

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	netstat "github.com/shirou/gopsutil/v3/net"
	"github.com/shirou/gopsutil/v3/process"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// port is a socket that waits for whoever comes. Its program belongs to what it is: another one at the same address is news.
type port struct {
	Proto   string // tcp, udp
	Address string
	Port    int
	Program string // empty: not known
}

func (p port) String() string {
	return p.Proto + " " + net.JoinHostPort(p.Address, strconv.Itoa(p.Port))
}

// local tells whether only this machine reaches it.
func (p port) local() bool {
	a, err := netip.ParseAddr(p.Address)
	return err == nil && a.Unmap().IsLoopback()
}

// kept is a port with what earlier audits saw of it.
type kept struct {
	port
	First time.Time // zero: it was there at the first audit
	Gone  time.Time `json:",omitzero"`
}

// book is what an audit leaves for the next.
type book struct {
	At    time.Time
	Ports []kept
}

// ports holds the ports that are open against those that the last audit saw. News stay news for a week, so that they are not lost
// on whoever asks second.
func (s *scene) ports(ctx context.Context) []health.Finding {
	now, unnamed, err := listening(ctx)
	if err != nil {
		return []health.Finding{unchecked("unseen", health.Facts{Text: err.Error()})}
	}
	before, err := s.recall(ctx)
	if err != nil {
		return []health.Finding{unchecked("ports.forgot", health.Facts{Count: len(now), Text: err.Error()})}
	}
	after := before.compare(now, s.now)
	found := few(after.news(s.now))
	if before.At.IsZero() {
		found = append(found, ok("ports.first", health.Facts{Count: len(now), Total: outside(now)}))
	} else {
		found = append(found, ok("ports.before", health.Facts{Count: len(now), Total: outside(now), At: before.At}))
	}
	if unnamed > 0 {
		found = append(found, ok("ports.unnamed", health.Facts{Count: unnamed}))
	}
	if err := s.remember(ctx, after); err != nil {
		found = append(found, warn("ports.unkept", health.Facts{Text: err.Error()}))
	}
	return found
}

func outside(ports []port) int {
	n := 0
	for _, p := range ports {
		if !p.local() {
			n++
		}
	}
	return n
}

// listening lists the ports that are open, and counts those whose program only root may see.
func listening(ctx context.Context) (ports []port, unnamed int, err error) {
	list, err := netstat.ConnectionsWithContext(ctx, "inet")
	if err != nil {
		return nil, 0, err
	}
	ephemeral := firstEphemeral()
	for _, c := range list {
		p := port{Address: c.Laddr.IP, Port: int(c.Laddr.Port)}
		switch {
		case c.Type == syscall.SOCK_STREAM && c.Status == "LISTEN":
			p.Proto = "tcp"
		// A socket of UDP that asks somebody something looks like one that waits; those have a number from the kernel's range.
		case c.Type == syscall.SOCK_DGRAM && c.Raddr.Port == 0 && p.Port != 0 && p.Port < ephemeral:
			p.Proto = "udp"
		default:
			continue
		}
		if p.Address == "*" {
			p.Address = "::"
		}
		if c.Pid > 0 {
			p.Program = programOf(ctx, c.Pid)
		}
		if slices.Contains(ports, p) { // several processes may share it
			continue
		}
		if p.Program == "" {
			unnamed++
		}
		ports = append(ports, p)
	}
	return ports, unnamed, ctx.Err()
}

// programOf is the name of a process's program.
func programOf(ctx context.Context, pid int32) string {
	p := process.Process{Pid: pid}
	if exe, err := p.ExeWithContext(ctx); err == nil && exe != "" {
		return path.Base(strings.TrimSuffix(exe, " (deleted)"))
	}
	name, _ := p.NameWithContext(ctx)
	return name
}

// firstEphemeral is from which number on the kernel gives ports to whoever asks for any.
func firstEphemeral() int {
	const usual = 32768
	b, err := os.ReadFile(proc("sys", "net", "ipv4", "ip_local_port_range"))
	if f := strings.Fields(string(b)); err == nil && len(f) == 2 {
		if n, err := strconv.Atoi(f[0]); err == nil {
			return n
		}
	}
	return usual
}

// compare is the book after an audit that saw these ports.
func (b book) compare(ports []port, now time.Time) book {
	out := book{At: now}
	for _, p := range ports {
		i := slices.IndexFunc(b.Ports, func(k kept) bool { return k.same(p) && k.Gone.IsZero() })
		switch {
		case i >= 0:
			out.Ports = append(out.Ports, kept{port: p, First: b.Ports[i].First})
		case b.At.IsZero():
			out.Ports = append(out.Ports, kept{port: p})
		default:
			out.Ports = append(out.Ports, kept{port: p, First: now})
		}
	}
	for _, k := range b.Ports {
		if slices.ContainsFunc(ports, k.same) {
			continue
		}
		if k.Gone.IsZero() {
			k.Gone = now
		}
		if now.Sub(k.Gone) < lately {
			out.Ports = append(out.Ports, k)
		}
	}
	return out
}

// same tells whether it is the same port as was seen. One whose program could not be seen at one of both times is not another for that.
func (k kept) same(p port) bool {
	if k.Program == "" || p.Program == "" {
		p.Program = k.Program
	}
	return k.port == p
}

// news are the findings of what came and went lately, those that others reach first.
func (b book) news(now time.Time) []health.Finding {
	var out []health.Finding
	for _, k := range b.Ports {
		f := health.Facts{Word: k.String(), Text: k.Program}
		switch {
		case !k.Gone.IsZero():
			f.At = k.Gone
			out = append(out, ok("ports.gone", f))
		case !k.First.IsZero() && now.Sub(k.First) < lately && k.local():
			f.At = k.First
			out = append(out, ok("ports.new", f))
		case !k.First.IsZero() && now.Sub(k.First) < lately:
			f.At = k.First
			out = append(out, warn("ports.new", f))
		}
	}
	slices.SortStableFunc(out, func(a, b health.Finding) int {
		return cmp.Or(a.State.Rank()-b.State.Rank(), b.Facts.At.Compare(a.Facts.At))
	})
	return out
}

// mostKept is how many ports are kept: no machine has more open, and a store is no place for what somebody opens in a loop.
const mostKept = 5000

// setting is the name under which this machine's ports are kept: several bots on several machines may share one store.
func setting() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return "audit/" + name
}

// recall is what the last audit left; a zero time: there was none.
func (s *scene) recall(ctx context.Context) (book, error) {
	if s.cfg.Memory == nil {
		return book{}, nil
	}
	text, found, err := s.cfg.Memory.Setting(ctx, setting())
	if err != nil || !found {
		return book{}, err
	}
	var b book
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		s.cfg.Log.WarnContext(ctx, "the ports that the last audit saw cannot be read; this one counts as the first", "err", err)
		return book{}, nil
	}
	return b, nil
}

func (s *scene) remember(ctx context.Context, b book) error {
	if s.cfg.Memory == nil {
		return nil
	}
	if len(b.Ports) > mostKept {
		return fmt.Errorf("%d ports are too many to keep", len(b.Ports))
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return s.cfg.Memory.KeepSetting(ctx, setting(), string(text))
}
