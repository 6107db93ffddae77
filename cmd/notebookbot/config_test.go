package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
)

// contractEnv sets what the contract's example takes from the environment.
func contractEnv(name string) (string, bool) {
	v, ok := map[string]string{
		"NOTEBOOKBOT_SECRET": "0123456789abcdef0123456789abcdef",
		"SLACK_APP_TOKEN":    "xapp-1-A0-1-abc",
		"SLACK_BOT_TOKEN":    "xoxb-1-2-abc",
		"ALERTMANAGER_TOKEN": "a-token-of-alertmanager",
	}[name]
	return v, ok
}

// least is the shortest configuration that is accepted.
const least = `slack:
  app_token: xapp-1
  bot_token: xoxb-1
  channels: {ops: C0OPS, incidents: C0INC}
people: {operators: [U01AAAA], commanders: [S01BBBB]}
`

func read(t *testing.T, text string) (*Config, error) {
	t.Helper()
	return parseConfig("bot.yml", []byte(text), contractEnv)
}

func TestTheContractsExampleIsAcceptedAsItStands(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/contract.yml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := read(t, string(b))
	if err != nil {
		t.Fatalf("the contract's YAML is refused:\n%v", err)
	}
	// What the contract shows is what a short file means as well, but for what it must say itself.
	short, err := read(t, least)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Config{cfg, short} {
		c.Slack, c.People, c.Secret, c.Contacts, c.Policies, c.Alertmanager = Slack{}, People{}, "", nil, nil, nil
		c.lines, c.InlineSecrets, c.App.Location = nil, nil, nil
		c.BreakGlass, c.OnCall.Rotation, c.Backup.Recipients, c.Target.Alerts, c.Target.Services = nil, nil, nil, nil, nil
		c.OnCall.Start = c.OnCall.Start.UTC()
	}
	if diff := cmp.Diff(cfg, short, cmp.AllowUnexported(Config{})); diff != "" {
		t.Errorf("the contract's values are not the defaults (-contract +default):\n%s", diff)
	}
}

func TestTheContractsExampleMeansWhatItSays(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/contract.yml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := read(t, string(b))
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Slack.BotToken.Reveal(); got != "xoxb-1-2-abc" {
		t.Errorf("slack.bot_token = %q, want the environment's", got)
	}
	want := Alertmanagers{{Token: "a-token-of-alertmanager", URLs: URLs{"http://127.0.0.1:9093"}}}
	if diff := cmp.Diff(want, cfg.Alertmanager); diff != "" {
		t.Error(diff)
	}
	if got := cfg.Contacts[0]; got != (Contact{Name: "ops", Mail: "ops@ai-notebook.com", Slack: "S0OPS"}) {
		t.Errorf("first contact = %+v", got)
	}
	if got := cfg.Policies["restart"]; got.Approvals == nil || *got.Approvals != 1 || got.Expires != 15*time.Minute {
		t.Errorf("policies.restart = %+v", got)
	}
	if got := cfg.Severity[5]; got.Level != incidents.P2 || len(got.Match) != 0 {
		t.Errorf("last severity = %+v, want all the rest as P2", got)
	}
	if got := cfg.App.Location.String(); got != "Asia/Shanghai" {
		t.Errorf("location = %s", got)
	}
	if diff := cmp.Diff(laterKeys, cfg.Later()); diff != "" {
		t.Errorf("keys that are not used yet: %s", diff)
	}
}

func TestEachMistakeNamesFileLineKeyWhatWasFoundAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"an unknown key", least + "listn: 127.0.0.1:1\n", `bot.yml:6: listn: unknown key "listn"; did you mean listen?`},
		{"an unknown key below", least + "incidents: {hol: 5m}\n", `bot.yml:6: incidents.hol: unknown key "hol"; did you mean hold?`},
		{"an unknown secret file", strings.Replace(least, "app_token:", "app_token_fil:", 1), `bot.yml:2: slack.app_token_fil: unknown key "app_token_fil"; did you mean app_token_file?`},
		{"a word far from all", least + "prometheus: {qqqqqqqq: 1}\n", `bot.yml:6: prometheus.qqqqqqqq: unknown key "qqqqqqqq"; allowed here: url`},
		{"a key given twice", least + "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", `bot.yml:7: listen: given again (first on line 6); each key once`},
		{"a duration without unit", least + "incidents: {hold: 5}\n", `bot.yml:6: incidents.hold: found "5"; a duration such as 90s, 15m or 720h`},
		{"a negative duration", least + "incidents: {hold: -5m}\n", `bot.yml:6: incidents.hold: found "-5m"; a duration such as 90s, 15m or 720h`},
		{"a hold of nothing", least + "incidents: {hold: 0s}\n", `bot.yml:6: incidents.hold: found "0s"; a duration above zero, such as 5m`},
		{"a storm of too many", least + "incidents: {storm: 100}\n", `bot.yml:6: incidents.storm: found 100; 1 to 60 cards a minute`},
		{"a level that is none", least + "severity:\n  - {match: [], level: P3}\n", `bot.yml:7: severity[0].level: found "P3"; P0, P1 or P2`},
		{"a line without level", least + "severity:\n  - {match: []}\n", `bot.yml:7: severity[0].level: missing; P0, P1 or P2`},
		{"a fourth level", least + "levels:\n  P3: {respond: 1h}\n", `bot.yml:7: levels.P3: unknown key "P3"; did you mean P0?`},
		{"resolve before respond", least + "levels:\n  P0: {resolve: 5m}\n", `bot.yml:7: levels.P0.resolve: found "5m0s"; a duration that is not shorter than respond (15m0s)`},
		{"a matcher that is none", least + "severity:\n  - {match: ['severity'], level: P0}\n", `bot.yml:7: severity[0].match[0]: found "severity": end of input: expected an operator such as '=', '!=', '=~' or '!~'; a matcher in Alertmanager's syntax, such as severity="critical" or team=~"a|b"`},
		{"a route with a bad expression", strings.Replace(least, "C0INC}", "C0INC, routes: [{match: ['a=~\"(\"'], channel: C0X}]}", 1), `bot.yml:4: slack.channels.routes[0].match[0]: found "a=~\"(\"": failed to create matcher: error parsing regexp: missing closing ): ` + "`^(?:()$`" + `; a matcher in Alertmanager's syntax, such as severity="critical" or team=~"a|b"`},
		{"a channel by name", strings.Replace(least, "C0OPS", "'#ops'", 1), `bot.yml:4: slack.channels.ops: found "#ops"; a channel id such as C0123ABCD (channel's name, then About, at the bottom)`},
		{"a person by name", strings.Replace(least, "U01AAAA", "ana", 1), `bot.yml:5: people.operators[0]: found "ana"; a user id (U…) or a user group (S…)`},
		{"a person twice", strings.Replace(least, "U01AAAA", "U01AAAA, U01AAAA", 1), `bot.yml:5: people.operators[1]: found "U01AAAA" again; each once`},
		{"a group on call", least + "oncall: {rotation: [S01AAAA]}\n", `bot.yml:6: oncall.rotation[0]: found "S01AAAA"; a user id (U…)`},
		{"a shift of nothing", least + "oncall: {shift: 0s}\n", `bot.yml:6: oncall.shift: found "0s"; a minute or longer, such as 168h for a week`},
		{"a start without zone", least + "oncall: {start: 2026-01-05}\n", `bot.yml:6: oncall.start: found "2026-01-05"; a time such as 2026-01-05T09:00:00+08:00`},
		{"the wrong kind of token", strings.Replace(least, "xoxb-1", "xapp-secret", 1), `bot.yml:3: slack.bot_token: another kind of token; a token that begins with xoxb-`},
		{"no token", strings.Replace(least, "  bot_token: xoxb-1\n", "", 1), `bot.yml:1: slack.bot_token: missing; a token that begins with xoxb-`},
		{"no people", strings.SplitAfter(least, "C0INC}\n")[0], `bot.yml: people: missing: nobody could do anything; operators and commanders, each a list of user ids and user groups`},
		{"a language we do not speak", least + "app: {locale: de}\n", `bot.yml:6: app.locale: found "de"; zh-CN or en`},
		{"a time zone that is none", least + "app: {timezone: Asia/Shangai}\n", `bot.yml:6: app.timezone: found "Asia/Shangai"; a time zone such as Asia/Shanghai or UTC`},
		{"an address without port", least + "listen: 127.0.0.1\n", `bot.yml:6: listen: found "127.0.0.1"; host:port, such as 127.0.0.1:8391`},
		{"a scheme we do not open", least + "public_url: javascript:alert(1)\n", `bot.yml:6: public_url: found "javascript:alert(1)"; an address that begins with http:// or https://, without ? and #`},
		{"a password in an address", least + "prometheus: {url: 'http://a:hunter2@host'}\n", `bot.yml:6: prometheus.url: found "http://(secret)@host"; an address without a name and password in it`},
		{"tokens over plain HTTP", strings.Replace(least, "slack:\n", "slack:\n  api_url: http://slack.com/api/\n", 1), `bot.yml:2: slack.api_url: found "http://slack.com/api/"; https; http to this machine alone, because tokens travel there`},
		{"a command without slash", strings.Replace(least, "slack:\n", "slack:\n  command: notebook\n", 1), `bot.yml:2: slack.command: found "notebook"; a slash and up to 31 small letters, digits, - or _, such as /notebook`},
		{"a store that is none", least + "store: mysql://root:hunter2@h/db\n", `bot.yml:6: store: not the address of a store; sqlite:PATH, for example sqlite:notebookbot.db, or postgres://user@host/db`},
		{"a secret too short", least + "secret: hunter2\n", "bot.yml:6: secret: shorter than 16 characters; a long random text, for example from `openssl rand -hex 32`"},
		{"two Alertmanagers without names", least + "alertmanager: [{url: http://a}, {url: http://b}]\n", "bot.yml:6: alertmanager[0].name: missing; a name for each of several; Alertmanager sends to /webhooks/alertmanager/NAME\nbot.yml:6: alertmanager[1].name: missing; a name for each of several; Alertmanager sends to /webhooks/alertmanager/NAME"},
		{"two of one name", least + "alertmanager: [{name: a}, {name: a}]\n", `bot.yml:6: alertmanager[1].name: found "a", the name of alertmanager[0]; another name`},
		{"half of a login", least + "alertmanager: {username: bot}\n", `bot.yml:6: alertmanager.username: username and password are not both there; both, or neither`},
		{"two ways to log in", least + "alertmanager: {username: bot, password: p, api_token: t}\n", `bot.yml:6: alertmanager.api_token: given beside username; one of the two`},
		{"a silence of everything", least + "target: {alerts: {backend: ['job=~\".*\"']}}\n", `bot.yml:6: target.alerts.backend: found matchers that match every alert; one that asks for a value, such as instance=~"backend.*"`},
		{"an archive among the backups", least + "backup: {wal: /opt/backups/ai-notebook/wal}\n", `bot.yml:6: backup.wal: found "/opt/backups/ai-notebook/wal"; a folder of its own, not inside or around backup.dir (/opt/backups/ai-notebook)`},
		{"an archive around the application", least + "backup: {wal: /opt, dir: /srv/backups}\n", `bot.yml:6: backup.wal: found "/opt"; a folder of its own, not inside or around target.dir (/opt/ai-notebook)`},
		{"an archive without a folder", least + "backup: {wal: wal}\n", `bot.yml:6: backup.wal: found "wal"; a path that begins with /`},
		{"old rows without how long they are kept", least + "database: {maintain: {delete: [{table: logs, column: created_at}]}}\n", `bot.yml:6: database.maintain.delete[0].keep: missing; how long rows are kept, such as 720h; 0s where the column says when they expire`},
		{"a table of old rows twice", least + "database: {maintain: {delete: [{table: logs, column: a, keep: 0s}, {table: logs, column: b, keep: 1h}]}}\n", `bot.yml:6: database.maintain.delete[1].table: "logs" is given again; each table once`},
		{"an archive of no database", least + "database: {service: ''}\nbackup: {wal: /srv/wal}\n", `bot.yml:7: backup.wal: given without database.service; the log of a PostgreSQL that is a service of the compose file`},
		{"a name that is no path", least + "alertmanager: {name: a/b}\n", `bot.yml:6: alertmanager.name: found "a/b"; letters, digits, - _ . as it stands in the address`},
		{"a policy for no command", least + "policies: {restrat: {approvals: 1}}\n", `bot.yml:6: policies.restrat: no command begins with "restrat"; did you mean restart?`},
		{"a policy for no subcommand", least + "policies: {db.maintaim: {approvals: 1}}\n", `bot.yml:6: policies.db.maintaim: db has no "maintaim"; did you mean maintain?`},
		{"a list that is none", least + "policies: {restart: {run: admins}}\n", `bot.yml:6: policies.restart.run: found "admins"; everybody or operators or commanders or break_glass`},
		{"a list where a value belongs", least + "listen: [a]\n", `bot.yml:6: listen: found a list; a single value`},
		{"a value where a list belongs", least + "break_glass: U01AAAA\n", `bot.yml:6: break_glass: found "U01AAAA"; a list [a, b]`},
		{"a value where a mapping belongs", least + "app: notebook\n", `bot.yml:6: app: found "notebook"; a mapping (key: value)`},
		{"a variable that is not set", least + "secret: ${NO_SUCH}\n", `bot.yml:6: secret: the environment variable NO_SUCH is not set; set it, or leave the key out`},
		{"a variable without end", least + "public_url: http://${HOST\n", `bot.yml:6: public_url: found "${HOST"; a variable is written ${NAME}; $${ stands for ${ itself`},
		{"an alias", least + "break_glass: &a [U01AAAA]\n", `bot.yml:6: an anchor, alias or merge; write the value out`},
		{"a tag", least + "listen: !!str x\n", `bot.yml:6: a YAML tag; plain values only`},
		{"a mapping as a key", least + "? {a: b}\n: c\n", `bot.yml:6: found a mapping as a key; a word`},
		{"brackets without end", least + "break_glass: " + strings.Repeat("[", 10000), `bot.yml:6: not readable as YAML: did not find expected node content`},
		{"a second document", least + "---\nlisten: x\n", `bot.yml:6: a second document; one document in a file`},
		{"a file too large", least + strings.Repeat("# more\n", 50000), `bot.yml: the file is too large; at most 256 KiB`},
		{"something else than YAML", "slack: [", `bot.yml:1: not readable as YAML: did not find expected node content`},
		{"a list at the top", "- a\n", `bot.yml:1: found a list; a mapping (key: value)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, tt.text)
			if _, ok := errors.AsType[*configError](err); !ok {
				t.Fatalf("err = %v, want a configError", err)
			}
			if !strings.Contains("\n"+err.Error()+"\n", "\n"+tt.want+"\n") {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "xapp-secret") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestOneRunTellsEveryMistakeInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	_, err := read(t, "listen: x\n"+strings.Replace(least, "C0OPS", "ops", 1)+"app: {locale: fr, timezone: Mars}\nlevels: {P0: {respond: soon}}\n")
	wrong, ok := errors.AsType[*configError](err)
	if !ok {
		t.Fatal(err)
	}
	var got []string
	for _, p := range wrong.problems {
		got = append(got, p.key)
	}
	want := []string{"listen", "slack.channels.ops", "app.locale", "app.timezone", "levels.P0.respond"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAddressesInListsNeedNoQuotes(t *testing.T) {
	t.Parallel()
	cfg, err := read(t, least+"alertmanager: [{name: a, url: [http://a:9093, http://b:9093]}, {name: b, url: http://c:9093}]\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Alertmanagers{{Name: "a", URLs: URLs{"http://a:9093", "http://b:9093"}}, {Name: "b", URLs: URLs{"http://c:9093"}}}
	if diff := cmp.Diff(want, cfg.Alertmanager); diff != "" {
		t.Error(diff)
	}
}

func TestVariablesAreValuesAndNeverYAML(t *testing.T) {
	t.Parallel()
	env := func(string) (string, bool) { return "a\nlisten: 0.0.0.0:1 # ${OTHER}", true }
	cfg, err := parseConfig("bot.yml", []byte(least+"app: {name: \"x ${EVIL} $${PLAIN}\"}\n"), env)
	if err != nil {
		t.Fatal(err)
	}
	if want := "x a\nlisten: 0.0.0.0:1 # ${OTHER} ${PLAIN}"; cfg.App.Name != want {
		t.Errorf("app.name = %q, want %q", cfg.App.Name, want)
	}
	if cfg.Listen != defaultListen {
		t.Errorf("listen = %q: the environment added a key", cfg.Listen)
	}
}

func TestEverySecretHasAFileTwin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"app": "xapp-from-file\n", "bot": "xoxb-from-file\r\n", "link": "0123456789abcdef\n", "am": "token\n", "store": "postgres://u:p@h/db\n",
		"dsn": "postgres://u:p@h/app\n", "mail": "password\n", "key": "k\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := `secret_file: link
store_file: store
slack: {app_token_file: app, bot_token_file: bot, channels: {ops: C0OPS, incidents: C0INC}}
alertmanager: [{name: a, token_file: am}]
people: {}
database: {dsn_file: dsn}
backup: {s3: {access_key_file: key, secret_key_file: key}}
notices: {smtp: {password_file: ` + filepath.Join(dir, "mail") + `}}
`
	cfg, err := parseConfig(filepath.Join(dir, "bot.yml"), []byte(text), contractEnv)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key  string
		got  Secret
		want string
	}{
		{"secret", cfg.Secret, "0123456789abcdef"},
		{"store", cfg.Store, "postgres://u:p@h/db"},
		{"slack.app_token", cfg.Slack.AppToken, "xapp-from-file"},
		{"slack.bot_token", cfg.Slack.BotToken, "xoxb-from-file"},
		{"alertmanager.token", cfg.Alertmanager[0].Token, "token"},
		{"database.dsn", cfg.Database.DSN, "postgres://u:p@h/app"},
		{"notices.smtp.password", cfg.Notices.SMTP.Password, "password"},
		{"backup.s3.secret_key", cfg.Backup.S3.SecretKey, "k"},
	} {
		if c.got.Reveal() != c.want {
			t.Errorf("%s = %q, want %q", c.key, c.got.Reveal(), c.want)
		}
	}
	if len(cfg.SecretFiles) != 9 || len(cfg.InlineSecrets) != 0 {
		t.Errorf("files %v, inline %v: want nine files and nothing inline", cfg.SecretFiles, cfg.InlineSecrets)
	}
}

func TestASecretGivenTwiceOrNotAtAllIsSaid(t *testing.T) {
	t.Parallel()
	_, err := read(t, least+"secret: 0123456789abcdef\nsecret_file: x\nstore_file: no-such-file\n")
	for _, want := range []string{
		"bot.yml:7: secret_file: given beside secret; one of the two",
		"bot.yml:8: store_file: open no-such-file: no such file or directory; a readable file with the secret alone in it",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant\n%s", err, want)
		}
	}
}

func TestAPartOfALevelKeepsTheGuidesRest(t *testing.T) {
	t.Parallel()
	cfg, err := read(t, least+"levels:\n  P0: {respond: 5m}\n")
	if err != nil {
		t.Fatal(err)
	}
	want := LevelPolicy{Respond: 5 * time.Minute, Resolve: 2 * time.Hour, Escalate: []string{"oncall", "ops", "management"}}
	if diff := cmp.Diff(want, cfg.Levels.P0); diff != "" {
		t.Error(diff)
	}
	everybody := func(string) bool { return true }
	before := defaultConfig().LevelPolicies(everybody).Version
	if got := cfg.LevelPolicies(everybody).Version; got == before || got == "" {
		t.Errorf("version %q of other promises, want another than %q", got, before)
	}
	nobody := cfg.LevelPolicies(func(name string) bool { return name != "ops" }).Levels[incidents.P0].Escalate
	if diff := cmp.Diff([]string{"oncall", "management"}, nobody); diff != "" {
		t.Errorf("names that nobody fills: %s", diff)
	}
}

func TestEveryWordOfTheContractsTableCanHaveAPolicy(t *testing.T) {
	t.Parallel()
	for _, word := range access.Words() {
		if _, err := read(t, least+"policies: {"+word+": {approvals: 1}}\n"); err != nil {
			t.Error(err)
		}
	}
	words := policyWords()
	for first := range subWords {
		if _, known := words[first]; !known {
			t.Errorf("%s has second words and is no command", first)
		}
	}
}

func FuzzConfiguration(f *testing.F) {
	b, err := os.ReadFile("testdata/contract.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add(least)
	f.Add("a: &a [*a, *a]\n<<: *a\n")
	f.Add("slack:\n  - [{? a : b}]\n")
	f.Add("\xff\xfe: ${")
	f.Fuzz(func(t *testing.T, text string) {
		type result struct {
			cfg *Config
			err error
		}
		done := make(chan result, 1)
		go func() {
			cfg, err := parseConfig("bot.yml", []byte(text), contractEnv)
			done <- result{cfg, err}
		}()
		var cfg *Config
		var err error
		select {
		case r := <-done:
			cfg, err = r.cfg, r.err
		case <-time.After(5 * time.Second):
			t.Fatalf("no end on %q", text)
		}
		if err == nil && (cfg.App.Location == nil || !cfg.Slack.BotToken.Set() || cfg.Levels.P0.Respond <= 0) {
			t.Errorf("accepted without what serve needs: %q", text)
		}
	})
}

var typeOfConfig = reflect.TypeFor[Config]()
