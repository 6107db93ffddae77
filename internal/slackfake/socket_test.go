package slackfake_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

func TestATicketOpensOneSocketOnce(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	for _, tc := range []struct{ name, auth, body, contentType, code string }{
		{"a bot token", slackfake.BotToken, "", "application/json", "not_allowed_token_type"},
		{"no token", "", "", "application/json", "not_authed"},
		{"an unknown token", "xapp-nobody", "", "application/json", "invalid_auth"},
		{"the token as a parameter", "", "token=" + slackfake.AppToken, form, "missing_args"},
	} {
		if _, out, _ := api(t, s, "apps.connections.open", tc.contentType, tc.auth, tc.body); out["error"] != tc.code {
			t.Errorf("%s: %v, want %s", tc.name, out, tc.code)
		}
	}
	violated(t, s, "missing_args")

	one, two := ticket(t, s), ticket(t, s)
	u, err := url.Parse(one)
	if err != nil || one == two || u.Scheme != "ws" || !strings.Contains(s.URL(), u.Host) {
		t.Errorf("tickets %s and %s, want two of ws:// on the same host", one, two)
	}
	hello := dial(t, one).next(t)
	if hello["type"] != "hello" || hello["num_connections"] != 1.0 {
		t.Errorf("first frame = %v, want hello", hello)
	}
	if status := turnedAway(t, one); status != http.StatusForbidden {
		t.Errorf("the used ticket: status %d", status)
	}
	violated(t, s, "used twice")
}

func TestPingsComeAtOnceAndPongsAreCounted(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.Ping = 30 * time.Millisecond })
	r := dial(t, ticket(t, s))
	r.next(t)
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.closed(t) })
	for range 3 {
		if p := <-r.pings; !strings.HasPrefix(p, "Ping from applink-") {
			t.Errorf("ping = %q", p)
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(5 * time.Second)
	for hellos(s)[0].Pongs < 3 {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%d pongs were counted, want 3", hellos(s)[0].Pongs)
		}
	}
	s.CutSockets()
	wg.Wait()
}

func TestAClientThatDoesNotPongIsClosed(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.Ping, c.Times.Pong = 30*time.Millisecond, 200*time.Millisecond })
	r := dial(t, ticket(t, s))
	r.SetPingHandler(func(string) error { return nil })
	if err := r.closed(t); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("the client that does not pong ended with %v", err)
	}
	violated(t, s, "no pong")
}

func TestGhostsCountAndTakeTheirShareOfEnvelopes(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	s.AddGhosts(1, time.Minute)
	r := dial(t, ticket(t, s))
	if hello := r.next(t); hello["num_connections"] != 2.0 {
		t.Errorf("hello = %v, want the ghost counted", hello)
	}
	for range 30 {
		s.User(slackfake.Operator).Slash(slackfake.Ops, "help")
	}
	lost := 0
	for _, e := range s.Envelopes() {
		if e.Socket == 0 {
			lost++
		}
	}
	if lost == 0 || lost == 30 {
		t.Errorf("%d of 30 envelopes went to the ghost, want some", lost)
	}
	s.RemoveGhosts()
	if n := s.Registered(); n != 1 {
		t.Errorf("registered = %d, want 1", n)
	}
}

func TestASocketThatVanishesBecomesAGhost(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.Ghost = time.Minute })
	r := dial(t, ticket(t, s))
	r.next(t)
	_ = r.NetConn().Close()
	eventually(t, s, func() bool { return len(s.Sockets()) == 0 })
	if n := s.Registered(); n != 1 {
		t.Errorf("registered = %d, want the ghost", n)
	}
	ended(t, s.User(slackfake.Operator).Slash(slackfake.Ops, "help"), slackfake.TimedOut)
}

func TestTheEleventhSocketIsToldInsteadOfHello(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	for range 10 {
		dial(t, ticket(t, s)).next(t)
	}
	r := dial(t, ticket(t, s))
	if f := r.next(t); f["type"] != "disconnect" || f["reason"] != "too_many_websockets" {
		t.Errorf("first frame = %v", f)
	}
	_ = r.closed(t)
	if n := s.Registered(); n != 10 {
		t.Errorf("registered = %d, want 10", n)
	}
}

func TestEachEnvelopeGoesToOneSocket(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	a, b := startBot(t, s, nil), startBot(t, s, nil)
	for range 20 {
		ended(t, s.User(slackfake.Operator).Slash(slackfake.Ops, "help"), slackfake.Acked)
	}
	count := func(x *bot) int {
		x.mu.Lock()
		defer x.mu.Unlock()
		n := 0
		for _, e := range x.events {
			if e.Type == socketmode.EventTypeSlashCommand {
				n++
			}
		}
		return n
	}
	if x, y := count(a), count(b); x+y != 20 || x == 0 || y == 0 {
		t.Errorf("the sockets got %d and %d of 20 envelopes", x, y)
	}
}

func TestAWarnedSocketStillGetsEnvelopesAndEndsLater(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	r := dial(t, ticket(t, s))
	r.next(t)
	s.Disconnect("warning")
	if f := r.next(t); f["reason"] != "warning" {
		t.Errorf("frame = %v", f)
	}
	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "help")
	r.say(t, `{"envelope_id":"`+r.envelope(t)+`"}`)
	ended(t, in, slackfake.Acked)
	_ = r.closed(t)
}

func TestAfterAnyOtherReasonTheSocketGetsNothingMore(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"refresh_requested", "link_disabled", "too_many_websockets"} {
		s := workspace(t, nil)
		r := dial(t, ticket(t, s))
		r.next(t)
		s.Disconnect(reason)
		if f := r.next(t); f["type"] != "disconnect" || f["reason"] != reason {
			t.Errorf("frame = %v, want %s", f, reason)
		}
		ended(t, s.User(slackfake.Operator).Slash(slackfake.Ops, "help"), slackfake.DispatchFailed)
		_ = r.closed(t)
	}
}

func TestSlackGoComesBackAfterEachKindOfEnd(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	startBot(t, s, nil)
	for name, end := range map[string]func(){
		"refresh": func() { s.Disconnect("refresh_requested") },
		"cut":     s.CutSockets,
		"close":   func() { s.CloseSockets(websocket.CloseServiceRestart, "restart") },
	} {
		was := hellos(s)[0].N
		end()
		eventually(t, s, func() bool {
			h := hellos(s)
			return len(h) > 0 && h[len(h)-1].N != was
		})
		eventually(t, s, func() bool { return len(hellos(s)) == 1 })
		if out := ended(t, s.User(slackfake.Operator).Slash(slackfake.Ops, name), slackfake.Acked); out.Took <= 0 {
			t.Errorf("%s: took %v", name, out.Took)
		}
	}
}

func TestAFrozenSocketSwallowsEnvelopesWithoutAWord(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	r := dial(t, ticket(t, s))
	r.next(t)
	s.FreezeSockets()
	ended(t, s.User(slackfake.Operator).Slash(slackfake.Ops, "help"), slackfake.TimedOut)
	_ = r.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, data, err := r.ReadMessage(); err == nil {
		t.Errorf("%s came through a frozen socket", data)
	}
	if n := len(s.Acks()); n != 0 {
		t.Errorf("%d acks through a frozen socket", n)
	}
}

func TestAcknowledgementsAreJudged(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	r := dial(t, ticket(t, s))
	r.next(t)

	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "help")
	id := r.envelope(t)
	ended(t, in, slackfake.TimedOut)
	r.say(t, `{"envelope_id":"`+id+`"}`)
	r.say(t, `{"envelope_id":"`+id+`"}`)
	r.say(t, `{"envelope_id":"nobody"}`)
	r.say(t, `{"ack":true}`)
	r.say(t, `hello`)
	r.say(t, `{"envelope_id":"`+id+`","ok":true}`)
	eventually(t, s, func() bool { return len(s.Violations()) >= 6 })
	violated(t, s, "acknowledged twice", "unknown envelope nobody", "without envelope_id", "no JSON object",
		"an acknowledgement with ok", "acknowledged twice")
	acks := s.Acks()
	if !acks[0].Late || acks[0].Duplicate || !acks[1].Duplicate || !acks[2].Unknown {
		t.Errorf("acks = %+v", acks)
	}

	// From another socket: recorded, and taken.
	other := dial(t, ticket(t, s))
	other.next(t)
	s.CutSocket(s.Sockets()[0].N)
	eventually(t, s, func() bool { return len(hellos(s)) == 1 })
	in = s.User(slackfake.Operator).Slash(slackfake.Ops, "help")
	id = other.envelope(t)
	third := dial(t, ticket(t, s))
	third.next(t)
	third.say(t, `{"envelope_id":"`+id+`"}`)
	ended(t, in, slackfake.Acked)
	if a := s.Acks(); !a[len(a)-1].Elsewhere {
		t.Errorf("last ack = %+v, want elsewhere", a[len(a)-1])
	}
}

func TestAFrameThatIsTooLongEndsTheSocket(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	r := dial(t, ticket(t, s))
	r.next(t)
	r.say(t, `{"envelope_id":"x","payload":{"text":"`+strings.Repeat("a", 20480)+`"}}`)
	err := r.closed(t)
	if !websocket.IsCloseError(err, websocket.CloseMessageTooBig) || !strings.Contains(err.Error(), "20480") {
		t.Errorf("the end = %v, want 1009", err)
	}
	violated(t, s, "the limit is 20480")
}

func TestAnAcknowledgementInContinuationFramesIsLost(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	r := dial(t, ticket(t, s))
	r.next(t)
	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "help")
	id := r.envelope(t)
	w, err := r.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	// More than the client's buffer of 64 KiB goes out in pieces; the blanks keep it valid JSON.
	_, _ = w.Write([]byte(strings.Repeat(" ", 65<<10)))
	_, _ = w.Write([]byte(`{"envelope_id":"` + id + `"}`))
	_ = w.Close()
	ended(t, in, slackfake.TimedOut)
	violated(t, s, "continuation frames")
}

func TestAnUnreachableWorkspaceCutsEverything(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	startBot(t, s, nil)
	s.SetReachable(false)
	eventually(t, s, func() bool { return len(s.Sockets()) == 0 })
	if _, err := client(t, s).AuthTestContext(t.Context()); err == nil {
		t.Error("auth.test worked while the workspace was away")
	}
	s.SetReachable(true)
	eventually(t, s, func() bool { return len(hellos(s)) == 1 })

	s.RefuseSockets(true)
	if status := turnedAway(t, ticket(t, s)); status != http.StatusServiceUnavailable {
		t.Errorf("a refused socket: status %d", status)
	}
}

func TestAHangingConnectionsOpenHoldsOnlyTheClient(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	s.Fault(slackfake.Fault{Method: "apps.connections.open", Kind: slackfake.Hang, Count: 1})
	c := slack.New(slackfake.BotToken, slack.OptionAPIURL(s.URL()), slack.OptionAppLevelToken(slackfake.AppToken),
		slack.OptionHTTPClient(&http.Client{Timeout: 100 * time.Millisecond}))
	var timeout net.Error
	if _, _, err := c.StartSocketModeContext(t.Context()); err == nil || !asNetError(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error = %v, want a time-out", err)
	}
	if _, _, err := c.StartSocketModeContext(t.Context()); err != nil {
		t.Errorf("the next one: %v", err)
	}
}
