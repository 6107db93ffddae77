package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// kills is how often the crash test kills the bot: 20 times, or as NOTEBOOKBOT_KILLS says (make soak).
func kills(t *testing.T) int {
	t.Helper()
	s := os.Getenv("NOTEBOOKBOT_KILLS")
	if s == "" {
		return 20
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("NOTEBOOKBOT_KILLS=%q: a number of kills is needed", s)
	}
	return n
}

// keep copies the store of a failed run to where NOTEBOOKBOT_KEEP says, so that it can be looked at.
func keep(t *testing.T, db string) {
	t.Helper()
	dir := os.Getenv("NOTEBOOKBOT_KEEP")
	if dir == "" {
		return
	}
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(db + suffix)
		if err == nil {
			writeFile(t, filepath.Join(dir, "bot.db"+suffix), string(b))
		}
	}
}

const crashChannels = 20

func crashChannel(i int) string { return fmt.Sprintf("C0R%02d", i) }

// crashed is everything that a run of the crash test promised to somebody.
type crashed struct {
	mu     sync.Mutex
	taken  map[string]bool // fingerprints of alerts that were answered 200
	acked  map[string]bool // incidents whose acknowledge button was pressed and acknowledged to Slack
	noted  map[string]bool // texts of notes whose command was acknowledged to Slack
	counts map[string]int
}

func (c *crashed) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// TestKilledAtRandomInstantsNothingIsLostAndNothingHappensTwice kills the real program under a stream of alerts, clicks,
// commands and Slack faults, then lets it come to rest and compares what it promised with what it did.
func TestKilledAtRandomInstantsNothingIsLostAndNothingHappensTwice(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: the crash test takes more than a minute")
	}
	t.Run("one program on SQLite", func(t *testing.T) {
		t.Parallel()
		db := filepath.Join(t.TempDir(), "bot.db")
		t.Cleanup(func() {
			if t.Failed() {
				keep(t, db)
			}
		})
		crash(t, "sqlite:"+db, 1)
	})
	t.Run("two replicas on PostgreSQL, one of which is killed", func(t *testing.T) {
		t.Parallel()
		crash(t, realparts.Postgres(t), 2)
	})
}

// crash runs so many replicas of the program on a store, kills one of them again and again, and verifies what is left.
func crash(t *testing.T, url string, replicas int) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	slack, routes := crashWorkspace(t, seed)
	bin, dir := realparts.Notebookbot(t), t.TempDir()
	addrs, configs, running := make([]string, replicas), make([]string, replicas), make([]*process, replicas)
	for i := range replicas {
		addrs[i], configs[i] = freeAddr(t), filepath.Join(dir, fmt.Sprintf("%d.yml", i))
		writeFile(t, configs[i], fmt.Sprintf(crashConfig, addrs[i], url, slackfake.AppToken, slackfake.BotToken, slack.URL(), routes))
	}
	start := func() {
		for i := range replicas {
			if running[i] == nil {
				running[i] = startBot(t, bin, configs[i], addrs[i])
			}
		}
	}

	c := &crashed{taken: map[string]bool{}, acked: map[string]bool{}, noted: map[string]bool{}, counts: map[string]int{}}
	for round := range kills(t) {
		start()
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { c.alerts(ctx, addrs, fmt.Sprintf("r%d", round)) })
		wg.Go(func() { c.people(ctx, slack, round) })
		wg.Go(func() { c.faults(ctx, slack, rand.New(rand.NewPCG(seed, uint64(round)))) })
		wait(ctx, time.Duration(50+rng.IntN(900))*time.Millisecond)
		victim := rng.IntN(replicas)
		running[victim].kill(t)
		running[victim] = nil
		stop()
		wg.Wait()
		slack.ClearFaults()
	}

	start()
	rest := max(8*time.Minute, time.Duration(kills(t))*15*time.Second) // 50 edits a minute, and leases of the dead
	until(t, "everything is told and every clock has run out", rest, func() bool { return atRest(addrs) })
	for _, p := range running {
		p.stop(t)
	}
	c.verify(t, slack, url)
	t.Logf("%d kills: %d alerts taken, %d clicks and %d notes acknowledged, %v", kills(t), len(c.taken), len(c.acked), len(c.noted), c.counts)
}

// crashWorkspace is a workspace with many channels, since one takes a message a second and the test wants to rest soon, and the
// routes to them.
func crashWorkspace(t *testing.T, seed uint64) (slack *slackfake.Server, routes string) {
	t.Helper()
	ws := slackfake.Default()
	ws.Seed = seed
	ws.Times.Retry = []time.Duration{0, 500 * time.Millisecond, 2 * time.Second}
	for i := range crashChannels {
		id := crashChannel(i)
		ws.Channels = append(ws.Channels, slackfake.Channel{ID: id, Name: strings.ToLower(id), Members: []string{slackfake.BotUser, slackfake.Operator}})
		routes += fmt.Sprintf("      - {match: ['channel=\"%d\"'], channel: %s}\n", i, id)
	}
	slack = slackfake.New(ws)
	if err := slack.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	return slack, routes
}

const crashConfig = `
app: {name: AI智能记事本, timezone: UTC}
listen: %s
store: "%s"
slack:
  app_token: %s
  bot_token: %s
  api_url: "%s"
  channels:
    ops: C0OPS
    incidents: C0INC
    routes:
%s
alertmanager: {token: crash}
levels: {P0: {respond: 3s, resolve: 8s}, P1: {respond: 4s, resolve: 10s}, P2: {respond: 5s, resolve: 12s}}
incidents: {hold: 1s}
people: {operators: [U01AAAA, U01BBBB], commanders: [U01BBBB]}
`

// alerts sends distinct alerts, each its own group, and remembers those that were taken.
func (c *crashed) alerts(ctx context.Context, addrs []string, name string) {
	for i := 0; ctx.Err() == nil; i++ {
		fp := fmt.Sprintf("%s-%d", name, i)
		severity := []string{"critical", "warning", "info"}[i%3]
		body := fmt.Sprintf(`{"version":"4","groupKey":"{}:{n=\"%[1]s\"}","receiver":"r","status":"firing","truncatedAlerts":0,`+
			`"alerts":[{"status":"firing","labels":{"alertname":"Crash","n":"%[1]s","severity":"%[2]s","channel":"%[4]d"},"annotations":{"summary":"%[1]s"},`+
			`"startsAt":"%[3]s","endsAt":"0001-01-01T00:00:00Z","fingerprint":"%[1]s"}]}`, fp, severity, time.Now().UTC().Format(time.RFC3339Nano), rand.IntN(crashChannels))
		var pair sync.WaitGroup
		for k := range 1 + i%2 { // every other one comes from two Alertmanagers at once
			pair.Go(func() {
				if postWebhook(ctx, addrs[(i+k)%len(addrs)], "crash", body) == http.StatusOK {
					c.mu.Lock()
					c.taken[fp] = true
					c.mu.Unlock()
				}
			})
		}
		pair.Wait()
		wait(ctx, 350*time.Millisecond)
	}
}

// people press acknowledge buttons and write notes, and remember what Slack was told had been taken.
func (c *crashed) people(ctx context.Context, slack *slackfake.Server, round int) {
	me := slack.User(slackfake.Operator)
	for i := 0; ctx.Err() == nil; i++ {
		wait(ctx, 60*time.Millisecond)
		var cards []slackfake.Message
		for ch := range crashChannels {
			for _, m := range slack.Roots(crashChannel(ch)) {
				if strings.HasSuffix(m.Key(), "/card") && !c.isAcked(m.Key()) {
					cards = append(cards, m)
				}
			}
		}
		if len(cards) == 0 {
			continue
		}
		card := cards[rand.IntN(len(cards))]
		key, _, _ := strings.Cut(card.Key(), "/")
		out, err := me.Click(card.Channel, card.TS, "incident.ack").Wait(ctx)
		switch {
		case err == nil && out.Ended == slackfake.Acked:
			c.mu.Lock()
			c.acked[key] = true
			c.mu.Unlock()
		case err == nil:
			c.count("clicks " + string(out.Ended))
		}
		note := fmt.Sprintf("note %d/%d", round, i)
		out, err = me.Slash("C0OPS", fmt.Sprintf("incident note %s %s", key, note)).Wait(ctx)
		if err == nil && out.Ended == slackfake.Acked && out.Error == "" && len(out.Ack) == 0 {
			c.mu.Lock()
			c.noted[note] = true
			c.mu.Unlock()
		}
	}
}

func (c *crashed) isAcked(cardKey string) bool {
	key, _, _ := strings.Cut(cardKey, "/")
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acked[key]
}

// faults makes Slack lose answers, fail, refuse for a while and cut sockets.
func (c *crashed) faults(ctx context.Context, slack *slackfake.Server, rng *rand.Rand) {
	for ctx.Err() == nil {
		method := []string{"chat.postMessage", "chat.update", "chat.postEphemeral"}[rng.IntN(3)]
		switch rng.IntN(6) {
		case 0, 1:
			slack.Fault(slackfake.Fault{Method: method, Kind: slackfake.Lost, Count: 1})
		case 2:
			slack.Fault(slackfake.Fault{Method: method, Kind: slackfake.Doubtful, Count: 1})
		case 3:
			slack.Fault(slackfake.Fault{Method: method, Kind: slackfake.Limited, Count: 1})
		case 4:
			slack.CutSockets()
		case 5:
			slack.Disconnect("refresh_requested")
		}
		wait(ctx, time.Duration(20+rng.IntN(150))*time.Millisecond)
	}
}

// verify holds the promises against the store and against what stands in Slack.
func (c *crashed) verify(t *testing.T, slack *slackfake.Server, url string) {
	t.Helper()
	for _, v := range slack.Violations() {
		if strings.Contains(v.String(), "unexpected EOF") {
			continue // we killed it in the middle of a request
		}
		t.Errorf("slack: %s", v)
	}
	for key, places := range slack.PostsByKey() {
		if len(places) != 1 {
			t.Errorf("message %s stands %d times", key, len(places))
		}
	}
	st, err := store.Open(t.Context(), url, slog.New(slog.DiscardHandler), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	all, err := st.List(t.Context(), incidents.Filter{Limit: 100000})
	if err != nil {
		t.Fatal(err)
	}
	in := map[string][]string{}
	notes := map[string]int{}
	posted := slack.PostsByKey()
	for _, i := range all {
		for fp := range i.Members {
			in[fp] = append(in[fp], i.Key())
		}
		if c.acked[i.Key()] && i.Acked.IsZero() {
			t.Errorf("%s: the click was acknowledged and had no effect", i.Key())
		}
		if len(posted[i.Key()+"/card"]) != 1 {
			t.Errorf("%s has %d cards", i.Key(), len(posted[i.Key()+"/card"]))
		}
		es, err := st.Timeline(t.Context(), i.Number)
		if err != nil {
			t.Fatal(err)
		}
		c.clocks(t, i, es, notes)
	}
	for fp := range c.taken {
		if len(in[fp]) != 1 {
			t.Errorf("alert %s was answered 200 and is in %d incidents %v", fp, len(in[fp]), in[fp])
		}
	}
	for note := range c.noted {
		if notes[note] != 1 {
			t.Errorf("%q was acknowledged and stands %d times in the timelines", note, notes[note])
		}
	}
	c.audited(t, st)
	if len(c.taken) == 0 || len(c.acked) == 0 || len(c.noted) == 0 {
		t.Errorf("the test did nothing: %d alerts, %d clicks, %d notes", len(c.taken), len(c.acked), len(c.noted))
	}
}

// clocks checks that each clock of an incident broke once, and only where nobody was in time; and that what was said is in the
// thread once.
func (c *crashed) clocks(t *testing.T, in *incidents.Incident, es []incidents.Entry, notes map[string]int) {
	t.Helper()
	breaches := map[incidents.ClockKind]int{}
	for _, e := range es {
		switch e.Kind {
		case incidents.ClockBreach:
			breaches[e.Fact.Clock]++
		case incidents.NoteAdded:
			notes[e.Fact.Text]++
		}
	}
	want := map[incidents.ClockKind]int{incidents.Resolve: 1}
	if in.Acked.IsZero() || !in.Acked.Before(in.Respond.Due) {
		want[incidents.Respond] = 1
	}
	if !maps.Equal(breaches, want) {
		t.Errorf("%s (acked %v): breaches = %v, want %v", in.Key(), in.Acked, breaches, want)
	}
}

// atRest asks whether anything waits: nothing in the outbox and no clock that still runs.
func atRest(addrs []string) bool {
	for _, addr := range addrs {
		body := get(addr, "/metrics")
		if !strings.Contains(body, "\nnotebookbot_outbox_depth 0\n") || !clocksOver(body) {
			return false
		}
	}
	return true
}

// clocksOver is true a while after the last clock can have run out. The longest of the configuration is twelve seconds.
func clocksOver(metrics string) bool {
	for line := range strings.Lines(metrics) {
		if v, ok := strings.CutPrefix(line, "process_start_time_seconds "); ok {
			start, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			return err == nil && time.Since(time.Unix(int64(start), 0)) > 15*time.Second
		}
	}
	return false
}
