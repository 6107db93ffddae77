package commands_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

// The house of the stories.
const (
	team     = "T0OURS"
	opsRoom  = "C0OPS"
	incs     = "C0INC"
	random   = "C0RANDOM"
	kim      = "U01KIM0" // operator
	lee      = "U02LEE0" // operator and commander
	boss     = "U03BOSS" // commander alone
	ann      = "U04ANN0" // neither
	guest    = "U05GUEST"
	gone     = "U06GONE"
	robot    = "U07ROBOT"
	stranger = "U08STRANGER"
)

type directory struct{}

func (directory) Person(_ context.Context, id string) (access.Person, error) {
	p := access.Person{ID: id, Team: team, Name: strings.ToLower(id)}
	switch id {
	case kim, lee, boss, ann:
	case guest:
		p.Guest = true
	case gone:
		p.Deleted = true
	case robot:
		p.Bot = true
	case stranger:
		p.Team = "T0THEIRS"
	default:
		return p, errors.New("user_not_found")
	}
	return p, nil
}

func (directory) Members(context.Context, string) ([]string, error) {
	return nil, errors.New("no groups")
}

// front keeps the modals that were opened.
type front struct {
	mu    sync.Mutex
	views []templates.View
	err   error
}

func (f *front) OpenView(_ context.Context, trigger string, v templates.View) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	if trigger == "" {
		return errors.New("invalid_trigger")
	}
	f.views = append(f.views, v)
	return nil
}

func (f *front) last(t *testing.T) templates.View {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.views) == 0 {
		t.Fatal("no modal was opened")
	}
	return f.views[len(f.views)-1]
}

// house is a bot without a chat: what it says is read from the real store's outbox.
type house struct {
	t      *testing.T
	store  *store.Store
	front  *front
	domain *incidents.Service
	runner *commands.Runner
	cfg    commands.Config
	log    *bytes.Buffer
	logMu  sync.Mutex

	mu   sync.Mutex
	now  time.Time
	ids  int
	ts   int
	said []incidents.Notice
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) Write(p []byte) (int, error) {
	h.logMu.Lock()
	defer h.logMu.Unlock()
	return h.log.Write(p)
}

func (h *house) logged() string {
	h.logMu.Lock()
	defer h.logMu.Unlock()
	return h.log.String()
}

func words(t *testing.T, locale string) *templates.Templates {
	t.Helper()
	w, err := templates.New(locale, time.UTC, templates.Options{App: "AI智能记事本", Topics: commands.Words()})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newHouse(t *testing.T, locale string) *house {
	t.Helper()
	h := &house{t: t, store: storetest.Open(t), front: &front{}, log: &bytes.Buffer{}, now: time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)}
	ladders := incidents.Policies{Version: "1", Levels: [3]incidents.Policy{
		{Respond: 15 * time.Minute, Resolve: 2 * time.Hour, Escalate: []string{"oncall", "ops", "management"}},
		{Respond: 30 * time.Minute, Resolve: 4 * time.Hour, Escalate: []string{"oncall", "ops"}},
		{Respond: 2 * time.Hour, Resolve: 24 * time.Hour, Escalate: []string{"oncall"}},
	}}
	h.domain = incidents.NewService(h.store, incidents.Config{Policies: ladders, Hold: 5 * time.Minute, Channel: incs, Now: h.clock}, slog.New(slog.DiscardHandler))
	people := access.New(access.Config{
		Operators: []string{kim, lee}, Commanders: []string{lee, boss}, Team: team,
		Rotation: []string{kim, lee}, Start: time.Date(2026, 1, 5, 1, 0, 0, 0, time.UTC), Shift: 168 * time.Hour,
		Contacts: []access.Contact{{Name: "ops", Mail: "ops@ai-notebook.com"}, {Name: "management", Mail: "management@ai-notebook.com"}},
	}, directory{}, h.clock)
	h.cfg = commands.Config{
		Inbox: h.store, Wake: h.store.InboxWake(), Store: h.store, Domain: h.domain, Places: h.store, Audit: h.store.Audit(), Front: h.front, Access: people,
		Words: words(t, locale), Ops: opsRoom, Incidents: []string{incs}, Ladders: ladders,
		Log: slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: h.clock,
		Poll: 10 * time.Millisecond,
	}
	h.runner = commands.New(h.cfg)
	return h
}

// request fills in what every request has.
func (h *house) request(r commands.Request) commands.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids++
	h.now = h.now.Add(time.Microsecond) // No two come at the same time.
	if r.ID == "" {
		r.ID = fmt.Sprintf("r%d", h.ids)
	}
	if r.Team == "" {
		r.Team = team
	}
	if r.Source == "" {
		r.Source = commands.Slash
	}
	if r.Channel == "" && r.Source != commands.Submit && !r.Direct {
		r.Channel = random
	}
	if r.Received.IsZero() {
		r.Received = h.now
	}
	return r
}

// ask accepts a request, carries it out and gives what was said because of it.
func (h *house) ask(r commands.Request) []incidents.Notice {
	h.t.Helper()
	r = h.request(r)
	if err := h.store.Accept(h.t.Context(), r); err != nil {
		h.t.Fatal(err)
	}
	if err := h.runner.Carry(h.t.Context(), r); err != nil {
		h.t.Fatalf("carry %+v: %v", r, err)
	}
	return h.deliver()
}

// say is ask for words in a channel.
func (h *house) say(user, text string) []incidents.Notice {
	h.t.Helper()
	return h.ask(commands.Request{User: user, Text: text})
}

// deliver empties the outbox as its worker would, and gives what was in it.
func (h *house) deliver() []incidents.Notice {
	h.t.Helper()
	ctx := h.t.Context()
	var fresh []incidents.Notice
	for {
		ds, _, err := h.store.Claim(ctx, notify.Claim{Owner: "story", Now: h.clock().Add(time.Hour), Lease: time.Minute, Limit: 100})
		if err != nil {
			h.t.Fatal(err)
		}
		if len(ds) == 0 {
			h.said = append(h.said, fresh...)
			return fresh
		}
		for _, d := range ds {
			out := notify.Outcome{Result: notify.Sent, At: h.clock()}
			if n := d.Notice; n.Edits == "" && n.User == "" && n.Kind != incidents.Paged {
				h.ts++
				out.Where = notify.Posted{Channel: n.Channel, TS: fmt.Sprintf("1700000000.%06d", h.ts)}
			}
			if err := h.store.Settle(ctx, d, out); err != nil {
				h.t.Fatal(err)
			}
			fresh = append(fresh, d.Notice)
		}
	}
}

// card is where the card of an incident stands.
func (h *house) card(number int64) notify.Posted {
	h.t.Helper()
	at, ok, err := h.store.Posted(h.t.Context(), incidents.Key(number)+"/card")
	if err != nil || !ok {
		h.t.Fatalf("the card of INC-%d is not posted (%v)", number, err)
	}
	return at
}

func (h *house) incident(number int64) *incidents.Incident {
	h.t.Helper()
	in, err := h.store.Find(h.t.Context(), number)
	if err != nil {
		h.t.Fatal(err)
	}
	return in
}

// open opens an incident by hand and delivers its card.
func (h *house) open(level, title string) {
	h.t.Helper()
	h.say(kim, fmt.Sprintf("incident open %s %q", level, title))
}

// click presses a button of an incident's card.
func (h *house) click(user, action string, number int64) []incidents.Notice {
	h.t.Helper()
	at := h.card(number)
	return h.ask(commands.Request{
		Source: commands.Action, User: user, Action: action, Value: incidents.Key(number), Channel: at.Channel, Message: at.TS, Trigger: "t",
	})
}

// answers picks the answers among notices.
func answers(ns []incidents.Notice) []incidents.Notice {
	return slices.DeleteFunc(slices.Clone(ns), func(n incidents.Notice) bool { return n.Kind != incidents.Answer })
}

// answer gives the one answer among notices and its text.
func answer(t *testing.T, ns []incidents.Notice) (incidents.Notice, string) {
	t.Helper()
	as := answers(ns)
	if len(as) != 1 {
		t.Fatalf("%d answers, want 1: %+v", len(as), as)
	}
	return as[0], textOf(t, as[0])
}

// refused checks that the one answer is for the caller alone and nothing else was said.
func refused(t *testing.T, user string, ns []incidents.Notice) string {
	t.Helper()
	n, text := answer(t, ns)
	if len(ns) != 1 {
		t.Errorf("%d notices, want the refusal alone: %+v", len(ns), ns)
	}
	if n.User != user {
		t.Errorf("the refusal is for %q, want %s alone", n.User, user)
	}
	return text
}

func messageOf(t *testing.T, n incidents.Notice) templates.Message {
	t.Helper()
	var m templates.Message
	if err := json.Unmarshal(n.Message, &m); err != nil {
		t.Fatalf("answer %s: %v", n.Message, err)
	}
	return m
}

// textOf is all that an answer shows.
func textOf(t *testing.T, n incidents.Notice) string {
	t.Helper()
	var b strings.Builder
	line := func(l templates.Line) {
		for _, s := range l {
			b.WriteString(s.Text + s.User + s.UserGroup)
		}
		b.WriteByte('\n')
	}
	for _, block := range messageOf(t, n).Blocks {
		for _, l := range block.Lines {
			line(l)
		}
		for _, p := range block.Pairs {
			b.WriteString(p.Name + ": ")
			line(p.Value)
		}
		for _, btn := range block.Buttons {
			b.WriteString("[" + btn.Action + " " + btn.Value + "]\n")
		}
	}
	return b.String()
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in:\n%s", p, text)
		}
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-deadline.C:
			t.Fatalf("timed out: %s", what)
		case <-tick.C:
		}
	}
}
