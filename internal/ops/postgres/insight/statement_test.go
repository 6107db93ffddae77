package insight

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ai-notebook/notebookbot/internal/ops/redact"
)

func TestAStatementIsShownWithoutItsValuesAndComments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`select * from notes where id = 5 and body = 'geheim'`:           `select * from notes where id = ? and body = ?`,
		"select $1,\n\t$2 from t2 -- von Anna, Tel. 555\nwhere a1 > 1.5": `select $1, $2 from t2 where a1 > ?`,
		`insert into t values (1, 'a', 2, null), (3, 'b', 4, null)`:      `insert into t values (?, …, null), (?, …, null)`,
		`select 'it''s', E'a\'b', "It""s 5", $$x ' y$$, $t$ $$ $t$`:      `select ?, E?, "It""s 5", ?, …`,
		`select 'a\' , 'secret'`:                                         `select ? …`,
		`update t set a = 'cut off in the midd`:                          `update t set a = ? …`,
		`do $body$ cut off`:                                              `do ? …`,
		`select a /* by /* kim */ 'x' */ , b from "cut`:                  `select a , b from …`,
		`select x'1F', 0x1F, 1e5, -3, t.c1, a$1, 日付2`:                    `select x?, …, -?, t.c1, a$1, 日付2`,
		``: ``,
	} {
		if got := shape(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestASecretInAStatementIsHidden(t *testing.T) {
	t.Parallel()
	known := redact.New("tulip-7-known")
	d := New(Config{Redact: func() *redact.Redactor { return known }})
	for _, text := range []string{
		`alter role app password 'rose-8-never-known'`, `select "tulip-7-known" from t`, `create user mapping for u server s options (user 'x', password 'rose-8-never-known')`,
		`copy t from program 'curl https://kim:rose-8-never-known@example.com'`, `set my.token = tulip-7-known`,
	} {
		if got := d.eyes().statement(text); strings.Contains(got, "tulip") || strings.Contains(got, "rose") {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func FuzzAValueOfAStatementIsNeverShown(f *testing.F) {
	f.Add("secret", "it's")
	f.Add(`a\`, "$$ -- /* \x00")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, b, a + "'" + b, "E'" + a, "$" + a + "$" + b} {
			if got := shape(s); !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t\x00") {
				t.Fatalf("%q is %q", s, got)
			}
		}
		const hidden = "zzqqhiddenqqzz"
		quoted := strings.ReplaceAll(a+hidden+b, "'", "''")
		if got := shape("select x from t where y = '" + quoted + "' and z"); strings.Contains(got, hidden) {
			t.Fatalf("the literal %q is shown: %q", quoted, got)
		}
		escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(a + hidden + b)
		if got := shape("select x from t where y = E'" + escaped + "' and z"); strings.Contains(got, hidden) {
			t.Fatalf("the literal %q is shown: %q", escaped, got)
		}
	})
}
