package alertmanager

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

const quietConfig = "route: {receiver: none, group_by: [alertname], group_wait: 1s}\nreceivers: [{name: none}]\n"

var alertLines = map[string][]string{
	"backend":  {`instance=~"backend.*"`, `alertname!="Watchdog"`},
	"postgres": {`job="postgres"`},
}

func silencerFor(t *testing.T, servers ...Server) *Silencer {
	t.Helper()
	s, err := NewSilencer(SilencerConfig{Servers: servers, Alerts: alertLines, Owner: "ai-notebook"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request(key string, services ...string) ops.SilenceRequest {
	now := time.Now()
	alice := ops.Person{Actor: incidents.Actor{Kind: incidents.ByPerson, ID: "U01AAAA"}}
	return ops.SilenceRequest{Key: key, Services: services, From: now, Until: now.Add(10 * time.Minute), By: alice}
}

// there gives the silences that have not ended.
func there(t *testing.T, url string) []silence {
	t.Helper()
	a := &api{base: url, client: httpClient(10 * time.Second)}
	all, err := a.silences(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(s silence) bool { return s.over() })
}

// alert gives alerts to an Alertmanager, and silenced tells which of them are.
func alert(t *testing.T, url string, labels ...map[string]string) {
	t.Helper()
	var list []map[string]any
	for _, l := range labels {
		list = append(list, map[string]any{"labels": l})
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	a := &api{base: url, client: httpClient(10 * time.Second)}
	if err := a.call(t.Context(), http.MethodPost, "/api/v2/alerts", b, nil); err != nil {
		t.Fatal(err)
	}
}

func silenced(t *testing.T, url string) []string {
	t.Helper()
	var all []struct {
		Labels map[string]string
		Status struct{ State string }
	}
	a := &api{base: url, client: httpClient(10 * time.Second)}
	if err := a.call(t.Context(), http.MethodGet, "/api/v2/alerts", nil, &all); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, one := range all {
		if one.Status.State == "suppressed" {
			out = append(out, one.Labels["alertname"])
		}
	}
	slices.Sort(out)
	return out
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come to this: %s", what)
		}
	}
}

func TestExactlyTheAlertsOfAnOperationsServicesAreSilenced(t *testing.T) {
	t.Parallel()
	am := realparts.Alertmanager(t, quietConfig)
	s := silencerFor(t, Server{URLs: URLsOf(am)})
	alert(t, am.URL,
		map[string]string{"alertname": "Down", "instance": "backend:8080"}, map[string]string{"alertname": "Watchdog", "instance": "backend:8080"},
		map[string]string{"alertname": "SlowQueries", "job": "postgres"}, map[string]string{"alertname": "OtherDown", "instance": "frontend:80"})
	id, err := s.Silence(t.Context(), request("OP-7", "backend", "nginx"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the backend's alert is silenced", func() bool { return slices.Equal(silenced(t, am.URL), []string{"Down"}) })
	one := there(t, am.URL)
	if len(one) != 1 || one[0].CreatedBy != "notebookbot (ai-notebook)" || one[0].Comment != "OP-7 backend: asked by U01AAAA" {
		t.Errorf("there are %+v", one)
	}
	if err := s.Unsilence(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is silenced any more", func() bool { return len(silenced(t, am.URL)) == 0 && len(there(t, am.URL)) == 0 })
	if err := s.Unsilence(t.Context(), id); err != nil {
		t.Errorf("what has ended cannot be ended again: %v", err)
	}
}

func URLsOf(servers ...*realparts.HTTPServer) []string {
	var out []string
	for _, s := range servers {
		out = append(out, s.URL)
	}
	return out
}

func TestAskedTwiceForTheSameOperationThereIsOneSilence(t *testing.T) {
	t.Parallel()
	am := realparts.Alertmanager(t, quietConfig)
	s := silencerFor(t, Server{Name: "main", URLs: URLsOf(am)})
	first := request("OP-1", "postgres", "backend")
	if _, err := s.Silence(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	// Others stay as they are: of another operation, of another bot, and of a person who writes like us.
	if _, err := s.Silence(t.Context(), request("OP-11", "backend")); err != nil {
		t.Fatal(err)
	}
	other, err := NewSilencer(SilencerConfig{Servers: []Server{{URLs: URLsOf(am)}}, Alerts: alertLines, Owner: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Silence(t.Context(), request("OP-1", "backend")); err != nil {
		t.Fatal(err)
	}
	again := request("OP-1", "postgres", "backend") // after a crash, by a new process
	again.Until = first.Until.Add(time.Hour)
	id, err := silencerFor(t, Server{Name: "main", URLs: URLsOf(am)}).Silence(t.Context(), again)
	if err != nil {
		t.Fatal(err)
	}
	ours := slices.DeleteFunc(there(t, am.URL), func(one silence) bool {
		return !strings.HasPrefix(one.Comment, "OP-1 ") || strings.Contains(one.CreatedBy, "shop")
	})
	if len(ours) != 2 {
		t.Fatalf("there are %d silences for two services: %+v", len(ours), ours)
	}
	for _, one := range ours {
		if one.EndsAt.Before(again.Until.Add(-time.Second)) {
			t.Errorf("a silence ends at %s, before the operation, which may take until %s", one.EndsAt, again.Until)
		}
	}
	if err := s.Unsilence(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if left := there(t, am.URL); len(left) != 2 {
		t.Errorf("the silences of others are %+v", left)
	}
}

func TestASilenceThatIsKeptUpStaysTheSameOneAndOneThatIsOverIsMadeAnew(t *testing.T) {
	t.Parallel()
	am := realparts.Alertmanager(t, quietConfig)
	s := silencerFor(t, Server{URLs: URLsOf(am)})
	alert(t, am.URL, map[string]string{"alertname": "Down", "instance": "backend:8080"})
	r := request("OP-9", "backend")
	ask := func(length time.Duration) string {
		t.Helper()
		r.From = time.Now()
		r.Until = r.From.Add(length)
		if _, err := s.Silence(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		left := there(t, am.URL)
		if len(left) != 1 || left[0].EndsAt.Sub(r.Until).Abs() > time.Second {
			t.Fatalf("there are %+v, and one until %s was asked for", left, r.Until)
		}
		return left[0].ID
	}
	first := ask(time.Minute)
	for range 3 {
		if again := ask(5 * time.Minute); again != first {
			t.Errorf("it was made longer and is another one: %s, %s", first, again)
		}
	}
	eventually(t, "the alert is silenced", func() bool { return len(silenced(t, am.URL)) == 1 })
	if err := s.Unsilence(t.Context(), "OP-9@"); err != nil {
		t.Fatal(err)
	}
	short := ask(2 * time.Second) // nobody keeps it up: the bot is dead
	eventually(t, "it is over by itself", func() bool { return len(there(t, am.URL)) == 0 && len(silenced(t, am.URL)) == 0 })
	if next := ask(5 * time.Minute); next == short { // somebody took over
		t.Errorf("%s was over, and cannot be made longer", next)
	}
	eventually(t, "the alert is silenced again", func() bool { return len(silenced(t, am.URL)) == 1 })
}

func TestAnyMemberOfAPairWillDo(t *testing.T) {
	t.Parallel()
	pair := realparts.AlertmanagerPair(t, quietConfig)
	s := silencerFor(t, Server{Name: "ha", URLs: URLsOf(pair[:]...)})
	pair[0].Kill(t)
	id, err := s.Silence(t.Context(), request("OP-2", "backend"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(there(t, pair[1].URL)); n != 1 {
		t.Fatalf("%d silences at the member that lives", n)
	}
	pair[0].Start(t)
	eventually(t, "the other learns of it", func() bool { return len(there(t, pair[0].URL)) == 1 })
	if again, err := s.Silence(t.Context(), request("OP-2", "backend")); err != nil || again != id {
		t.Fatalf("asked again: %q, %v", again, err)
	}
	if n := len(there(t, pair[0].URL)); n != 1 {
		t.Errorf("%d silences after it was asked for again", n)
	}
	pair[1].Kill(t)
	if err := s.Unsilence(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n := len(there(t, pair[0].URL)); n != 0 {
		t.Errorf("%d silences are left", n)
	}
}

func TestOneOfSeveralAlertmanagersThatIsAwayIsSaidAndTheOthersAreSilenced(t *testing.T) {
	t.Parallel()
	am := realparts.Alertmanager(t, quietConfig)
	s := silencerFor(t, Server{Name: "away", URLs: []string{"http://" + realparts.FreeAddr(t)}}, Server{Name: "here", URLs: URLsOf(am)}, Server{Name: "no address"})
	id, err := s.Silence(t.Context(), request("OP-3", "backend"))
	if err == nil || !strings.Contains(err.Error(), "alertmanager away: ") {
		t.Errorf("it says: %v", err)
	}
	if len(there(t, am.URL)) != 1 {
		t.Error("the one that is there silences nothing")
	}
	if err := s.Unsilence(t.Context(), id); err != nil || len(there(t, am.URL)) != 0 {
		t.Errorf("its end: %v", err)
	}
}

func TestWhatIsHostileInASilenceIsPlainText(t *testing.T) {
	t.Parallel()
	am := realparts.Alertmanager(t, quietConfig)
	s := silencerFor(t, Server{URLs: URLsOf(am)})
	r := request("OP-4", "backend")
	r.By.ID = "U1\n\x1b[31m\u202eOP-5 backend: <script>" + strings.Repeat("x", 5000)
	if _, err := s.Silence(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	comment := there(t, am.URL)[0].Comment
	if !strings.HasPrefix(comment, "OP-4 backend: asked by U1 [31mOP-5 backend: <script>xxx") || len(comment) > 300 {
		t.Errorf("the comment is %q", comment)
	}
	if err := s.Unsilence(t.Context(), "OP-5@"); err != nil || len(there(t, am.URL)) != 1 {
		t.Errorf("somebody's name ended the silence of another operation: %v", err)
	}
}

func TestMatchersThatWouldSilenceEverythingAreRefusedBeforeAnOperation(t *testing.T) {
	t.Parallel()
	for _, texts := range [][]string{{`job=~".*"`}, {`job!="x"`, `team=""`}, {`job=`}, {`=x`}} {
		if CheckMatchers(texts) == nil {
			_, err := NewSilencer(SilencerConfig{Servers: []Server{{URLs: []string{"http://x"}}}, Alerts: map[string][]string{"backend": texts}})
			t.Errorf("%q is taken: %v", texts, err)
		}
	}
	s, err := NewSilencer(SilencerConfig{Servers: []Server{{Name: "a"}}, Alerts: alertLines})
	if s != nil || err != nil {
		t.Errorf("without an address: %v, %v", s, err)
	}
}

// TestCredentialsAreSentAndNeverSaid needs a server that looks at them.
func TestCredentialsAreSentAndNeverSaid(t *testing.T) {
	t.Parallel()
	for _, server := range []Server{{Token: "tok-secret"}, {Username: "bot", Password: "pass-secret"}} {
		var got string
		strict := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Get("Authorization")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, "<b>no\nentry</b>")
		}))
		server.URLs = []string{strict.URL + "/"}
		s := silencerFor(t, server)
		id, err := s.Silence(t.Context(), request("OP-6", "backend"))
		if id != "" || err == nil || !strings.Contains(err.Error(), "answers 401: <b>no entry</b>") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q, %v", id, err)
		}
		if got == "" || !Refused(s.Reach(t.Context())[strict.URL]) {
			t.Errorf("sent %q", got)
		}
		strict.Close()
	}
}

func TestAnAnswerThatIsLostLeavesNoSilenceBehind(t *testing.T) {
	t.Parallel()
	am := realparts.Alertmanager(t, quietConfig)
	drop := true
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), r.Method, am.URL+r.URL.Path, r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = r.Header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if r.Method == http.MethodPost && drop {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	defer proxy.Close()
	s := silencerFor(t, Server{URLs: []string{proxy.URL}})
	id, err := s.Silence(t.Context(), request("OP-8", "backend"))
	if err == nil || id == "" || len(there(t, am.URL)) != 1 {
		t.Fatalf("the answer was lost: %q, %v", id, err)
	}
	drop = false
	if err := s.Unsilence(context.Background(), id); err != nil || len(there(t, am.URL)) != 0 {
		t.Errorf("the silence is left: %v", err)
	}
}
