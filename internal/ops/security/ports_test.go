package security

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// shelf keeps settings in memory, and breaks when it is told to.
type shelf struct {
	mu     sync.Mutex
	kept   map[string]string
	broken error
}

func (m *shelf) Setting(_ context.Context, name string) (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, found := m.kept[name]
	return v, found, m.broken
}

func (m *shelf) KeepSetting(_ context.Context, name, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string]string{}
	}
	m.kept[name] = value
	return m.broken
}

// listen opens a port and gives it as an audit sees it.
func listen(t *testing.T, addr string) (port, net.Listener) {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	host, number, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return port{"tcp", host, n, filepath.Base(exe)}, l
}

// about are the findings of one port.
func aboutPort(found []health.Finding, p port) []string {
	return codes(slices.DeleteFunc(slices.Clone(found), func(f health.Finding) bool { return f.Facts.Word != p.String() }))
}

func TestAPortThatOpensBetweenTwoAuditsIsNewAndOneThatClosesIsGone(t *testing.T) {
	t.Parallel()
	look := func() []port {
		t.Helper()
		list, _, err := listening(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	old, _ := listen(t, "0.0.0.0:0")
	first := book{}.compare(look(), now)
	if n := first.news(now); len(n) != 0 {
		t.Errorf("the first audit has news: %v", codes(n))
	}

	world, l := listen(t, "0.0.0.0:0")
	local, _ := listen(t, "127.0.0.1:0")
	later := now.Add(time.Hour)
	second := first.compare(look(), later)
	for p, want := range map[port][]string{old: nil, world: {"warning ports.new"}, local: {"ok ports.new"}} {
		if got := aboutPort(second.news(later), p); !slices.Equal(got, want) {
			t.Errorf("%s of %s: %v, want %v", p, p.Program, got, want)
		}
	}

	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	latest := later.Add(time.Hour)
	third := second.compare(look(), latest)
	for p, want := range map[port][]string{old: nil, world: {"ok ports.gone"}, local: {"ok ports.new"}} {
		if got := aboutPort(third.news(latest), p); !slices.Equal(got, want) {
			t.Errorf("later, %s of %s: %v, want %v", p, p.Program, got, want)
		}
	}
	over := latest.Add(lately)
	if got := third.compare(look(), over).news(over); len(aboutPort(got, world))+len(aboutPort(got, local)) > 0 {
		t.Errorf("after a week it is still news: %v", codes(got))
	}
}

func TestThePortsOfAnAuditAreKeptForTheNext(t *testing.T) {
	t.Parallel()
	m := &shelf{}
	at := now
	c := New(Config{Memory: m, Now: func() time.Time { return at }})
	look := func() []health.Finding {
		s := sceneOf(c.cfg)
		return s.ports(t.Context())
	}
	if f := finds(look(), "ports.first"); f == nil || f.State != health.OK {
		t.Errorf("the first audit does not say that it is")
	}
	at = now.Add(time.Hour)
	if f := finds(look(), "ports.before"); f == nil || !f.Facts.At.Equal(now) {
		t.Errorf("the second does not say what it is held against: %+v", f)
	}
	m.broken = errors.New("disk full")
	if f := finds(look(), "ports.forgot"); f == nil || f.State != health.Unchecked {
		t.Error("what could not be read is not told")
	}
	m.broken = nil
	m.kept[setting()] = "{"
	if f := finds(look(), "ports.first"); f == nil {
		t.Error("what cannot be understood does not begin anew")
	}
}

func TestAPortIsTheSameThoughItsProgramCouldNotBeSeen(t *testing.T) {
	t.Parallel()
	ssh := port{"tcp", "0.0.0.0", 22, "sshd"}
	b := book{}.compare([]port{ssh, {"tcp", "::1", 5432, "postgres"}}, now)
	later := now.Add(time.Hour)
	unseen := b.compare([]port{{"tcp", "0.0.0.0", 22, ""}, {"tcp", "::1", 5432, "nc"}}, later)
	if got := codes(unseen.news(later)); !slices.Equal(got, []string{"ok ports.new", "ok ports.gone"}) {
		t.Errorf("news are %v, want the one whose program is another", got)
	}
}
