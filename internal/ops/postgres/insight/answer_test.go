package insight

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// answers is a database that says always the same.
type answers string

func (a answers) Ask(context.Context, string) (string, error) { return string(a), nil }

// silent is a database that takes a question and never answers.
type silent struct{}

func (silent) Ask(ctx context.Context, _ string) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestADatabaseThatHangsIsOneTroubleAfterTheDeadlineOfItsParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := New(Config{Database: silent{}}).Overview(t.Context())
		trouble, ok := errors.AsType[*Trouble](err)
		if !ok || trouble.Code != "slow" || trouble.After != shortWithin || trouble.Text != "" {
			t.Errorf("the trouble is %v", err)
		}
		if took := time.Since(begin); took >= 8*time.Second {
			t.Errorf("it took %s: a command waits eight seconds", took)
		}
	})
}

func TestWhoGivesUpWaitingIsNoTroubleOfTheDatabase(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := New(Config{Database: silent{}}).Locks(ctx)
	if _, ok := errors.AsType[*Trouble](err); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func FuzzWhateverComesAsAnAnswerIsReadOrRefused(f *testing.F) {
	f.Add(`{"states":{"active":3},"limit":100,"oldest":{"pid":1,"user":"\u0000\u202e","text":"select 'x"}}`)
	f.Add(`{"sessions":[{"pid":1,"by":[2,2,1]},{"pid":2,"by":[1],"waited":1e300},{"pid":0,"user":null}],"prepared":["x"]}`)
	f.Add(`{"schema":"a\"b","columns":["queryid","query","dbid","calls","rows","total_time"],"readable":true,"preload":true,"statements":[{"total":-1,"calls":0}],"total":0}`)
	f.Add(`{"frozen":{"age":-9223372036854775808},"tables":[{"name":"x","vacuumed":1e308}],"reset":-5}`)
	f.Add(`{"invalid":[{"name":"i_ccnew12"}],"duplicates":[{"keep":"a","all":[{"name":"a"},{"name":"b","constrains":true}]}],"scanned":[{"scans":0}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		d := New(Config{Database: answers(s)})
		plain := func(what ...string) {
			for _, text := range what {
				if !utf8.ValidString(text) || utf8.RuneCountInString(text) > longestStatement || strings.ContainsAny(text, "\n\x00\x1b") {
					t.Fatalf("%q lets %q through", s, text)
				}
			}
		}
		if l, err := d.Locks(t.Context()); err == nil {
			var walk func(hs []*Holder, depth int)
			walk = func(hs []*Holder, depth int) {
				if depth > 10000 {
					t.Fatal("the tree has no end")
				}
				for _, h := range hs {
					plain(append(h.Prepared, h.Text, h.User, h.App)...)
					walk(h.Behind, depth+1)
				}
			}
			walk(l.Roots, 0)
		}
		if c, err := d.Connections(t.Context()); err == nil && c.Oldest != nil {
			plain(c.Oldest.Text, c.Oldest.User)
		}
		if x, err := d.Slow(t.Context()); err == nil {
			for _, st := range x.Statements {
				plain(st.Text)
				_, _ = st.Mean(), st.RowsPerCall()
			}
		}
		if x, err := d.Size(t.Context()); err == nil {
			plain(x.Database, x.Frozen.OldestName)
		}
		if x, err := d.Indexes(t.Context()); err == nil {
			for _, i := range x.Invalid {
				plain(i.Name, i.Table)
			}
			for _, i := range x.Scanned {
				_ = i.RowsPerScan()
			}
		}
		_, _ = d.Overview(t.Context())
	})
}
