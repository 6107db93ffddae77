package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/bot"
	"github.com/ai-notebook/notebookbot/internal/access"
)

// newCheckup checks a configuration made of `least` and more lines.
func newCheckup(t *testing.T, more string) *checkup {
	t.Helper()
	cfg, err := read(t, least+more)
	if err != nil {
		t.Fatal(err)
	}
	return &checkup{cfg: cfg, client: &http.Client{Timeout: checkTimeout}}
}

// only gives the one finding that there must be.
func only(t *testing.T, c *checkup) finding {
	t.Helper()
	if len(c.findings) != 1 {
		t.Fatalf("findings = %+v, want one", c.findings)
	}
	return c.findings[0]
}

func TestCheckSaysWhoMayReadSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "bot.yml")
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("a-token-of-alertmanager"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(least+"alertmanager: {token_file: token}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &checkup{cfg: cfg}
	c.secretModes()
	if len(c.findings) != 2 || c.findings[0].state != stateWarning || c.findings[1].state != stateWarning {
		t.Fatalf("findings = %+v, want a warning for each file", c.findings)
	}
	if en := c.findings[0].reason.en; !strings.Contains(en, "slack.app_token, slack.bot_token") || !strings.Contains(en, "0644") {
		t.Errorf("the configuration: %q", en)
	}
	if got := c.findings[1].mend.en; got != "chmod 600 "+token {
		t.Errorf("mend = %q", got)
	}
	for _, p := range []string{path, token} {
		if err := os.Chmod(p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c = &checkup{cfg: cfg}
	c.secretModes()
	if f := only(t, c); f.state != stateOK {
		t.Errorf("finding = %+v, want ok", f)
	}
}

func TestCheckTellsAFreePortFromATakenOneAndFromOurs(t *testing.T) {
	t.Parallel()
	c := newCheckup(t, "")
	c.cfg.Listen = "127.0.0.1:0"
	c.listen(t.Context())
	if f := only(t, c); f.state != stateOK || c.running {
		t.Errorf("a free port: %+v", f)
	}

	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	c = newCheckup(t, "")
	c.cfg.Listen = other.Listener.Addr().String()
	c.listen(t.Context())
	if f := only(t, c); f.state != stateFailed || !strings.Contains(f.reason.en, "another program") {
		t.Errorf("another program's port: %+v", f)
	}

	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			_, _ = w.Write([]byte("notebookbot_incidents_open{level=\"P0\"} 0\n"))
		case "/readyz":
			http.Error(w, `{"ready":false,"checks":[{"name":"store","state":"failed","reason":"full"},{"name":"slack","state":"ok"}]}`,
				http.StatusServiceUnavailable)
		case "/healthz":
		default:
			http.NotFound(w, r)
		}
	}))
	defer ours.Close()
	c = newCheckup(t, "")
	c.cfg.Listen, c.cfg.PublicURL = ours.Listener.Addr().String(), ours.URL
	c.listen(t.Context())
	c.store(t.Context())
	c.publicURL(t.Context())
	want := []string{stateOK, stateFailed, stateOK, stateOK}
	for i, f := range c.findings[:min(len(c.findings), len(want))] {
		if f.state != want[i] {
			t.Errorf("%s = %+v, want %s", f.name, f, want[i])
		}
	}
	if len(c.findings) != 4 || !strings.Contains(c.findings[1].reason.en, "full") {
		t.Errorf("findings = %+v, want the running bot's own word on its store", c.findings)
	}
}

func TestCheckWarnsOfAPortThatIsOpenToTheNetwork(t *testing.T) {
	t.Parallel()
	c := newCheckup(t, "")
	c.cfg.Listen = "0.0.0.0:0"
	c.listen(t.Context())
	if len(c.findings) != 2 || c.findings[1].state != stateWarning {
		t.Errorf("findings = %+v, want a warning", c.findings)
	}
}

func TestCheckOpensAndWritesTheStoreAndMakesNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bot.db")
	c := newCheckup(t, "store: sqlite:"+path+"\n")
	c.store(t.Context())
	if f := only(t, c); f.state != stateOK || !strings.Contains(f.reason.en, "does not exist yet") {
		t.Errorf("no store yet: %+v", f)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("check made a store, which would belong to whoever ran it")
	}

	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.findings = nil
	c.store(t.Context())
	if f := only(t, c); f.state != stateOK || f.reason.en != "opens and takes writes" {
		t.Errorf("an empty store: %+v", f)
	}

	if err := os.WriteFile(path, bytes.Repeat([]byte("this is no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	c.findings = nil
	c.store(t.Context())
	if f := only(t, c); f.state != stateFailed {
		t.Errorf("a file that is no store: %+v", f)
	}

	c = newCheckup(t, "store: sqlite:"+filepath.Join(path, "below-a-file", "bot.db")+"\n")
	c.store(t.Context())
	if f := only(t, c); f.state != stateFailed || f.mend.en == "" {
		t.Errorf("a folder that is none: %+v", f)
	}
}

func TestCheckAsksEachAlertmanager(t *testing.T) {
	t.Parallel()
	healthy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/silences" {
			http.NotFound(w, r)
		}
		_, _ = w.Write([]byte("[]"))
	}))
	defer healthy.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a port that nobody answers on
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	_ = l.Close()

	c := newCheckup(t, "alertmanager: [{name: a, token: a-token-of-alertmanager, url: ["+healthy.URL+", "+gone+"]}, {name: b}]\n")
	c.alertmanagers(t.Context())
	var got []string
	for _, f := range c.findings {
		got = append(got, f.name+" "+f.state)
	}
	want := "alertmanager a ok, alertmanager a failed, alertmanager b warning, alertmanager b warning, target.alerts warning"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
}

// people is a workspace of a few; the group S01BBBB has no members.
type people map[string]access.Person

func (p people) Person(_ context.Context, id string) (access.Person, error) { return p[id], nil }
func (people) Members(context.Context, string) ([]string, error)            { return nil, nil }

func TestCheckFailsOnAPolicyThatNobodyCanSatisfy(t *testing.T) {
	t.Parallel()
	c := newCheckup(t, "")
	c.policies(t.Context())
	if f := only(t, c); f.state != stateUnchecked {
		t.Errorf("without Slack: %+v, want unchecked", f)
	}

	c = newCheckup(t, "")
	c.people, c.team = people{"U01AAAA": {ID: "U01AAAA", Team: "T1"}}, "T1"
	c.policies(t.Context())
	failed := false
	for _, f := range c.findings {
		failed = failed || f.state == stateFailed && strings.Contains(f.reason.en, "restart")
	}
	if !failed {
		t.Errorf("findings = %+v, want a failure: nobody can approve a restart", c.findings)
	}

	c = newCheckup(t, "")
	c.cfg.People.Commanders = []string{"U01AAAA", "U01BBBB", "U01CCCC"}
	c.people, c.team = people{
		"U01AAAA": {ID: "U01AAAA", Team: "T1"}, "U01BBBB": {ID: "U01BBBB", Team: "T1"}, "U01CCCC": {ID: "U01CCCC", Team: "T1"},
	}, "T1"
	c.policies(t.Context())
	if f := only(t, c); f.state != stateOK {
		t.Errorf("enough people: %+v", f)
	}
}

// groups knows who is in a user group, as Slack does.
type groups map[string][]string

func (groups) Person(_ context.Context, id string) (access.Person, error) {
	return access.Person{ID: id, Team: "T1"}, nil
}

func (g groups) Members(_ context.Context, id string) ([]string, error) { return g[id], nil }

func TestCheckWarnsOfPeopleWhoWouldBreakTheGlassInVain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		slack        bool
		state        string
		says         string
	}{
		{"an operator by user id", "break_glass: [U01AAAA]\n", true, stateOK, "1 people"},
		{"no operator", "break_glass: [U09ZZZZ]\n", true, stateWarning, "U09ZZZZ is no operator"},
		{"through a user group alone", "break_glass: [U08YYYY]\n", true, stateWarning, "through the user group S0TEAM alone"},
		{"and Slack does not tell", "break_glass: [U08YYYY]\n", false, stateWarning, "U08YYYY is no operator"},
		{"nobody", "", true, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := newCheckup(t, c.config)
			k.cfg.People.Operators = append(k.cfg.People.Operators, "S0TEAM")
			if c.slack {
				k.people = groups{"S0TEAM": {"U08YYYY"}}
			}
			k.breakGlass(t.Context())
			if c.says == "" {
				if len(k.findings) != 0 {
					t.Errorf("it says %+v", k.findings)
				}
				return
			}
			if f := only(t, k); f.name != "break_glass" || f.state != c.state || !strings.Contains(f.reason.en, c.says) {
				t.Errorf("it says %+v", f)
			}
		})
	}
}

func TestCheckWarnsOfApprovalsThatNobodyIsAskedFor(t *testing.T) {
	t.Parallel()
	c := newCheckup(t, "policies: {incident.resolve: {approvals: 1}}\n")
	c.approvals()
	if f := only(t, c); f.state != stateWarning || f.name != "policies.incident.resolve" {
		t.Errorf("finding = %+v", f)
	}
}

func TestCheckWarnsOfNamesThatLeadToNobody(t *testing.T) {
	t.Parallel()
	c := newCheckup(t, "contacts: {ops: {slack: S0OPS}, management: {mail: m@example.com}}\nlevels: {P2: {escalate: [oncall, nobody]}}\n")
	c.escalation()
	var got []string
	for _, f := range c.findings {
		got = append(got, f.name+": "+f.reason.en)
	}
	want := "levels.P0.escalate: management has mail alone, which a later version sends|levels.P2.escalate: nobody fills nobody: skipped"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestCheckPrintsALineEachAndFailsWhenOneFailed(t *testing.T) {
	t.Parallel()
	c := newCheckup(t, "app: {locale: en}\n")
	c.ok("listen", words{"空闲", "free"})
	c.fail("频道", words{"不在", "not\nin\x1b[31m it"}, words{"邀请", "invite it"})
	var out bytes.Buffer
	if err := c.print(&out); err != errSaid { //nolint:errorlint // exactly this one
		t.Errorf("err = %v, want a failure", err)
	}
	want := "ok         listen  free\n" +
		"failed     频道    not in [31m it → invite it\n\n" +
		"1 ok, 0 warnings, 1 failed, 0 unchecked\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	c.cfg.App.Locale = "zh-CN"
	out.Reset()
	_ = c.print(&out)
	if !strings.Contains(out.String(), "failed     频道    不在 → 邀请\n") {
		t.Errorf("in Chinese:\n%s", out.String())
	}
}

func TestSlacksRefusalsComeWithWhatMendsThem(t *testing.T) {
	t.Parallel()
	why, mend := slackWords(bot.Finding{Name: "scopes", Verdict: bot.Wrong, Reason: "missing_scope", Detail: "chat:write (cards)"})
	if why.en != "scopes are missing: chat:write (cards)" || !strings.Contains(mend.en, "manifest") {
		t.Errorf("got %q, %q", why.en, mend.en)
	}
	why, mend = slackWords(bot.Finding{Name: "bot_token", Verdict: bot.Wrong, Reason: "something_new"})
	if !strings.Contains(why.zh, "something_new") || mend.zh == "" {
		t.Errorf("an unknown code: %q, %q", why.zh, mend.zh)
	}
	for code, r := range slackReasons {
		if r.why.zh == "" || r.why.en == "" || (r.mend.zh == "") != (r.mend.en == "") {
			t.Errorf("%s lacks words in one language", code)
		}
	}
}
