package commands_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/notify"
)

// forgetful is a directory that Slack does not answer for a while.
type forgetful struct {
	directory
	away atomic.Bool
}

func (f *forgetful) Person(ctx context.Context, id string) (access.Person, error) {
	if f.away.Load() {
		return access.Person{}, &notify.SendError{Fate: notify.Retry, Reason: "timeout"}
	}
	return f.directory.Person(ctx, id)
}

func TestAClickIsNotLostBecauseSlackCannotTellWhoItWas(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	f := &forgetful{}
	h.cfg.Access = access.New(access.Config{Operators: []string{kim}, Team: team}, f, nil)
	f.away.Store(true)
	h.cfg.Workers = 1
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Text: "incident note INC-1 first"})
	h.accept(commands.Request{User: kim, Text: "incident note INC-1 second"})
	eventually(t, "it was tried", func() bool { return strings.Contains(h.logged(), "try=2") })
	if got := h.notes(1); len(got) != 0 {
		t.Errorf("carried out for somebody unknown: %q", got)
	}
	f.away.Store(false)
	h.idle()
	if got := h.notes(1); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("notes = %q", got)
	}
	// Whom Slack says not to know is refused at once.
	h.accept(commands.Request{User: "U99NOBODY", Text: "incident note INC-1 third"})
	h.idle()
	contains(t, h.logged(), "user_not_found")
}

// unread is a store that cannot be read for so many tries, although it takes what is written.
type unread struct {
	commands.Store
	tries atomic.Int32
}

func (g *unread) Find(ctx context.Context, number int64) (*incidents.Incident, error) {
	if g.tries.Add(-1) >= 0 {
		return nil, fmt.Errorf("read: %w", store.ErrUnavailable)
	}
	return g.Store.Find(ctx, number)
}

func TestAnOutageOfTheStoreNeverEndsInAnApology(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	g := &unread{Store: h.store}
	g.tries.Store(6)
	h.cfg.Store = g
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Text: "incident show INC-1"})
	h.idle()
	_, said := answer(t, h.deliver())
	contains(t, said, "disk is full")
}

// maze is where nothing can be looked for without breaking.
type maze struct{ commands.Places }

func (maze) KeyAt(context.Context, notify.Posted) (string, error) { panic("boom") }

func TestWordsThatBreakTheRunnerEndWithAReferenceAndNotWithTheProgram(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "en")
	h.open("P1", "disk is full")
	h.cfg.Places = maze{h.store}
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Text: "incident ack", Source: commands.Mention, Channel: incs, Thread: "1.1", Message: "1.2"})
	h.accept(commands.Request{User: kim, Text: "incident note INC-1 alive"})
	h.idle()
	if got := h.notes(1); !slices.Equal(got, []string{"alive"}) {
		t.Errorf("notes = %q", got)
	}
	contains(t, h.logged(), "boom", "ref=")
}
