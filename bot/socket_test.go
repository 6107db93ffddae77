package bot

import (
	"fmt"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

func opens(s *slackfake.Server) int { return len(s.Calls("apps.connections.open")) }

// during runs for about that long and looks again and again.
func during(d time.Duration, look func()) {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return
		case <-tick.C:
			look()
		}
	}
}

func TestTwoSocketsConnectAndSayHowTheyStand(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	eventually(t, "both were pinged", func() bool {
		st := b.Sockets()
		return len(st) == 2 && !st[0].LastPing.IsZero() && !st[1].LastPing.IsZero()
	})
	for _, st := range b.Sockets() {
		if st.Connections < 1 || st.Connections > 2 || st.Since.IsZero() || st.Reason != "" {
			t.Errorf("socket = %+v", st)
		}
	}
	if n := s.Registered(); n != 2 {
		t.Errorf("Slack counts %d sockets, want 2", n)
	}
	if got := metric(t, socketCollector(b.sockets), "notebookbot_socket_state"); got != 2 {
		t.Errorf("states add up to %v, want 1 for each socket", got)
	}
	b.stop()
	eventually(t, "no socket is left", func() bool { return s.Registered() == 0 })
}

func TestAWarningOpensTheNextSocketFirst(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.WarningClose = time.Second })
	b := runBot(t, s, func(c *Config) { c.Sockets = 1 })
	b.connected(t)
	before := s.Sockets()
	s.Disconnect("warning")
	eventually(t, "two sockets at once", func() bool { return len(s.Sockets()) == 2 })
	if st := b.Sockets()[0]; st.State != Connected {
		t.Errorf("socket = %+v while the old one is still read", st)
	}
	for i := range 20 {
		acked(t, s.User(slackfake.Operator).Slash(slackfake.Ops, fmt.Sprint("help ", i)))
	}
	eventually(t, "the old socket ends", func() bool {
		now := s.Sockets()
		return len(now) == 1 && now[0].N != before[0].N
	})
	b.connected(t)
}

// TestNoClickIsLostWhileSocketsComeAndGo: interactions are delivered once, so one that is read must be answered, and while one
// socket goes the other must be there.
func TestNoClickIsLostWhileSocketsComeAndGo(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	n := 0
	for round := range 6 {
		reason := []string{"warning", "refresh_requested", "warning"}[round%3]
		for _, k := range s.Sockets()[:1] {
			s.DisconnectOne(k.N, reason)
		}
		for range 10 {
			n++
			acked(t, s.User(slackfake.Operator).Slash(slackfake.Ops, fmt.Sprint("n ", n)))
		}
		b.connected(t)
	}
	if got := len(b.inbox.requests()); got != n {
		t.Errorf("%d requests, want %d", got, n)
	}
}

func TestASwitchedOffLinkIsNotAskedForInALoop(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	before := opens(s)
	s.Disconnect("link_disabled")
	eventually(t, "both sockets failed", func() bool {
		st := b.Sockets()
		return st[0].State == Failed && st[1].State == Failed && st[0].Reason == "link_disabled"
	})
	during(300*time.Millisecond, func() {})
	if n := opens(s) - before; n != 0 {
		t.Errorf("%d openings after the link was switched off", n)
	}
}

func TestRefusalsThatOnlyAPersonCanMendAreAskedOnce(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"invalid_auth", "account_inactive", "not_authed", "token_revoked", "token_expired", "missing_scope", "not_allowed_token_type", "forbidden_team",
	} {
		s := workspace(t, nil)
		s.Fault(slackfake.Fault{Method: "apps.connections.open", Kind: slackfake.ErrorCode, Error: code})
		b := runBot(t, s, nil)
		eventually(t, code+" is told", func() bool {
			st := b.Sockets()
			return st[0].State == Failed && st[0].Reason == code && st[1].Reason == code
		})
		during(50*time.Millisecond, func() {})
		if n := opens(s); n != 2 {
			t.Errorf("%s: %d openings, want one for each socket", code, n)
		}
		b.stop()
	}
}

func TestTooManySocketsBackOff(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	s.AddGhosts(10, time.Hour)
	b := runBot(t, s, nil)
	eventually(t, "the sockets failed", func() bool { return b.Sockets()[0].Reason == "too_many_websockets" })
	before := opens(s)
	during(time.Second, func() {})
	if n := opens(s) - before; n > 25 { // two sockets, at least 80 ms apart each
		t.Errorf("%d openings in a second", n)
	}
	s.RemoveGhosts()
	b.connected(t)
}

func TestASlackThatClosesAtOnceIsNotHammered(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	during(time.Second, func() { s.CloseSockets(1000, "") })
	if n := opens(s); n < 2 || n > 40 {
		t.Errorf("%d openings in a second, want a few", n)
	}
	b.connected(t)
}

func TestARefusedHandshakeIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	s.RefuseSockets(true)
	b := runBot(t, s, nil)
	eventually(t, "the refusal is told", func() bool { return b.Sockets()[0].Reason == "http_503" && b.Sockets()[0].State == Failed })
	s.RefuseSockets(false)
	b.connected(t)
}

func TestAHangingOpeningEnds(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	s.Fault(slackfake.Fault{Method: "apps.connections.open", Kind: slackfake.Hang, Count: 1})
	b := runBot(t, s, nil)
	eventually(t, "an opening", func() bool { return opens(s) > 0 })
	during(200*time.Millisecond, func() {
		if n := opens(s); n != 1 {
			t.Fatalf("%d openings, want one at a time", n)
		}
	})
	b.connected(t)
	if n := metric(t, b.metrics.opens.WithLabelValues("timeout"), ""); n != 1 {
		t.Errorf("%v openings timed out, want 1", n)
	}
}

func TestALimitedOpeningWaitsAsLongAsSlackSays(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	s.Fault(slackfake.Fault{Method: "apps.connections.open", Kind: slackfake.Limited, RetryAfter: time.Second, Count: 2})
	b := runBot(t, s, nil)
	b.connected(t)
	calls := s.Calls("apps.connections.open")
	if gap := calls[2].At.Sub(calls[0].At); len(calls) != 4 || gap < 900*time.Millisecond {
		t.Errorf("%d openings, the third %v after the first; want 4 and at least a second", len(calls), gap)
	}
}

func TestAHalfOpenSocketIsFound(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	old := s.Sockets()
	s.FreezeSockets()
	eventually(t, "new sockets", func() bool {
		fresh := 0
		for _, k := range s.Sockets() {
			if k.N != old[0].N && k.N != old[1].N {
				fresh++
			}
		}
		return fresh == 2
	})
	b.connected(t)
	if n := metric(t, b.metrics.closes.WithLabelValues("silent"), ""); n != 2 {
		t.Errorf("%v sockets went silent, want 2", n)
	}
	acked(t, s.User(slackfake.Operator).Slash(slackfake.Ops, "help"))
}

func TestASlackThatWasAwayIsFoundAgain(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, nil)
	b.connected(t)
	s.SetReachable(false)
	eventually(t, "the sockets are gone", func() bool { return b.Sockets()[0].State != Connected && b.Sockets()[1].State != Connected })
	in := s.User(slackfake.Operator).Mention(slackfake.Ops, "", "while away")
	s.SetReachable(true)
	b.connected(t)
	outcomeOf(t, in)
}

func TestTheBotLearnsWhoItIsSoonAfterSlackIsBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails int
		retry time.Duration
	}{
		"by asking again":        {14, quick.retry},
		"because a socket opens": {1, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := workspace(t, nil)
			s.Fault(slackfake.Fault{Method: "auth.test", Kind: slackfake.Cut, Count: c.fails})
			told := make(chan string, 1)
			runBot(t, s, func(cfg *Config) {
				cfg.timing.retry = c.retry
				cfg.timing.retries = max(c.retry, quick.retries)
				cfg.OnTeam = func(id string) { told <- id }
			})
			select {
			case <-told:
			case <-time.After(15 * time.Second):
				t.Error("nobody may do anything, long after Slack answers")
			}
		})
	}
}

func TestBrokenFramesDoNotEndASocketUnlessThereAreMany(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := runBot(t, s, func(c *Config) { c.Sockets = 1 })
	b.connected(t)
	first := s.Sockets()[0].N
	for range maxMalformed - 1 {
		s.SendRaw(`{"type":`)
	}
	acked(t, s.User(slackfake.Operator).Slash(slackfake.Ops, "help"))
	if s.Sockets()[0].N != first {
		t.Error("the socket was changed")
	}
	for range maxMalformed {
		s.SendRaw(`nonsense`)
	}
	eventually(t, "another socket", func() bool { k := s.Sockets(); return len(k) == 1 && k[0].N != first })
}
