package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)

// full has something in each field.
func full(i int) Entry {
	return Entry{
		At: noon.Add(time.Duration(i) * time.Second), Actor: "U01KIM", OSUser: "kim", Team: "T0OURS", Channel: "C0OPS",
		Thread: "1700000000.000100", Source: "action", Request: fmt.Sprintf("click:%d", i), Message: "1700000000.000200",
		Action: "incident.ack", Word: "incident.ack", Target: fmt.Sprintf("INC-%d", i), Revision: int64(i + 1), Digest: "abc",
		Verdict: Done, Rule: "low operators", Reason: "because", Detail: "磁盘满了 <!channel> & \"so\" \\ on",
	}
}

func logOf(n int) []Entry {
	var in []Entry
	for i := range n {
		in = append(in, full(i))
	}
	out, _ := Head{}.Chain(in...)
	return out
}

func each(es []Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range es {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// verifyExport is what somebody writes who has nothing but the package's documentation.
func verifyExport(t *testing.T, lines []string) error {
	t.Helper()
	before := strings.Repeat("0", 64)
	for i, line := range lines {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var object map[string]any
		if err := d.Decode(&object); err != nil {
			return err
		}
		text := "notebookbot audit 1\n"
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if name == "hash" {
				continue
			}
			value := fmt.Sprint(object[name])
			text += fmt.Sprintf("%s %d %s\n", name, len(value), value)
		}
		h := sha256.Sum256([]byte(text))
		switch {
		case fmt.Sprint(object["seq"]) != fmt.Sprint(i+1):
			return fmt.Errorf("line %d is entry %v", i+1, object["seq"])
		case object["prev"] != before:
			return fmt.Errorf("line %d does not continue", i+1)
		case object["hash"] != hex.EncodeToString(h[:]):
			return fmt.Errorf("line %d was changed", i+1)
		}
		before = hex.EncodeToString(h[:])
	}
	return nil
}

func TestAnExportIsVerifiedByWhatTheDocumentationSaysAlone(t *testing.T) {
	t.Parallel()
	es := logOf(20)
	bare, _ := Head{Seq: 20, Hash: es[19].Hash}.Chain(Entry{At: noon.Truncate(time.Second), Verdict: Refused})
	var lines []string
	for _, e := range append(es, bare...) {
		line, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := verifyExport(t, lines); err != nil {
		t.Error(err)
	}
	lines[7] = strings.Replace(lines[7], "U01KIM", "U02LEE", 1)
	if err := verifyExport(t, lines); err == nil {
		t.Error("a changed line is not found")
	}
}

func TestAHashIsTheSameForEver(t *testing.T) {
	t.Parallel()
	es := logOf(2)
	const want = "9ea831a549647fa71cb4f1de8e3a31ac693a890621e1a3e2d68a7810da724d84"
	if es[1].Hash != want {
		t.Errorf("hash = %s, want %s: logs that were written cannot be verified any more", es[1].Hash, want)
	}
}

func TestAnyChangeToAnyFieldOfAnyEntryIsFound(t *testing.T) {
	t.Parallel()
	const n = 4
	fields := reflect.TypeFor[Entry]()
	for i := range n {
		for f := range fields.NumField() {
			es := logOf(n)
			field := reflect.ValueOf(&es[i]).Elem().Field(f)
			name := fields.Field(f).Name
			changes := []func(){}
			switch v := field.Addr().Interface().(type) {
			case *int64:
				changes = append(changes, func() { *v++ }, func() { *v = 0 })
			case *time.Time:
				changes = append(changes, func() { *v = v.Add(time.Microsecond) })
			default:
				s := field.String()
				changes = append(changes, func() { field.SetString(s + "x") }, func() { field.SetString("") },
					func() { field.SetString(s[1:]) }, func() { field.SetString("f" + s[1:]) })
			}
			before := es[i]
			for _, change := range changes {
				change()
				if reflect.DeepEqual(before, es[i]) {
					continue
				}
				_, err := Verify(each(es))
				broken, ok := errors.AsType[*BrokenError](err)
				if !ok {
					t.Fatalf("entry %d, %s changed: %v", i+1, name, err)
				}
				if broken.Seq != int64(i+1) && name != "Seq" {
					t.Errorf("entry %d, %s changed: %v", i+1, name, err)
				}
				// Who also writes its hash anew breaks the next one, or the head that was told.
				if name != "Seq" && name != "Hash" {
					es[i].Hash = es[i].sum()
					if _, err := Verify(each(es), Head{n, logOf(n)[n-1].Hash}); err == nil {
						t.Errorf("entry %d, %s changed with its hash: not found", i+1, name)
					}
				}
				es[i] = before
			}
		}
	}
}

func TestWhatMovesBetweenFieldsIsFound(t *testing.T) {
	t.Parallel()
	a, b := full(0), full(0)
	a.Reason, a.Rule = "x", "y 1 z\nseq 1 2"
	b.Reason, b.Rule = "x\nrule 1 y", "z"
	if a.sum() == b.sum() {
		t.Error("two entries have one hash")
	}
}

func TestTheFirstEntryThatDoesNotFitIsNamed(t *testing.T) {
	t.Parallel()
	whole := logOf(5)
	head := Head{5, whole[4].Hash}
	anew := func(from int) []Entry {
		h := Head{}
		if from > 0 {
			h = Head{int64(from), whole[from-1].Hash}
		}
		e := whole[from]
		e.Actor = "U99EVIL"
		rest, _ := h.Chain(append([]Entry{e}, whole[from+1:]...)...)
		return append(slices.Clone(whole[:from]), rest...)
	}
	for name, c := range map[string]struct {
		log  []Entry
		seq  int64
		what Breach
	}{
		"one is missing":             {slices.Delete(slices.Clone(whole), 2, 3), 3, Missing},
		"the first is missing":       {whole[1:], 1, Missing},
		"the last is missing":        {whole[:4], 5, Missing},
		"all are missing":            {nil, 1, Missing},
		"two changed places":         {[]Entry{whole[0], whole[2], whole[1], whole[3], whole[4]}, 2, Missing},
		"one is there twice":         {[]Entry{whole[0], whole[1], whole[1], whole[2], whole[3], whole[4]}, 2, Reordered},
		"the rest was written anew":  {anew(2), 5, Rewritten},
		"all of it was written anew": {anew(0), 5, Rewritten},
		"two logs are put together":  {append(slices.Clone(anew(0)[:2]), whole[2:]...), 3, Unchained},
	} {
		_, err := Verify(each(c.log), head)
		broken, ok := errors.AsType[*BrokenError](err)
		if !ok || broken.Seq != c.seq || broken.What != c.what {
			t.Errorf("%s: %v, want %s at %d", name, err, c.what, c.seq)
		}
	}
	if h, err := Verify(each(whole), head, Head{2, whole[1].Hash}); err != nil || h != head {
		t.Errorf("the whole log: %+v, %v", h, err)
	}
	if h, err := Verify(each(nil)); err != nil || h != (Head{}) {
		t.Errorf("an empty log: %+v, %v", h, err)
	}
	own := errors.New("the disk")
	_, err := Verify(func(yield func(Entry, error) bool) { yield(Entry{}, own) })
	if !errors.Is(err, own) {
		t.Errorf("error = %v", err)
	}
}

func TestALineThatWasTouchedIsNotRead(t *testing.T) {
	t.Parallel()
	e := logOf(1)[0]
	line, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(1, line); err != nil || got != e {
		t.Errorf("decoded %+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "{}", "null", line + " ", strings.Replace(line, "{", `{"more":"x",`, 1), strings.Replace(line, `"seq":1`, `"seq":2`, 1),
		strings.Replace(line, "INC-0", "INC-\\u0030", 1), strings.Replace(line, `"detail"`, `"Detail"`, 1),
	} {
		if _, err := Decode(1, bad); err == nil {
			t.Errorf("read: %s", bad)
		}
	}
}

func TestWhatIsChainedStaysWithWhoGaveIt(t *testing.T) {
	t.Parallel()
	given := []Entry{{At: noon, Detail: "a\x00b"}}
	one, _ := Head{}.Chain(given...)
	two, _ := Head{}.Chain(given...)
	if given[0].Seq != 0 || given[0].Detail != "a\x00b" || one[0] != two[0] {
		t.Errorf("given %+v, chained %+v and %+v", given[0], one[0], two[0])
	}
}

func TestNothingHostileAndNoSecretIsKept(t *testing.T) {
	t.Parallel()
	secret := "hunter2hunter2"
	for _, s := range []string{
		"xoxb-12345678-" + secret, "xapp-1-A0-" + secret, "token: " + secret, "password=" + secret, `password is "` + secret + `"`,
		"login --db-password " + secret + " -v", "密码：" + secret, "密码是" + secret, "API_KEY=" + secret, `{"client_secret": "` + secret + `"}`,
		"postgres://bot:" + secret + "@db/x", "Authorization: Bearer " + secret, "ghp_" + secret + secret, "sk-" + secret + secret,
		"https://hooks.slack.com/services/T0/B0/" + secret, "eyJhbGciOi." + secret + ".x", "-----BEGIN RSA PRIVATE KEY-----\n" + secret + "\n",
		"AGE-SECRET-KEY-1" + secret, "PGPASSWORD='" + secret + "' psql",
	} {
		es, _ := Head{}.Chain(Entry{At: noon, Detail: "before " + s, Reason: s, Target: s})
		if line, err := es[0].Encode(); err != nil || strings.Contains(line, secret) {
			t.Errorf("%q is kept as %s (%v)", s, line, err)
		}
	}
	for _, s := range []string{"the token expired", "the password was wrong", "磁盘满了，密码没问题", "see https://ai-notebook.com/secret", "@kim restart backend"} {
		if got := Redact(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	for _, s := range []string{
		"a\x00b\x1b[31m\r\nc\u2028d", "\xff\xfe", "abc\u202edef\ufeff", strings.Repeat("长", 20000), strings.Repeat("\xf0", 40000), "  x  ",
	} {
		es, h := Head{}.Chain(Entry{At: noon, Actor: s, Request: s, Detail: s, Verdict: Verdict(s)})
		e := es[0]
		for _, got := range []string{e.Actor, e.Request, e.Detail, string(e.Verdict)} {
			if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\r\n\u2028\u202e\ufeff") || utf8.RuneCountInString(got) > detailRunes {
				t.Errorf("%.40q is kept as %.80q", s, got)
			}
		}
		line, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(1, line)
		if got, err2 := (Head{}).Next(back); err != nil || err2 != nil || got != h {
			t.Errorf("%.40q does not come back: %v %v", s, err, err2)
		}
	}
}

func FuzzWhatIsChainedComesBack(f *testing.F) {
	f.Add("kim", "password: x", "U+202E \u202e")
	f.Fuzz(func(t *testing.T, actor, detail, reason string) {
		es, h := Head{}.Chain(Entry{At: noon, Actor: actor, Detail: detail, Reason: reason})
		line, err := es[0].Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(1, line)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := (Head{}).Next(back); err != nil || got != h {
			t.Fatalf("%v", err)
		}
		if err := verifyExport(t, []string{line}); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkChain(b *testing.B) {
	e := full(1)
	h := Head{}
	for b.Loop() {
		_, h = h.Chain(e)
	}
}
