package access_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/access"
)

func config() access.Config {
	return access.Config{
		Operators:  []string{"Uop", "Uboth", "Sops", "Uguest", "Udeleted", "Ubot", "Ustranger", "Uelsewhere"},
		Commanders: []string{"Ucom", "Uboth"},
		BreakGlass: []string{"Ubreak"},
		Team:       team,
	}
}

func reason(t *testing.T, err error) access.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var d *access.Denied
	if !errors.As(err, &d) {
		t.Fatalf("refusal is %T (%v), want *access.Denied", err, err)
	}
	return d.Reason
}

func TestEachClassAllowsExactlyItsPeople(t *testing.T) {
	t.Parallel()
	perWord := map[access.Class][]string{
		access.Read: {
			"help", "health", "stats", "capacity", "cert", "contacts", "oncall", "runbook", "incident.list", "incident.show",
			"incident.search", "incident.report", "backup.list", "backup.status", "operation", "operation.list", "operation.approve",
		},
		access.Low: {
			"incident", "incident.open", "incident.ack", "incident.note", "incident.level", "incident.resolve", "silence", "logs",
			"audit", "audit-log", "db", "db.size", "backup", "backup.full", "drill", "schedule",
		},
		access.Change: {
			"restart", "deploy", "rollback", "cleanup", "update", "cert.renew", "db.maintain", "announce", "announce.outage",
		},
		access.Destructive: {"restore"},
	}
	never := map[string]access.Reason{
		"Uguest": access.IsGuest, "Udeleted": access.IsDeleted, "Ubot": access.IsBot, "Ustranger": access.IsStranger,
		"Uelsewhere": access.IsStranger, "Unobody": access.LookupFailed, "": access.LookupFailed,
	}
	operators := []string{"Uop", "Uboth", "Ugrouped"}
	others := []string{"Ucom", "Ubreak", "Umember"}
	a := access.New(config(), workspace(), nil)
	for class, words := range perWord {
		for _, word := range words {
			rule, ok := a.Rule(word)
			if !ok || rule.Class != class {
				t.Errorf("class of %s = %q, want %q", word, rule.Class, class)
			}
			want := map[string]access.Reason{}
			for _, u := range operators {
				want[u] = ""
			}
			for _, u := range others {
				want[u] = access.NotListed
				if class == access.Read {
					want[u] = ""
				}
			}
			maps.Copy(want, never)
			for u, why := range want {
				if got := reason(t, a.Allow(t.Context(), u, team, word)); got != why {
					t.Errorf("%s by %q: reason = %q, want %q", word, u, got, why)
				}
				if got := reason(t, a.Allow(t.Context(), u, "T0THEIRS", word)); got == "" {
					t.Errorf("%s by %q of another workspace is allowed", word, u)
				}
			}
		}
	}
	if n := len(access.Words()); n != 33 {
		t.Errorf("the table has %d words, want 33: keep this test and the table together", n)
	}
}

func TestEmptyListsDenyEverybody(t *testing.T) {
	t.Parallel()
	d := workspace()
	for _, cfg := range []access.Config{
		{Team: team},
		{Team: team, Operators: []string{""}, Commanders: []string{}},
		{Team: team, Operators: []string{"Sempty"}},
	} {
		d.set(func(d *directory) { d.groups["Sempty"] = nil })
		a := access.New(cfg, d, nil)
		for _, word := range access.Words() {
			rule, _ := a.Rule(word)
			if rule.Run == access.Everybody {
				continue
			}
			for id := range d.people {
				if err := a.Allow(t.Context(), id, team, word); err == nil {
					t.Errorf("%+v: %s may %s", cfg, id, word)
				}
			}
			if got := reason(t, a.Allow(t.Context(), "Uop", team, word)); got != access.Nobody {
				t.Errorf("%s: reason = %q, want %q", word, got, access.Nobody)
			}
		}
	}
}

func TestAnUnknownWordIsForNobody(t *testing.T) {
	t.Parallel()
	a := access.New(config(), workspace(), nil)
	for _, word := range []string{"", "rm", "incidents", ".list", "restore2"} {
		if got := reason(t, a.Allow(t.Context(), "Uop", team, word)); got != access.Nobody {
			t.Errorf("%q: reason = %q, want %q", word, got, access.Nobody)
		}
	}
}

func TestNobodyMayAnythingBeforeOurWorkspaceIsKnown(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Team = ""
	a := access.New(cfg, workspace(), nil)
	for _, from := range []string{"", team} {
		if got := reason(t, a.Allow(t.Context(), "Uop", from, "help")); got != access.LookupFailed {
			t.Errorf("reason = %q, want %q", got, access.LookupFailed)
		}
	}
	a.SetTeam(team)
	if err := a.Allow(t.Context(), "Uop", team, "help"); err != nil {
		t.Error(err)
	}
}

func TestPoliciesOverrideByFirstWordOrByTwo(t *testing.T) {
	t.Parallel()
	none, two := 0, 2
	cfg := config()
	cfg.Policies = map[string]access.Policy{
		"db":          {Run: access.Commanders},
		"db.maintain": {Approvals: &two},
		"restart":     {Approvals: &none, Expires: time.Hour},
		"stats":       {Run: access.Operators, Approvals: &two},
		"deploy":      {Run: "owners"},
	}
	a := access.New(cfg, workspace(), nil)
	for word, want := range map[string]access.Rule{
		"db.size":     {Class: access.Low, Run: access.Commanders},
		"db.maintain": {Class: access.Change, Run: access.Commanders, Approve: access.Commanders, Approvals: 2, Expires: 15 * time.Minute},
		"restart":     {Class: access.Change, Run: access.Operators, Approve: access.Commanders, Expires: time.Hour},
		"restart.all": {Class: access.Change, Run: access.Operators, Approve: access.Commanders, Expires: time.Hour},
		"stats":       {Class: access.Read, Run: access.Operators, Approve: access.Commanders, Approvals: 2, Expires: 15 * time.Minute},
		"restore":     {Class: access.Destructive, Run: access.Operators, Approve: access.Commanders, Approvals: 2, Expires: 15 * time.Minute},
	} {
		got, _ := a.Rule(word)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", word, d)
		}
	}
	if err := a.Allow(t.Context(), "Ucom", team, "db.size"); err != nil {
		t.Error(err)
	}
	if err := a.Allow(t.Context(), "Uop", team, "db.size"); err == nil {
		t.Error("an operator may what the policy gives to commanders")
	}
	if err := a.Allow(t.Context(), "Uop", team, "deploy"); err == nil {
		t.Error("a list that does not exist lets people in")
	}
}

func TestAGroupIsAskedOnceAMinuteAndClosedOnFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := workspace()
		a := access.New(config(), d, nil)
		may := func() error { return a.Allow(t.Context(), "Ugrouped", team, "restart") }
		for range 3 {
			if err := may(); err != nil {
				t.Fatal(err)
			}
		}
		if n := d.count("Sops"); n != 1 {
			t.Errorf("the group was asked for %d times, want 1", n)
		}
		// Slack goes away: what is known holds until it is too old, and not a moment longer.
		d.set(func(d *directory) { d.failing = errors.New("slack is away") })
		time.Sleep(time.Minute - time.Nanosecond)
		if err := may(); err != nil {
			t.Errorf("within the minute: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if got := reason(t, may()); got != access.LookupFailed {
			t.Errorf("after the minute: reason = %q, want %q", got, access.LookupFailed)
		}
		// The failure is believed for a second only.
		d.set(func(d *directory) { d.failing = nil })
		if got := reason(t, may()); got != access.LookupFailed {
			t.Errorf("at once: reason = %q, want %q", got, access.LookupFailed)
		}
		time.Sleep(time.Second)
		if err := may(); err != nil {
			t.Errorf("a second later: %v", err)
		}
		// Somebody leaves the group, and Slack says so.
		d.set(func(d *directory) { d.groups["Sops"] = []string{"Uop"} })
		if err := may(); err != nil {
			t.Errorf("nobody told yet: %v", err)
		}
		a.GroupChanged("Sops")
		if got := reason(t, may()); got != access.NotListed {
			t.Errorf("after the change: reason = %q, want %q", got, access.NotListed)
		}
	})
}

func TestAnAnswerFromBeforeAChangeIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := workspace()
		a := access.New(config(), d, nil)
		if err := a.Allow(t.Context(), "Ugrouped", team, "help"); err != nil { // The person is known from here on.
			t.Fatal(err)
		}
		gate := make(chan struct{})
		d.set(func(d *directory) { d.gate = gate })
		early := make(chan error)
		go func() { early <- a.Allow(t.Context(), "Ugrouped", team, "restart") }()
		synctest.Wait() // The question is on its way.
		a.GroupChanged("Sops")
		d.set(func(d *directory) { d.gate = nil; d.groups["Sops"] = nil })
		if err := a.Allow(t.Context(), "Ugrouped", team, "restart"); err == nil {
			t.Error("allowed by an answer from before the change")
		}
		close(gate)
		if err := <-early; err != nil {
			t.Errorf("who asked before the change: %v", err)
		}
		if err := a.Allow(t.Context(), "Ugrouped", team, "restart"); err == nil {
			t.Error("the old answer came in later and was kept")
		}
	})
}

func TestManyAskOnceAndNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := workspace()
		d.gate = make(chan struct{})
		a := access.New(config(), d, nil)
		var wg sync.WaitGroup
		var failed atomic.Int32
		start := time.Now()
		for range 50 {
			wg.Go(func() {
				if err := a.Allow(t.Context(), "Ugrouped", team, "restart"); err != nil {
					failed.Add(1)
				}
			})
		}
		impatient, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		synctest.Wait()
		if err := a.Allow(impatient, "Ugrouped", team, "restart"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one whose own time is over gets %v", err)
		}
		wg.Wait()
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("a look-up that never ends took %s, want 3s", took)
		}
		if n := failed.Load(); n != 50 {
			t.Errorf("%d of 50 were refused", n)
		}
		if n := d.count("Ugrouped"); n != 1 {
			t.Errorf("the person was asked for %d times, want 1", n)
		}
	})
}

func TestAFailedLookUpOfOneGroupDoesNotShutOutThoseOfAnother(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Operators = []string{"Sgone", "Sops", "Uop"}
	a := access.New(cfg, workspace(), nil)
	for _, u := range []string{"Uop", "Ugrouped"} {
		if err := a.Allow(t.Context(), u, team, "restart"); err != nil {
			t.Error(err)
		}
	}
	if got := reason(t, a.Allow(t.Context(), "Umember", team, "restart")); got != access.LookupFailed {
		t.Errorf("reason = %q, want %q: the missing group may hold them", got, access.LookupFailed)
	}
}

func TestADeactivatedPersonLosesTheirRightsWhenSlackSaysSo(t *testing.T) {
	t.Parallel()
	d := workspace()
	a := access.New(config(), d, nil)
	if err := a.Allow(t.Context(), "Uop", team, "restart"); err != nil {
		t.Fatal(err)
	}
	d.set(func(d *directory) { d.people["Uop"] = access.Person{ID: "Uop", Team: team, Deleted: true} })
	a.PersonChanged("Uop")
	if got := reason(t, a.Allow(t.Context(), "Uop", team, "restart")); got != access.IsDeleted {
		t.Errorf("reason = %q, want %q", got, access.IsDeleted)
	}
}

func TestSomebodyWhoBecameAGuestKeepsTheirRightsForAMinuteAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := workspace()
		a := access.New(config(), d, nil)
		if err := a.Allow(t.Context(), "Uop", team, "restart"); err != nil {
			t.Fatal(err)
		}
		d.set(func(d *directory) {
			p := d.people["Uop"]
			p.Guest = true
			d.people["Uop"] = p
		})
		time.Sleep(time.Minute) // of the test's own clock
		if got := reason(t, a.Allow(t.Context(), "Uop", team, "restart")); got != access.IsGuest {
			t.Errorf("reason = %q, want %q", got, access.IsGuest)
		}
	})
}

func TestTheCacheDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := workspace()
		a := access.New(config(), d, nil)
		for i := range 10_000 {
			_ = a.Allow(t.Context(), fmt.Sprintf("Uflood%d", i), team, "help")
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		if n := access.Cached(a); n > 5000 {
			t.Errorf("%d entries are kept", n)
		}
	})
}
