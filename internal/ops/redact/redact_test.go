package redact

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// hunter is the secret of the samples. Nothing of it may be seen, so its parts are looked for as well.
const hunter = "Hunter2Zebra"

// hostile are lines as containers write them, with %s where the secret stands.
var hostile = []string{
	"password=%s", "password = %s", "PASSWORD: %s", "Password：%s", "db.password=%s", "POSTGRES_PASSWORD=%s", "pgpassword='%s'",
	`{"password":"%s","user":"kim"}`, `{"user":"kim","Password" : "%s"}`, `"{\"password\":\"%s\",\"user\":\"kim\"}"`, `{\\\"apiKey\\\":\\\"%s\\\"}`,
	`{"nested":{"clientSecret":"%s"}}`, `map[user:kim password:%s]`, `{User:kim Password:%s}`, `Config{Password:"%s", Host:"db"}`,
	`{"password":"a\"%s"}`, `{"password":"%s`, `password="two words %s"`, `passphrase: correct horse %s battery`, "password is: one %s",
	"spring.datasource.password=%s", "secret-key => %s", "aws_secret_access_key=%s", "apikey:%s", "x-api-key: %s", "API-Key=%s", "session_id=%s",
	"数据库密码：%s", "登录口令=%s", "令牌: %s", "密码为：%s",
	"token=%s&page=2", "GET /notes?access_token=%s&page=2 HTTP/1.1", "GET /cb?id_token%%3D%s HTTP/1.1", "/verify?sig=%s", "jwt=%s",
	"postgres://app:%s@db:5432/ai_notebook", "redis://:%s@redis:6379/0", "amqp://u:p%%40%s@mq/", "postgres://app:pa/ss#%s@db/x", "postgres://app:a@b:%s@db/x",
	"https://kim:%s@git.example.com/x.git", "postgres%%3A%%2F%%2Fapp%%3A%s%%40db", "dial postgres://app:%s@db:5432: refused", "mongodb+srv://a:%s@c/",
	"https://%s0123456789@github.com/x",
	"Authorization: Bearer %s", "authorization: Basic %s==", `"Authorization": "Bearer %s"`, `{"authorization":["Bearer %s"]}`, "Proxy-Authorization: Digest username=kim, response=%s",
	"Cookie: a=1; session=%s; b=2", "Set-Cookie: sid=%s; HttpOnly", `-H "Authorization: token %s"`, "header Bearer %s sent", `headers={'X-Auth-Token': '%s'}`,
	"http.Header{\"Authorization\":[]string{\"Bearer %s\"}}",
	"ALTER USER app WITH PASSWORD '%s';", "CREATE ROLE a LOGIN ENCRYPTED PASSWORD 'it''s %s'", `STATEMENT:  alter role a password E'\'%s'`, "IDENTIFIED BY '%s'",
	"redis-cli -h redis -a %s ping", "mysql -uroot -p%s app", "curl -u kim:%s https://x", "--password %s --host db", "--db-password=%s", `--token "%s x"`, "AUTH %s", "AUTH default %s",
	`1700000000.1 [0 172.18.0.4:5000] "AUTH" "default" "%s"`, "requirepass %s", "masterauth %s", "<password>%s</password>",
	"xoxb-123456-%s", "xapp-1-A1-%s", "ghp_%s0123456789", "github_pat_%s0123456789", "glpat-%s0123", "AKIA" + "HUNTER2ZEBRA%s", "sk-proj-%s_0123456789", "AIza%s0123456789",
	"eyJhbGciOiJIUzI1NiJ9.%s.c2ln", "AGE-SECRET-KEY-1%s0123", "https://hooks.slack.com/services/T0/B0/%s", "https://oapi.dingtalk.com/robot/send?access_token=%s",
	"-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n%s", `key="-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----"`,
	"$2b$12$%s0123456789", "SCRAM-SHA-256$4096:%s==", "$argon2id$v=19$m=1$%s",
	"pass\x1b[31mword=%s", "pass\u200bword=%s", "\x1b[32mpassword\x1b[0m=\x1b[1m%s\x1b[0m", "pass\x00word: %s", "password\u202e=%s", "token\r=%s", "passwo\xadrd=x password=%s",
}

func TestNoSecretOfTheHostileSamplesIsSeen(t *testing.T) {
	t.Parallel()
	var r *Redactor
	for _, sample := range hostile {
		line := strings.ReplaceAll(strings.ReplaceAll(sample, "%s", hunter), "%%", "%")
		for _, around := range []string{line, "2026-01-10T12:00:00Z ERROR " + line + " failed", "first\n" + line + "\nlast"} {
			got := r.Text(around)
			for _, part := range []string{hunter, hunter[:7], hunter[5:]} {
				if strings.Contains(got, part) {
					t.Errorf("%q\nis shown as\n%q", around, got)
					break
				}
			}
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`2026-01-10 12:00:00.123 UTC [42] FATAL:  password authentication failed for user "app"`,
		`10.0.0.7 - - [10/Jan/2026:12:00:00 +0000] "GET /api/notes?page=2 HTTP/1.1" 500 152 "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
		"dial tcp 172.18.0.4:5432: connect: connection refused", "GET http://backend:8080/health?mail=kim@example.com 200",
		"duration: 1200.345 ms  statement: SELECT * FROM notes WHERE author = 'kim'", "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",
		"commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "request_id=123e4567-e89b-12d3-a456-426614174000", "git clone git@github.com:ai/notebook.git",
		"ssh://git@github.com/ai/notebook.git", "total_tokens=1532 prompt_tokens: 1200", "duplicate key value violates unique constraint", "basic authentication required",
		"inside: 3, design=new, signal: killed", "用户无法登录：连接超时", "https://ai-notebook.com:8443/notes/12#top", "mailto:kim@example.com", "worker_processes 4;",
		"    at com.ainotebook.service.NoteServiceImplementation.createNote(NoteServiceImplementation.java:42)",
	} {
		var r *Redactor
		if got := r.Text(line); got != line {
			t.Errorf("%q\nbecame\n%q", line, got)
		}
	}
}

func TestKnownValuesAreHiddenInEveryFormThatCarriesThem(t *testing.T) {
	t.Parallel()
	r := New(`p@ss "w/rd`, "zebra", "1", "no", "****")
	for _, line := range []string{
		`connect with p@ss "w/rd now`, `user=p%40ss+%22w%2Frd`, `x/p@ss%20%22w%2Frd/y`, `"p@ss \"w/rd"`, "cEBzcyAidy9yZA==", "zebrazebra", "zezebrabra",
	} {
		got := r.Text(line)
		if !strings.Contains(got, Mask) || strings.Contains(got, "w/rd") || strings.Contains(got, "zebra") {
			t.Errorf("%q is shown as %q", line, got)
		}
	}
	if got, want := r.Text("1 of 2, no error"), "1 of 2, no error"; got != want {
		t.Errorf("%q became %q", want, got)
	}
}

func TestAPrivateKeyWhoseBeginningIsCutOffIsHidden(t *testing.T) {
	t.Parallel()
	part := strings.Repeat("MIIEvQIBADANBgkq", 4)
	var r *Redactor
	got := r.Lines([]string{"backend_1 | " + part, part, "after"})
	if strings.Contains(strings.Join(got, ""), "MIIE") || len(got) != 3 || got[2] != "after" {
		t.Errorf("shown: %q", got)
	}
	got = r.Lines([]string{"a", "-----BEGIN EC PRIVATE KEY-----", "AbCd", "-----END EC PRIVATE KEY----- b", "c\nd"})
	if want := "a|•••|•••|••• b|c d"; strings.Join(got, "|") != want {
		t.Errorf("shown: %q, want %s", got, want)
	}
}

func TestTheApplicationsOwnFilesSayWhatIsSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(".env", "# comment\nPOSTGRES_PASSWORD=tulip-7\nexport API_KEY=\"rose 8\" # of the vendor\nPORT=8088\nBACKEND_VERSION=v1\nDB_URL=postgres://app:daisy@db/x\nDEBUG_TOKEN=true\n"+
		"OPENAI=sk-abcdefghijklmnopqrst\nPASSWORD_FILE=/run/secrets/db\n")
	write("docker-compose.yml", "services:\n  a:\n    environment: {REDIS_PASSWORD: violet9, MODE: plain}\n    env:\n      - \"SESSION_SECRET=lily-10\"\n      - OTHER_SECRET=${SECRET:-peony-11}\n"+
		"      - NEEDED_PASSWORD=${P:?the password of the database}\n")
	r := Dir(dir, map[string]string{"MORE_TOKEN": "orchid12"})
	for _, secret := range []string{"tulip-7", "rose 8", "daisy", "violet9", "lily-10", "peony-11", "orchid12", "sk-abcdefghijklmnopqrst"} {
		if got := r.Text("x " + secret + " y"); strings.Contains(got, secret) {
			t.Errorf("%q is shown", got)
		}
	}
	for _, word := range []string{"8088", "v1", "true", "plain", "the password of the database", "/run/secrets/db"} {
		if got := r.Text("x " + word + " y"); got != "x "+word+" y" {
			t.Errorf("%q became %q", word, got)
		}
	}
	if got := Dir(filepath.Join(dir, "missing"), nil).Text("as it is"); got != "as it is" {
		t.Errorf("without files: %q", got)
	}
}

func FuzzNothingKnownIsSeenAndNothingChangesTwice(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, hunter)
	}
	f.Add("a\xff\x1b[0m zebra", "zeb\u200bra")
	f.Fuzz(func(t *testing.T, text, secret string) {
		r := New(secret)
		got := r.Text(text + secret + text)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is no UTF-8", got)
		}
		if v := Clean(secret); len(v) >= shortest && strings.Trim(v, "*xX.•-_ ") != "" && strings.Contains(got, v) {
			t.Fatalf("%q is seen in %q", v, got)
		}
		if again := r.Text(got); again != got && len(again) > 2*len(got)+64 {
			t.Fatalf("%q grew to %q", got, again)
		}
		var none *Redactor
		if once := none.Text(text); strings.Contains(once, "\x1b") {
			t.Fatalf("an escape is left in %q", once)
		}
		lines := strings.Split(text, "\n")
		if got := r.Lines(lines); len(got) != len(lines) {
			t.Fatalf("%d lines became %d", len(lines), len(got))
		}
	})
}
