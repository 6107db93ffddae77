package alertmanager

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestWhatEndsUnderASilenceIsRecoveredAlthoughAlertmanagerNeverTellsOfIt(t *testing.T) {
	t.Parallel()
	c := newCompared(t)
	am := realparts.Alertmanager(t, c.config(""))
	c.with(time.Nanosecond, am.URL)
	firingAt(t, am.URL, "Down backend:8080")
	in := c.opened(1)

	s := silencerFor(t, Server{URLs: []string{am.URL}})
	id, err := s.Silence(t.Context(), request("OP-1", "backend"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the alert is silenced", func() bool { return slices.Equal(silenced(t, am.URL), []string{"Down"}) })
	c.look.Look(t.Context())
	endingAt(t, am.URL, "Down backend:8080")
	c.deaf.Store(true) // for the rounds, which are no incidents
	c.passes(am.URL, 2)
	if err := s.Unsilence(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	c.passes(am.URL, 2)
	c.deaf.Store(false)
	if now := c.all()[0]; now.State != incidents.Received {
		t.Fatalf("Alertmanager has told of the end by itself: %s; then this comparison is not needed any more", now.State)
	}

	c.look.Look(t.Context())
	if now := c.all()[0]; now.State != incidents.Received {
		t.Fatalf("after the first look: %s", now.State)
	}
	c.look.Look(t.Context()) // it was silenced when it was seen last: no patience is needed
	if now := c.all()[0]; now.State != incidents.Verifying || len(c.all()) != 1 {
		t.Fatalf("after the second look: %s, %d incidents", now.State, len(c.all()))
	}
	if got := c.listed(in.Number); !slices.Equal(got, []incidents.NoticeKind{incidents.AlertEnded, incidents.Recovering}) {
		t.Errorf("seen in the list: %v", got)
	}
	if n := c.counted("notebookbot_comparison_ended_alerts_total"); n != 1 {
		t.Errorf("counted: %v", n)
	}
}

func TestWhatEndedWhileNobodyListenedIsRecoveredOnceAlertmanagerHasHadItsTime(t *testing.T) {
	t.Parallel()
	c := newCompared(t)
	am := realparts.Alertmanager(t, c.config(""))
	c.with(time.Nanosecond, am.URL)
	firingAt(t, am.URL, "Down a", "Down b")
	eventually(t, "both fire", func() bool { list := c.all(); return len(list) == 1 && len(list[0].Firing()) == 2 })
	c.deaf.Store(true)
	before := c.heard.Load()
	endingAt(t, am.URL, "Down a")
	eventually(t, "the end is told to nobody", func() bool { return c.heard.Load() > before })
	c.deaf.Store(false)

	c.later(0)
	c.later(900 * time.Millisecond)
	if in := c.all()[0]; len(in.Firing()) != 2 {
		t.Fatalf("Alertmanager takes up to 500 ms to tell, and is given as much again: %d fire", len(in.Firing()))
	}
	c.later(200 * time.Millisecond)
	if in := c.all()[0]; len(in.Firing()) != 1 || in.State != incidents.Received {
		t.Fatalf("%d fire, %s", len(in.Firing()), in.State)
	}
	c.later(time.Hour)
	if in := c.all()[0]; len(in.Firing()) != 1 {
		t.Fatal("what is listed must not end")
	}
	// Alertmanager's own message comes later, and changes nothing more.
	endingAt(t, am.URL, "Down b")
	eventually(t, "recovering", func() bool { return c.all()[0].State == incidents.Verifying })
	if got := c.listed(1); !slices.Equal(got, []incidents.NoticeKind{incidents.AlertEnded}) {
		t.Errorf("seen in the list: %v", got)
	}
}

func TestAnAlertmanagerThatHasJustStartedEndsNothing(t *testing.T) {
	t.Parallel()
	c := newCompared(t)
	am := realparts.Alertmanager(t, c.config(""))
	firingAt(t, am.URL, "Down a")
	c.opened(1)
	c.with(time.Hour, realparts.Alertmanager(t, c.config("")).URL) // it lost what fires
	for range 5 {
		c.later(time.Minute)
	}
	if in := c.all()[0]; len(in.Firing()) != 1 {
		t.Fatal("an alert has ended because an Alertmanager did not know of it yet")
	}
}

func TestWhatOneOfAPairListsHasNotEnded(t *testing.T) {
	t.Parallel()
	c := newCompared(t)
	one, other := realparts.Alertmanager(t, c.config("")), realparts.Alertmanager(t, c.config(""))
	firingAt(t, one.URL, "Down a")
	c.opened(1)
	c.with(time.Nanosecond, other.URL, one.URL)
	for range 3 {
		c.later(time.Minute)
	}
	if in := c.all()[0]; len(in.Firing()) != 1 {
		t.Fatal("it has ended although one of the pair lists it")
	}
}

func TestWhatBeganUnheardIsOpenedOnceUnderTheKeyThatAlertmanagerUses(t *testing.T) {
	t.Parallel()
	c := newCompared(t)
	am := realparts.Alertmanager(t, strings.Replace(c.config(""), "repeat_interval: 1h", "repeat_interval: 1s", 1))
	c.with(time.Nanosecond, am.URL)
	firingAt(t, am.URL, "Known a")
	c.opened(1)
	c.deaf.Store(true)
	before := c.heard.Load()
	firingAt(t, am.URL, "Known b", `Missed "c":{}`)
	eventually(t, "both are told to nobody", func() bool { return c.heard.Load() >= before+2 })
	c.later(0)
	if n := len(c.all()); n != 1 {
		t.Fatalf("%d incidents at once: Alertmanager gets its time", n)
	}
	eventually(t, "it is opened", func() bool { // an alert that is not processed yet is not active
		c.later(time.Minute)
		return len(c.all()) > 1
	})
	in := c.opened(2)
	if in.Level != incidents.P2 || in.Title != `Missed "c":{}` || in.Group.Key != `{}:{alertname="Missed"}` {
		t.Errorf("opened: %s %q %q", in.Level, in.Title, in.Group.Key)
	}
	if known := c.all()[1]; len(known.Firing()) != 2 {
		t.Errorf("the first one has %d alerts", len(known.Firing()))
	}
	if got := c.listed(2); !slices.Contains(got, incidents.Opened) {
		t.Errorf("seen in the list: %v", got)
	}
	c.deaf.Store(false)
	before = c.heard.Load()
	eventually(t, "Alertmanager repeats itself", func() bool { return c.heard.Load() >= before+3 })
	c.later(time.Minute)
	if n := len(c.all()); n != 2 {
		t.Errorf("%d incidents when Alertmanager told of it by itself", n)
	}
}

func TestAGroupThatWasNotShownWholeIsMadeWholeFromTheList(t *testing.T) {
	t.Parallel()
	c := newCompared(t)
	am := realparts.Alertmanager(t, c.config(", max_alerts: 1"))
	c.with(time.Nanosecond, am.URL)
	firingAt(t, am.URL, "Down a", "Down b", "Down c")
	eventually(t, "two were not shown", func() bool { list := c.all(); return len(list) == 1 && list[0].Truncated == 2 })
	c.later(0)
	if in := c.all()[0]; len(in.Firing()) != 3 || in.Truncated != 0 {
		t.Fatalf("%d fire, %d were not shown", len(in.Firing()), in.Truncated)
	}
	c.deaf.Store(true)
	before := c.heard.Load()
	endingAt(t, am.URL, "Down a", "Down b", "Down c")
	eventually(t, "the end is told to nobody", func() bool { return c.heard.Load() > before })
	c.later(0)
	c.later(time.Minute)
	if in := c.all()[0]; in.State != incidents.Verifying {
		t.Errorf("%s, %d fire", in.State, len(in.Firing()))
	}
}

func TestAListThatIsCutOffOrWrongEndsNothing(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"cut off":        `[{"labels":{},"receiver":{"name":"bot"},"alerts":[]}`,
		"an error":       `{"code":500}`,
		"a page":         `<html>`,
		"in the middle":  `[{"labels":{},"receiver":{"name":"bot"},"alerts":[{"fingerpr`,
		"something else": `["x"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCompared(t)
			am := realparts.Alertmanager(t, c.config(""))
			firingAt(t, am.URL, "Down a")
			c.opened(1)
			fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/status") {
					_, _ = w.Write([]byte(`{"uptime":"2020-01-01T00:00:00Z","config":{"original":""}}`))
					return
				}
				_, _ = w.Write([]byte(body))
			}))
			t.Cleanup(fake.Close)
			c.with(time.Nanosecond, fake.URL)
			var told []time.Duration
			c.look.failing = func(_ context.Context, address string, _ error, since time.Duration) {
				if address != fake.URL {
					t.Errorf("told of %s", address)
				}
				told = append(told, since.Round(time.Minute))
			}
			for range 4 {
				c.later(10 * time.Minute)
			}
			if in := c.all()[0]; len(in.Firing()) != 1 {
				t.Fatal("it has ended")
			}
			if !slices.Equal(told, []time.Duration{20 * time.Minute, 30 * time.Minute}) {
				t.Errorf("told after %v", told)
			}
		})
	}
}

func TestAKeyIsPartedIntoItsRouteAndItsLabels(t *testing.T) {
	t.Parallel()
	for key, want := range map[string][2]string{
		`{}:{alertname="Down"}`: {`{}`, `{alertname="Down"}`},
		`{}:{}`:                 {`{}`, `{}`},
		`{}/{team="data"}:{alertname="Down", cluster="a"}`: {`{}/{team="data"}`, `{alertname="Down", cluster="a"}`},
		`{}/{x=":{y=\"z\"}"}:{alertname="Down"}`:           {`{}/{x=":{y=\"z\"}"}`, `{alertname="Down"}`},
		`{}:{alertname="a:{b=\"c\"}"}`:                     {`{}`, `{alertname="a:{b=\"c\"}"}`},
		`{}:{alertname="数据库"}`:                             {`{}`, `{alertname="数据库"}`},
	} {
		if route, of, ok := splitKey(key); !ok || route != want[0] || of != want[1] {
			t.Errorf("%s: %q %q %v", key, route, of, ok)
		}
	}
	for _, key := range []string{"", "x", "{}", `{}:{a=~"b"}`, `{}:{alertname="a"`, `{}:{b="1", a="2"}`} {
		if route, of, ok := splitKey(key); ok {
			t.Errorf("%q was taken for %q and %q", key, route, of)
		}
	}
}

func TestReceiversWithoutWebhooksOrMutedByTheTimeOfDayAreNotOpenedFor(t *testing.T) {
	t.Parallel()
	r := readRouting(`
route:
  receiver: bot
  group_interval: 2m
  routes:
    - {receiver: night, mute_time_intervals: [nights]}
    - {matchers: ['a="b"'], group_wait: 9m, routes: [{receiver: day, active_time_intervals: [days]}]}
receivers:
  - {name: bot, webhook_configs: [{url: <secret>}]}
  - {name: night, webhook_configs: [{url: <secret>}]}
  - {name: day, webhook_configs: [{url: <secret>}]}
  - {name: mail, email_configs: [{to: a@example.org}]}
`)
	if len(r.Webhooks) != 1 || !r.Webhooks["bot"] || r.Wait != 9*time.Minute {
		t.Errorf("%+v", r)
	}
	for _, text := range []string{"", "route: [", "route: {}"} {
		if r := readRouting(text); r.Wait != 5*time.Minute || len(r.Webhooks) != 0 {
			t.Errorf("%q: %+v", text, r)
		}
	}
}
