package commands

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

func TestWordsAreReadAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	type want struct {
		words string
		key   int64
		rest  string
	}
	for text, w := range map[string]want{
		"":                                    {"help", 0, ""},
		"  \t\n　 ":                            {"help", 0, ""},
		"help incident ack":                   {"help", 0, "incident ack"},
		"HELP":                                {"help", 0, ""},
		"ｈｅｌｐ":                                {"help", 0, ""},
		"oncall。":                             {"oncall", 0, ""},
		"incident list open P0 2":             {"incident list", 0, "open P0 2"},
		"Incident　List　ALL":                   {"incident list", 0, "ALL"},
		`incident open P1 "the site is down"`: {"incident open", 0, `P1 "the site is down"`},
		"incident open P1 “网站 打不开”":            {"incident open", 0, "P1 “网站 打不开”"},
		"incident show INC-7":                  {"incident show", 7, ""},
		"incident show inc-7,":                 {"incident show", 7, ""},
		"incident show ＩＮＣ－７":                  {"incident show", 7, ""},
		"incident show 7":                      {"incident show", 7, ""},
		"incident show #7":                     {"incident show", 7, ""},
		"incident INC-7":                       {"incident show", 7, ""},
		"INC-7":                                {"incident show", 7, ""},
		"inc-7 ack":                            {"incident ack", 7, ""},
		"incident INC-7 ack":                   {"incident ack", 7, ""},
		"INC-7 incident level P0 worse now":    {"incident level", 7, "P0 worse now"},
		"incident level P0 INC-7":              {"incident level", 7, "P0"},
		"incident level INC-7 P0 全部用户":         {"incident level", 7, "P0 全部用户"},
		"ack INC-7":                            {"incident ack", 7, ""},
		"note INC-7 see INC-2 too":             {"incident note", 7, "see INC-2 too"},
		"incident note INC-7  two  blanks":     {"incident note", 7, "two  blanks"},
		"incident note INC-7\nline 1\nline 2":  {"incident note", 7, "line 1\nline 2"},
		`incident open P1 "as in INC-3"`:       {"incident open", 0, `P1 "as in INC-3"`},
		"incident search INC-3":                {"incident search", 0, "INC-3"},
		"incident commander INC-1 <@U1|Kim L>": {"incident commander", 1, "<@U1|Kim L>"},
		"capacity 1000 0.15 6":                 {"capacity", 0, "1000 0.15 6"},
	} {
		p, err := parse(text, 0)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		rest := p.args.raw
		if len(p.args.tokens) > 0 {
			rest = rest[p.args.tokens[0].start:]
		}
		if d := cmp.Diff(w, want{p.cmd.words, p.number, strings.TrimSpace(rest)}, cmp.AllowUnexported(want{})); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
}

func TestInAThreadTheKeyIsImplied(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"ack":                       5,
		"incident ack":              5,
		"incident ack INC-7":        7,
		"incident ack 7":            7,
		"incident level P0":         5,
		"incident level P0 INC-7":   7,
		"note 42 errors a second":   5,
		"note INC-7 42 errors":      7,
		"note caused by INC-2":      5,
		"resolve 3 disks were full": 5,
		"show":                      5,
		"incident":                  0,
		"list":                      0,
		"oncall":                    0,
	} {
		p, err := parse(text, 5)
		if refusal := (*Refusal)(nil); err != nil && !errors.As(err, &refusal) {
			t.Errorf("%q: %v", text, err)
		}
		if p.number != want {
			t.Errorf("%q: incident %d, want %d", text, p.number, want)
		}
	}
}

func TestAWrongWordGetsTheNearestRightOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hlep":                 "help",
		"helpp":                "help",
		"on-call":              "oncall",
		"contact":              "contacts",
		"audti":                "audit",
		"adit":                 "audit",
		"auditlog":             "audit-log",
		"audit-lgo":            "audit-log",
		"audit_log since 24h":  "audit-log",
		"capcity 1 2 3":        "capacity",
		"incidnet list":        "incident list",
		"incidnet lsit":        "incident list",
		"incidnet":             "incident",
		"incident lsit":        "incident list",
		"incident opne P1 x":   "incident open",
		"incident acknowledge": "",
		"akc INC-1":            "incident ack",
		"resolv INC-1":         "incident resolve",
		"xyzzy":                "",
		"🙂":                    "",
		"incident 关闭":          "",
	} {
		_, err := parse(text, 0)
		var r *Refusal
		if !errors.As(err, &r) || r.Name != templates.UnknownWord {
			t.Errorf("%q: %v, want an unknown word", text, err)
			continue
		}
		if r.Args.Nearest != want {
			t.Errorf("%q: nearest = %q, want %q", text, r.Args.Nearest, want)
		}
	}
	var r *Refusal
	if _, err := parse("db foo", 0); !errors.As(err, &r) || !slices.Contains(r.Args.Names, "db size") || !slices.Contains(r.Args.Names, "db maintain") {
		t.Errorf("db foo: %v, want the words of db", err)
	}
	if _, err := parse("schedule", 0); !errors.As(err, &r) || r.Name != templates.NotYet {
		t.Errorf("schedule: %v, want that it is not there yet", err)
	}
}

func TestDistanceCountsEdits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"list", "lsit", 1}, {"open", "opne", 1}, {"kitten", "sitting", 3}, {"确认", "确人", 1}} {
		if got := distance([]rune(tc.a), []rune(tc.b)); got != tc.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestAReportIsReadFromWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]incidents.Report{
		"":                      {},
		"the disk was full":     {Cause: "the disk was full"},
		`"the disk was full"`:   {Cause: "the disk was full"},
		`"pool" "more" "alert"`: {Cause: "pool", Solution: "more", Prevention: "alert"},
		`“连接池耗尽” “扩容” “加告警”`: {Cause: "连接池耗尽", Solution: "扩容", Prevention: "加告警"},
		`"a" b "c"`:   {Cause: `"a" b "c"`},
		"cause: disk": {Cause: "disk"},
		"Cause: disk: full Solution: rm prevention: an alert": {Cause: "disk: full", Solution: "rm", Prevention: "an alert"},
		"solution: restarted":    {Solution: "restarted"},
		"disk full solution: rm": {Cause: "disk full", Solution: "rm"},
		"原因：磁盘满；解决方案：清理日志；预防措施：加告警": {Cause: "磁盘满", Solution: "清理日志", Prevention: "加告警"},
		"原因: 磁盘满\n解决: 清理\n预防: 告警":   {Cause: "磁盘满", Solution: "清理", Prevention: "告警"},
		"cause: a cause: b":        {Cause: "a b"},
		`cause: "a" solution: "b"`: {Cause: "a", Solution: "b"},
		"because: x":               {Cause: "because: x"},
	} {
		if d := cmp.Diff(want, reportOf(read(text))); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
}

func FuzzTheCommandLine(f *testing.F) {
	for _, s := range []string{
		"", "help", `incident open P1 "x"`, "incident open P1 “x", "INC-1 INC-2 INC-3", "incident 　 ack＂", "note \x00\xff", "「", `""`,
		"incident level INC-99999999999999999999 P0", "<@U1|", "incident resolve cause: a 原因：b", "capacity 1 1 1", "<INC-1 list",
	} {
		f.Add(s, int64(0))
		f.Add(s, int64(5))
	}
	f.Fuzz(func(t *testing.T, text string, implied int64) {
		if implied < 0 {
			implied = 0
		}
		p, err := parse(text, implied)
		if err != nil {
			if _, ok := errors.AsType[*Refusal](err); !ok {
				t.Fatalf("parse(%q): %v is no refusal", text, err)
			}
			return
		}
		if p.cmd == nil {
			t.Fatalf("parse(%q) finds no command and no error", text)
		}
		if p.number < 0 {
			t.Fatalf("parse(%q): incident %d", text, p.number)
		}
		last := 0
		for i, tok := range p.args.tokens {
			if tok.start < last || tok.end < tok.start || tok.end > len(p.args.raw) {
				t.Fatalf("parse(%q): word %d stands at %d-%d of %d", text, i, tok.start, tok.end, len(p.args.raw))
			}
			last = tok.end
			_ = p.args.word(i)
		}
		for _, s := range []string{p.args.from(0), p.args.from(1), reportOf(p.args).Cause} {
			if !utf8.ValidString(s) {
				t.Fatalf("parse(%q) gives %q", text, s)
			}
		}
	})
}
