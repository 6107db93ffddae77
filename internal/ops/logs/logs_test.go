package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
)

func TestErrorsAreToldFromLinesThatOnlySpeakOfThem(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`2026-01-10 12:00:00.123 UTC [42] ERROR:  relation "notes" does not exist`:                 true,
		`2026-01-10 12:00:00.123 UTC [42] LOG:  could not send data to client: error`:              false,
		`2026-01-10 12:00:00.123 UTC [42] STATEMENT:  SELECT 'error'`:                              false,
		`2026-01-10 12:00:00 UTC [42] FATAL:  password authentication failed for user "app"`:       true,
		`10.0.0.7 - - [10/Jan/2026:12:00:00 +0000] "GET /error/fatal HTTP/1.1" 200 152 "-" "curl"`: false,
		`10.0.0.7 - kim [10/Jan/2026:12:00:00 +0000] "GET /api HTTP/1.1" 502 152 "-" "curl"`:       true,
		`10.0.0.7 - - [10/Jan/2026:12:00:00 +0000] "GET /api HTTP/1.1" 404 152 "-" "curl"`:         false,
		`2026/01/10 12:00:00 [error] 7#7: *1 connect() failed (111: Connection refused)`:           true,
		`2026/01/10 12:00:00 [notice] 1#1: signal 17 (SIGCHLD) received, no error`:                 false,
		`time=2026-01-10 level=INFO msg="failed 0 times"`:                                          false,
		`{"level":"error","msg":"x"}`:                                       true,
		`{"level":30,"msg":"error budget"}`:                                 false,
		`{"level":50,"msg":"x"}`:                                            true,
		`java.lang.NullPointerException: x`:                                 true,
		`dial tcp 172.18.0.4:5432: connect: connection refused`:             true,
		`finished with 0 errors`:                                            false,
		`errors: 0, failed=0`:                                               false,
		`errors: 0, failed=3`:                                               true,
		`用户登录失败：密码错误`:                                                       true,
		`version v1 listens at :8080`:                                       false,
		`1:M 10 Jan 2026 12:00:00.123 # Out Of Memory allocating 512 bytes`: true,
		`INFO: all well`:                                                    false,
		``:                                                                  false,
	} {
		if got := IsError(line); got != want {
			t.Errorf("IsError(%q) = %v, want %v", line, got, want)
		}
	}
}

func TestLinesThatDifferInNumbersIdsTimesAndAddressesAloneAreOne(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"2026-01-10T12:00:00.123Z user 12 logged in from 10.0.0.7:5123", "2026-01-11T13:01:02Z user 4711 logged in from 192.168.1.1:80"},
		{"request 123e4567-e89b-12d3-a456-426614174000 took 1.25s", "request 00000000-e89b-12d3-a456-426614174fff took 0.3s"},
		{"1:M 10 Jan 2026 12:00:00.123 * Background saving started by pid 42", "9:M 11 Feb 2026 02:10:50.003 * Background saving started by pid 7"},
		{"container 4bf5122f3445 gone", "container 9fceb02d0ae598e95dc970b74767f19372d61af8 gone"},
		{"mail to kim@example.com [::1]:25", "mail to lee.x@mail.example.org [fe80:0:0:1::1]:587"},
		{"10/Jan/2026:12:00:00 +0000 a", "11/Feb/2027:01:02:03 +0800 a"},
	} {
		if a, b := Shape(pair[0]), Shape(pair[1]); a != b {
			t.Errorf("two shapes:\n%s\n%s", a, b)
		}
	}
	if a, b := Shape("user kim logged in"), Shape("user lee logged in"); a == b {
		t.Errorf("one shape for two: %s", a)
	}
	if got := Shape("defaced 12"); got != "defaced #" {
		t.Errorf("a word became %q", got)
	}
}

func TestGroupsPutErrorsFirst(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("GET /notes/%d took %d ms", i, i))
	}
	lines = append(lines, "ERROR: connection 1 lost", "ERROR: connection 2 lost", "panic: x")
	want := []Group{
		{Shape: "ERROR: connection # lost", Example: "ERROR: connection 2 lost", Count: 2, Error: true},
		{Shape: "panic: x", Example: "panic: x", Count: 1, Error: true},
		{Shape: "GET /notes/# took # ms", Example: "GET /notes/29 took 29 ms", Count: 30},
	}
	if diff := cmp.Diff(want, Groups(lines)); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersFrom400OnAreCountedByPath(t *testing.T) {
	t.Parallel()
	line := func(request string, status int) string {
		return fmt.Sprintf(`10.0.0.7 - - [10/Jan/2026:12:00:00 +0000] "%s" %d 152 "-" "curl/7.88"`, request, status)
	}
	got := Answers([]string{
		line("GET /notes/12/parts/4bf5122f3445?x=1 HTTP/1.1", 500), line("GET /notes/13/parts/4bf5122f3446 HTTP/1.1", 500), line("GET / HTTP/1.1", 200),
		line("POST /login HTTP/1.1", 401), line(`\x16\x03\x01`, 400), "something else 500",
	})
	want := []Answer{{500, "GET", "/notes/#/parts/#", 2}, {401, "POST", "/login", 1}, {400, "", "-", 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSlowStatementsAreCountedByTheirForm(t *testing.T) {
	t.Parallel()
	got := SlowStatements([]string{
		"2026-01-10 12:00:00 UTC [42] LOG:  duration: 1200.500 ms  statement: SELECT * FROM notes WHERE author = 'kim' AND id IN (1, 2, 3)",
		"2026-01-10 12:00:00 UTC [42] LOG:  duration: 3000 ms  execute <unnamed>: SELECT * FROM notes WHERE author = $1 AND id IN ($2, $3)",
		"2026-01-10 12:00:00 UTC [42] LOG:  duration: 5.1 ms", "2026-01-10 12:00:00 UTC [42] LOG:  duration: 9 ms  statement: VACUUM",
	})
	want := []Slow{
		{"SELECT * FROM notes WHERE author = ? AND id IN (?, …)", 2, 3 * time.Second, 4200500 * time.Microsecond},
		{"VACUUM", 1, 9 * time.Millisecond, 9 * time.Millisecond},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// written is containers whose logs are given.
type written map[string][]string

func (w written) Containers(context.Context) ([]docker.Container, error) {
	var out []docker.Container
	for _, id := range slices.Sorted(maps.Keys(w)) {
		n, _ := strconv.Atoi(id)
		out = append(out, docker.Container{ID: id, Service: "backend", Number: n})
	}
	return out, nil
}

func (w written) Logs(_ context.Context, id string, tail int, _ time.Time, to io.Writer) error {
	lines := w[id]
	if tail > 0 {
		lines = lines[max(0, len(lines)-tail):]
	}
	_, err := io.WriteString(to, strings.Join(lines, "\n")+"\n")
	return err
}

func problem(err error) string {
	if p, ok := errors.AsType[*ops.Problem](err); ok {
		return p.Code
	}
	return ""
}

func reader(lines ...string) *Reader {
	return &Reader{Engine: written{"1": lines}, Redact: func() *redact.Redactor { return redact.New("tulip") }}
}

func TestWhatIsSearchedForIsSearchedForInTheRedactedText(t *testing.T) {
	t.Parallel()
	r := reader("password=tulip", "tulip", "user kim", "Kim logged in", "login of 12 failed")
	for match, want := range map[string]string{
		"tulip": "", "tul": "", "/t.lip/": "", "KIM": "user kim|Kim logged in", "/^kim/": "Kim logged in", `/\d+ fail/`: "login of 12 failed", "/": "", "a.b": "",
	} {
		got, err := r.Read(t.Context(), Query{Service: "backend", Match: match})
		if err != nil || strings.Join(got.Lines, "|") != want {
			t.Errorf("%s finds %q (%v), want %q", match, got.Lines, err, want)
		}
	}
	if _, err := r.Read(t.Context(), Query{Service: "backend", Match: "/(/"}); problem(err) != "regexp" {
		t.Errorf("a broken expression: %v", err)
	}
	if _, err := r.Read(t.Context(), Query{Service: "fronted"}); problem(err) != "unknown_service" {
		t.Errorf("a service that is not there: %v", err)
	}
}

func TestSeveralContainersShareTheLinesAndAreToldApart(t *testing.T) {
	t.Parallel()
	r := &Reader{Engine: written{"1": {"GET /a/1", "GET /a/2", "ERROR: x"}, "2": {"GET /a/3", "GET /a/4", "GET /a/5"}}, Redact: func() *redact.Redactor { return nil }}
	got, err := r.Read(t.Context(), Query{Service: "Backend", Lines: 4})
	if err != nil {
		t.Fatal(err)
	}
	if want := "1| GET /a/2,1| ERROR: x,2| GET /a/4,2| GET /a/5"; strings.Join(got.Lines, ",") != want || got.Errors != 1 || len(got.Groups) != 2 || got.Groups[1].Count != 3 {
		t.Errorf("lines %q, %d errors, groups %+v; want %s", got.Lines, got.Errors, got.Groups, want)
	}
}

func TestALogNeverAnswersMoreThanItMay(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 12000 {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	r := reader(lines...)
	for _, q := range []struct {
		Query
		want int
	}{
		{Query{}, DefaultLines},
		{Query{Lines: 7}, 7},
		{Query{Lines: 1 << 30}, MaxLines},
		{Query{Since: time.Unix(1, 0)}, MaxLines},
		{Query{Match: "line", Lines: 60}, 60},
	} {
		q.Service = "backend"
		got, err := r.Read(t.Context(), q.Query)
		if err != nil || len(got.Lines) != q.want || got.Lines[q.want-1] != "line 11999" || !got.Cut {
			t.Errorf("%+v gives %d lines (cut %v, %v), want %d", q.Query, len(got.Lines), got.Cut, err, q.want)
		}
	}
	got, err := reader(strings.Repeat("中", 5000)).Read(t.Context(), Query{Service: "backend"})
	if err != nil || len(got.Lines[0]) > maxLine+3 || !strings.HasSuffix(got.Lines[0], "中…") {
		t.Errorf("a long line: %d bytes, %v", len(got.Lines[0]), err)
	}
}

func FuzzLinesOfStrangersAreOnlyCounted(f *testing.F) {
	f.Add(`10.0.0.7 - - [10/Jan/2026:12:00:00 +0000] "GET /notes/12 HTTP/1.1" 500 152`)
	f.Add("LOG:  duration: 1200.500 ms  statement: SELECT 'it''s'")
	f.Add("\x00\xff level=error ::1 中")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		n := 0
		for _, g := range Groups(lines) {
			n += g.Count
		}
		if n > len(lines) {
			t.Fatalf("%d lines counted of %d", n, len(lines))
		}
		Answers(lines)
		SlowStatements(lines)
		for _, l := range lines {
			IsError(l)
		}
	})
}

func BenchmarkReadSearchesTenThousandLines(b *testing.B) {
	var lines []string
	for i := range searched {
		lines = append(lines, fmt.Sprintf(`10.0.0.%d - - [10/Jan/2026:12:00:00 +0000] "GET /notes/%d?page=2 HTTP/1.1" 200 152 "-" "Mozilla/5.0 (X11; Linux x86_64)"`, i%250, i))
	}
	r := reader(lines...)
	for b.Loop() {
		if _, err := r.Read(b.Context(), Query{Service: "backend", Match: "notes/77"}); err != nil {
			b.Fatal(err)
		}
	}
}
