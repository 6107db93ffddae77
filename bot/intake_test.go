package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

func buttons() templates.Message {
	m := hello()
	m.Blocks = append(m.Blocks, templates.Block{Kind: templates.Actions, Buttons: []templates.Button{
		{Action: "incident.ack", Value: "1", Label: "Acknowledge"}, {Label: "x", URL: "https://example.com/x"},
	}})
	return m
}

func post(t *testing.T, b *running, p notify.Post) notify.Posted {
	t.Helper()
	at, err := b.Post(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWhatPeopleDoIsCommittedAndThenAcknowledged(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	ana := s.User(slackfake.Operator)
	if out := acked(t, ana.Slash(slackfake.Ops, "oncall @bo 2h")); len(out.Ack) > 0 {
		t.Errorf("a payload in the acknowledgement: %s", out.Ack)
	}
	acked(t, ana.Mention(slackfake.Incidents, "", "incident list"))
	acked(t, ana.Post(ana.DM(), "", "help"))
	at := post(t, b, notify.Post{Channel: slackfake.Incidents, Key: "card", Message: buttons()})
	acked(t, ana.Click(at.Channel, at.TS, "incident.ack"))
	acked(t, ana.Click(at.Channel, at.TS, "link.1"))
	acked(t, ana.GlobalShortcut("incident.new"))
	if got, want := b.inbox.texts(), ",,help,incident list,oncall U01BBBB 2h"; got != want {
		t.Errorf("texts = %q, want %q", got, want)
	}
	for _, r := range b.inbox.requests() {
		if r.User != slackfake.Operator || r.Team != "T0FAKE" || r.Received.IsZero() {
			t.Errorf("request = %+v", r)
		}
		if r.Source == commands.Action && (r.Thread != at.TS || r.Message != at.TS || r.Value != "1" || r.Channel != at.Channel) {
			t.Errorf("click = %+v", r)
		}
		if r.Direct != (r.Text == "help") {
			t.Errorf("direct = %v for %+v", r.Direct, r)
		}
	}
	if n := metric(t, b.metrics.ack, ""); n < 6 {
		t.Errorf("%v acknowledgements were measured", n)
	}
}

func TestOurOwnMessagesAreNotAnswered(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	ana := s.User(slackfake.Operator)
	post(t, b, notify.Post{Channel: ana.DM(), Key: "dm", Message: hello()})
	acked(t, ana.Slash(slackfake.Ops, "after"))
	if got := b.inbox.texts(); got != "after" {
		t.Errorf("texts = %q", got)
	}
}

func TestWhatTheStoreDoesNotTakeIsSaid(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ commands.Request) error { <-ctx.Done(); return ctx.Err() }
	deaf := make(chan struct{})
	t.Cleanup(func() { close(deaf) })
	for name, before := range map[string]func(context.Context, commands.Request) error{
		"fails":                   func(context.Context, commands.Request) error { return errors.New("disk full") },
		"hangs":                   hang,
		"hangs and does not heed": func(context.Context, commands.Request) error { <-deaf; return errors.New("too late") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := workspace(t, nil)
			b := runBot(t, s, nil)
			b.connected(t)
			ana := s.User(slackfake.Operator)
			at := post(t, b, notify.Post{Channel: slackfake.Ops, Key: "card", Message: buttons()})
			if err := openModal(t, b, s, ana); err != nil {
				t.Fatal(err)
			}
			view := s.Views(slackfake.Operator)[0]
			b.inbox.set(before)

			slash := ana.Slash(slackfake.Ops, "incident open")
			click := ana.Click(at.Channel, at.TS, "incident.ack")
			submit := ana.Submit(view.ID, map[string]string{"cause": "disk"})
			mention := ana.Mention(slackfake.Ops, "", "incident list")

			if out := acked(t, slash); !strings.Contains(string(out.Ack), "not taken, try &lt;again&gt;") {
				t.Errorf("the slash command was answered %s", out.Ack)
			}
			if out := outcomeOf(t, submit); !strings.Contains(string(out.Ack), `"cause":"not taken`) {
				t.Errorf("the modal was answered %s, %s", out.Ack, out.Ended)
			}
			if out := outcomeOf(t, click); out.Ended != slackfake.TimedOut {
				t.Errorf("the click ended %s, want unacknowledged", out.Ended)
			}
			b.inbox.set(nil)
			if out := outcomeOf(t, mention); out.Ended != slackfake.Acked || out.Attempts < 2 {
				t.Errorf("the mention ended %s after %d deliveries, want it delivered again", out.Ended, out.Attempts)
			}
			if got := b.inbox.texts(); got != "help,incident list" {
				t.Errorf("taken: %q", got)
			}
		})
	}
}

// openModal opens the resolve modal for a person, by the trigger of a slash command.
func openModal(t *testing.T, b *running, s *slackfake.Server, who *slackfake.Person) error {
	t.Helper()
	in := who.Slash(slackfake.Ops, "help")
	acked(t, in)
	v := resolveView()
	v.Inputs = v.Inputs[:1]
	v.Inputs[0].Initial = ""
	if err := b.OpenView(t.Context(), in.Trigger, v); err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	if len(s.Views(who.ID)) != 1 {
		return errors.New("no view is open")
	}
	return nil
}

func TestAnswersThatBreakTheirCheckAreNotTakenAndEndNothing(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, func(c *Config) { c.Validate = func(commands.Request) map[string]string { panic("boom") } })
	b.connected(t)
	ana := s.User(slackfake.Operator)
	if err := openModal(t, b, s, ana); err != nil {
		t.Fatal(err)
	}
	out := outcomeOf(t, ana.Submit(s.Views(slackfake.Operator)[0].ID, map[string]string{"cause": "x"}))
	if !strings.Contains(string(out.Ack), "not taken") {
		t.Errorf("the modal was answered %s, %s", out.Ack, out.Ended)
	}
	acked(t, ana.Slash(slackfake.Ops, "help"))
}

func TestWrongAnswersOfAModalAreShownBelowThem(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	var wrong atomic.Bool
	wrong.Store(true)
	b := runBot(t, s, func(c *Config) {
		c.Validate = func(r commands.Request) map[string]string {
			if !wrong.Load() {
				return nil
			}
			return map[string]string{"cause": "too short: " + r.Values["cause"], "unheard-of": strings.Repeat("长", 20000)}
		}
	})
	b.connected(t)
	ana := s.User(slackfake.Operator)
	if err := openModal(t, b, s, ana); err != nil {
		t.Fatal(err)
	}
	id := s.Views(slackfake.Operator)[0].ID
	out := outcomeOf(t, ana.Submit(id, map[string]string{"cause": "x"}))
	if v, _ := s.View(id); v.Errors["cause"] == "" {
		t.Errorf("errors = %v after %s (%s)", v.Errors, out.Ack, out.Error)
	}
	if got := b.inbox.texts(); got != "help" {
		t.Errorf("taken: %q", got)
	}
	wrong.Store(false)
	acked(t, ana.Submit(id, map[string]string{"cause": "disk"}))
	if rs := b.inbox.requests(); len(rs) != 2 || rs[1].Values["cause"] != "disk" || rs[1].Metadata != "1" {
		t.Errorf("requests = %+v", rs)
	}
	if open := s.Views(slackfake.Operator); len(open) != 0 {
		t.Errorf("%d views are open", len(open))
	}
}

func TestManyAtOnceShareCommitsAndAreAllInTime(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	var now, most atomic.Int64
	b.inbox.set(func(ctx context.Context, _ commands.Request) error {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return waitFor(ctx, 20*time.Millisecond)
	})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { acked(t, s.User(slackfake.Operator).Slash(slackfake.Ops, fmt.Sprint(i))) })
	}
	wg.Wait()
	if n := len(b.inbox.requests()); n != 100 {
		t.Errorf("%d requests, want 100", n)
	}
	if m := most.Load(); m < 2 || m > maxAccepts {
		t.Errorf("%d at once, want several and at most %d", m, maxAccepts)
	}
}

func waitFor(ctx context.Context, d time.Duration) error {
	wait(ctx, d)
	return ctx.Err()
}

// TestAStoreThatHangsDoesNotTakeTheSocketsDown: while nobody takes envelopes, pings are still answered.
func TestAStoreThatHangsDoesNotTakeTheSocketsDown(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	before := s.Sockets()
	release := make(chan struct{})
	b.inbox.set(func(context.Context, commands.Request) error { <-release; return errors.New("too late") })
	var all []*slackfake.Interaction
	for range 2 * maxAccepts {
		all = append(all, s.User(slackfake.Operator).Slash(slackfake.Ops, "x"))
	}
	for _, in := range all {
		if out := outcomeOf(t, in); !strings.Contains(string(out.Ack), "not taken") {
			t.Errorf("%s, answered %s", out.Ended, out.Ack)
		}
	}
	pongs := s.Sockets()[0].Pongs
	eventually(t, "more pongs", func() bool { return s.Sockets()[0].Pongs > pongs+3 })
	for i, k := range s.Sockets() {
		if k.N != before[i].N {
			t.Error("a socket was changed")
		}
	}
	close(release)
	b.inbox.set(nil)
	eventually(t, "the slots are free again", func() bool { return len(b.intake.slots) == 0 })
	acked(t, s.User(slackfake.Operator).Slash(slackfake.Ops, "again"))
}

// TestAnAcknowledgementDoesNotMoveToAnotherSocket: the workspace fails the test when one comes elsewhere.
func TestAnAcknowledgementDoesNotMoveToAnotherSocket(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	b.inbox.set(func(context.Context, commands.Request) error { begun <- struct{}{}; <-release; return nil })
	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "x")
	<-begun
	before := s.Sockets()
	s.CutSockets()
	eventually(t, "other sockets are there", func() bool { k := s.Sockets(); return len(k) == 2 && k[0].N > before[1].N && k[1].N > before[1].N })
	close(release)
	outcomeOf(t, in)
	if len(b.inbox.requests()) != 1 {
		t.Error("what was committed is gone")
	}
	eventually(t, "the lost acknowledgement is counted", func() bool { return metric(t, b.metrics.acksLost, "") == 1 })
}

func TestWhatIsBeingCommittedAtTheEndIsStillAcknowledged(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	begun := make(chan struct{}, 1)
	b.inbox.set(func(ctx context.Context, _ commands.Request) error {
		begun <- struct{}{}
		return waitFor(ctx, 200*time.Millisecond)
	})
	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "x")
	<-begun
	b.stop()
	if out := acked(t, in); len(out.Ack) > 0 {
		t.Errorf("answered %s", out.Ack)
	}
}

func TestUnheardOfEnvelopesAreAcknowledged(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	acked(t, s.SendEnvelope("telepathy", `{"thought":{"of":[1,2]}}`))
	acked(t, s.SendEnvelope("interactive", `{"type":"telepathy"}`))
	acked(t, s.SendEnvelope("slash_commands", `{"text":7}`))
	acked(t, s.SendEvent(`{"type":"unheard_of","user":{"not":"an id"}}`))
	acked(t, s.SendEvent(`{"type":"app_mention"}`))
	acked(t, s.User(slackfake.Operator).OpenHome())
	if n := len(b.inbox.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
	if n := metric(t, b.metrics.envelopes, ""); n != 6 {
		t.Errorf("%v envelopes were counted, want 6", n)
	}
}

func TestTheSameWordsDeliveredTwiceAreOneRequest(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	s.SetShuffle(slackfake.Shuffle{Duplicate: 1})
	for i := range 10 {
		acked(t, s.User(slackfake.Operator).Mention(slackfake.Ops, "", fmt.Sprint("n", i)))
	}
	eventually(t, "all are there", func() bool { return len(b.inbox.requests()) == 10 })
}

func TestAChangedUserGroupIsTold(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	told := make(chan string, 4)
	b := runBot(t, s, func(c *Config) { c.OnGroupChanged = func(g string) { told <- g } })
	b.connected(t)
	s.SetGroup(slackfake.OpsGroup, slackfake.Commander)
	if g := <-told; g != slackfake.OpsGroup {
		t.Errorf("told of %q", g)
	}
}
