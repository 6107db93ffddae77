package restore

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// meddled is a kind at whose application somebody else works right before one of the steps.
type meddled struct {
	ops.Kind
	before string
	do     func(op *ops.Operation)
}

func (m *meddled) Step(name string) (ops.Doer, bool) {
	d, ok := m.Kind.Step(name)
	return meddledStep{d, m}, ok
}

type meddledStep struct {
	ops.Doer
	m *meddled
}

// Do begins after the step before was committed and before the target is looked at for the next one: that is why the meddling hangs on
// the end of a step.
func (s meddledStep) Do(ctx context.Context, r *ops.Run) error {
	err := s.Doer.Do(ctx, r)
	for i, st := range r.Operation.Steps {
		if st.Name == r.Step.Name && i+1 < len(r.Operation.Steps) && r.Operation.Steps[i+1].Name == s.m.before && s.m.do != nil {
			do := s.m.do
			s.m.do = nil
			do(&r.Operation)
		}
	}
	return err
}

// Between the look at the application and the exchange may lie hours of filling. What somebody does meanwhile must not be lost, and the
// old data must not come under another version of the application.
func TestWhatSomebodyElseDoesMeanwhileStopsTheExchange(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	realparts.ApplicationImages(t, s.app.Host, "v2")
	m := &meddled{Kind: s.kind}
	s.open(m)
	set := s.take()
	s.damage()
	changed := func(op *ops.Operation) string {
		var out []string
		for _, d := range op.Changed {
			out = append(out, d.What+" "+d.Name)
		}
		return strings.Join(out, ", ")
	}
	env := s.text(".env")
	for _, c := range []struct {
		what, before, args, want string
		do                       func(op *ops.Operation)
		back                     func(op *ops.Operation)
	}{
		{
			"the compose file is edited", stepSwap, "", "compose ",
			func(*ops.Operation) {
				s.put("docker-compose.yml", strings.Replace(s.text("docker-compose.yml"), "mem_limit: 128m", "mem_limit: 129m", 1))
			},
			func(*ops.Operation) {
				s.put("docker-compose.yml", strings.Replace(s.text("docker-compose.yml"), "mem_limit: 129m", "mem_limit: 128m", 1))
			},
		},
		{
			"another version is brought up by hand", stepSwap, "", "image backend, compose ",
			func(*ops.Operation) {
				s.put(".env", env+"BACKEND_VERSION=v2\n")
				s.app.Compose(t, "up", "-d", "--no-deps", "backend")
			},
			func(*ops.Operation) {
				s.put(".env", env)
				s.app.Compose(t, "up", "-d", "--no-deps", "backend")
			},
		},
		{
			"somebody restores by hand", stepSwap, "database", "database ai_notebook",
			func(*ops.Operation) {
				s.sqlIn("postgres", "alter database ai_notebook allow_connections false",
					"select pg_terminate_backend(pid) from pg_stat_activity where datname = 'ai_notebook'",
					"alter database ai_notebook rename to mine", "create database ai_notebook")
			},
			func(*ops.Operation) {
				s.sqlIn("postgres", "drop database ai_notebook with (force)", "alter database mine rename to ai_notebook",
					"alter database ai_notebook allow_connections true")
			},
		},
		{
			"another database comes under the new name", stepSwap, "database", "database ai_notebook_new_%s",
			func(op *ops.Operation) {
				s.sqlIn("postgres", "drop database "+s.fresh(op)+" with (force)", "create database "+s.fresh(op))
			},
			func(op *ops.Operation) { s.sqlIn("postgres", "drop database "+s.fresh(op)) }, // it is not ours: nobody else may drop it
		},
		{
			".env is written to", "exchange:secrets", "secrets", "file .env",
			func(*ops.Operation) { s.put(".env", env+"SOMEBODY=else\n") },
			func(*ops.Operation) {
				s.has(".env", env+"SOMEBODY=else\n")
				s.put(".env", env)
			},
		},
		{
			"what was taken out is removed", "exchange:files", "files", "",
			func(op *ops.Operation) {
				if err := os.RemoveAll(besideFolder(s.kind.folder(op.Key()), partFiles)); err != nil {
					t.Error(err)
				}
			},
			func(*ops.Operation) {},
		},
	} {
		if soaks := os.Getenv("NOTEBOOKBOT_KILLS") != ""; !soaks && (c.want == "compose " || c.want == "") {
			continue // make soak does those too, which are found in the same way as others here
		}
		m.before, m.do = c.before, c.do
		op := s.want(s.do(append([]string{set.ID}, strings.Fields(c.args)...)...), ops.Undone)
		if m.do != nil {
			t.Errorf("%s: it never came to that", c.what)
		}
		want := c.want
		if strings.Contains(want, "%s") {
			want = fmt.Sprintf(want, strings.TrimPrefix(s.fresh(op), "ai_notebook_new_"))
		}
		if got := changed(op); got != want {
			t.Errorf("%s: changed is %q, want %q: %s", c.what, got, want, op.Outcome.Reason)
		}
		c.back(op)
		s.damaged()
		if got := s.databases(); got != "ai_notebook" {
			t.Errorf("%s: there are %s", c.what, got)
		}
		s.clean()
		if t.Failed() {
			t.FailNow()
		}
	}
	// A container that was made anew of the same image, and a live database that is gone, cost nothing: nobody's data is lost by going on.
	m.before, m.do = stepSwap, func(*ops.Operation) {
		s.app.Compose(t, "up", "-d", "--no-deps", "--force-recreate", "postgres")
		until(t, "the database answers", func() bool { return s.db.Ready(t.Context()) == nil })
		s.drop()
	}
	s.want(s.do(set.ID), ops.Done)
	s.whole()
	s.retention(m, set.ID)
}

// retention: a set that is given up is not removed while a restore reads it.
func (s *story) retention(m *meddled, set string) {
	s.Helper()
	s.open(m, s.sets.Operation())
	for range 3 {
		s.take()
	}
	var waiting *ops.Operation
	carry := func() {
		s.Helper()
		r := ops.NewRunner(s.svc, ops.RunnerConfig{Owner: time.Now().String(), Retry: 10 * time.Millisecond})
		if _, err := r.Once(s.Context()); err != nil {
			s.Error(err)
		}
		var err error
		if waiting, err = s.svc.Find(s.Context(), waiting.Number); err != nil {
			s.Error(err)
		}
	}
	m.before, m.do = stepVerify, func(op *ops.Operation) {
		s.later.Store(int64(2 * time.Hour))
		if old, err := s.sets.Old(s.Context()); err != nil || !slices.ContainsFunc(old, func(o *backup.Set) bool { return o.ID == set }) {
			s.Errorf("the set is not given up: %v, %v", old, err)
		}
		d, err := s.svc.Ask(s.Context(), ops.Request{Word: "backup", Args: []string{"full"}, By: ann})
		if err == nil {
			waiting, _, err = s.svc.Do(s.Context(), d)
		}
		if err != nil {
			s.Error(err)
			return
		}
		if carry(); waiting.State != ops.Approved || waiting.WaitsFor != op.Number {
			s.Errorf("a backup is %s and waits for %d while %s reads a set", waiting.State, waiting.WaitsFor, op.Key())
		}
	}
	s.want(s.do(set, "database"), ops.Done)
	if _, err := s.sets.Find(set); err != nil || waiting == nil {
		s.Fatalf("the set that was restored: %v", err)
	}
	carry()
	s.want(waiting, ops.Done)
	if _, err := s.sets.Find(set); problem(err) != "backup_unknown" {
		s.Errorf("retention left it: %v", err)
	}
}

// fresh is the database that an operation fills.
func (s *story) fresh(op *ops.Operation) string {
	s.Helper()
	name, err := s.db.Made("new", op.Key())
	if err != nil {
		s.Fatal(err)
	}
	return name
}
