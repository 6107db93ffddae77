package cleanup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// put writes files below dir, last changed so long ago.
func put(t *testing.T, dir string, ago time.Duration, names ...string) {
	t.Helper()
	for _, name := range names {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte("some lines of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-ago)
		if err := os.Chtimes(full, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func exists(t *testing.T, want bool, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s: there is %t, want %t", name, err == nil, want)
		}
	}
}

func link(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Fatal(err)
	}
}

const (
	month = 31 * day
	nine  = 9 * day
)

func onDisk(t *testing.T) (Config, string) {
	t.Helper()
	dir := t.TempDir()
	cfg := Config{Project: "shop", Dir: filepath.Join(dir, "app"), Temp: filepath.Join(dir, "tmp"), LargeBelow: []string{dir}}
	for _, d := range []string{cfg.Dir, cfg.Temp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return cfg, dir
}

func TestOldLogsGoAndNothingElse(t *testing.T) {
	t.Parallel()
	cfg, dir := onDisk(t)
	put(t, cfg.Dir, month, "logs/nginx/access.log.3", "logs/backend/app.log-20260101.gz", "logs/backend/held.log", "logs/backend/notes.txt",
		"logs/backend/catalog", "data/old.log")
	put(t, cfg.Dir, day, "logs/nginx/access.log")
	put(t, dir, month, "elsewhere/other.log")
	link(t, filepath.Join(dir, "elsewhere"), filepath.Join(cfg.Dir, "logs/away"))
	link(t, filepath.Join(dir, "elsewhere/other.log"), filepath.Join(cfg.Dir, "logs/away.log"))
	held, err := os.Open(filepath.Join(cfg.Dir, "logs/backend/held.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	s := newStory(t, New(cfg, idle{}, nobody()))
	op := s.ask()
	want := []string{"backend/app.log-20260101.gz", "nginx/access.log.3"}
	if got := items(t, op, stepLogs); !slices.Equal(got, want) {
		t.Fatalf("the plan lists %v, want %v", got, want)
	}
	s.run(t.Context())
	exists(t, true, cfg.Dir, "logs/nginx/access.log.3") // nobody approved it yet
	s.approve(op)
	s.run(t.Context())
	op = s.want(op, ops.Done)
	exists(t, false, cfg.Dir, "logs/nginx/access.log.3", "logs/backend/app.log-20260101.gz")
	exists(t, true, cfg.Dir, "logs/nginx/access.log", "logs/backend/held.log", "logs/backend/notes.txt", "logs/backend/catalog", "data/old.log", "logs/away.log")
	exists(t, true, dir, "elsewhere/other.log")
	if r := removed(t, op, stepLogs); r.Count != 2 || r.Freed == 0 || r.Kept+r.Gone+r.Failed != 0 {
		t.Errorf("it says %+v", r)
	}
}

func TestWhatIsApprovedNeverGrowsAndWhatChangedStays(t *testing.T) {
	t.Parallel()
	cfg, dir := onDisk(t)
	put(t, cfg.Dir, month, "logs/a/gone.log", "logs/a/goes.log", "logs/a/written.log", "logs/a/replaced.log", "logs/swapped/x.log", "logs/inner/x.log")
	put(t, dir, month, "elsewhere/x.log")
	s := newStory(t, New(cfg, idle{}, nobody()))
	op := s.ask()
	logs := filepath.Join(cfg.Dir, "logs")
	put(t, logs, month, "a/later.log")
	put(t, logs, 2*month, "a/written.log")
	if err := errors.Join(os.Remove(filepath.Join(logs, "a/gone.log")), os.Remove(filepath.Join(logs, "a/replaced.log")),
		os.Rename(filepath.Join(logs, "swapped"), filepath.Join(logs, "moved")), os.Rename(filepath.Join(logs, "inner"), filepath.Join(logs, "inner2"))); err != nil {
		t.Fatal(err)
	}
	put(t, logs, month, "a/replaced.log")
	link(t, filepath.Join(dir, "elsewhere"), filepath.Join(logs, "swapped")) // out of the folder
	put(t, logs, month, "other/x.log")
	link(t, "other", filepath.Join(logs, "inner")) // elsewhere in the folder
	s.approve(op)
	s.run(t.Context())
	op = s.want(op, ops.Done)
	exists(t, false, logs, "a/goes.log", "a/gone.log")
	exists(t, true, logs, "a/later.log", "a/written.log", "a/replaced.log", "moved/x.log", "inner2/x.log", "other/x.log", "swapped", "inner")
	exists(t, true, dir, "elsewhere/x.log")
	r := removed(t, op, stepLogs)
	if r.Count != 1 || r.Gone != 1 || r.Kept != 4 || r.Failed != 0 || len(r.Why) != 4 {
		t.Errorf("%s: %+v", op.State, r)
	}
}

func TestAFolderThatWasExchangedIsNotCleaned(t *testing.T) {
	t.Parallel()
	cfg, dir := onDisk(t)
	put(t, cfg.Dir, month, "logs/a.log")
	put(t, dir, month, "elsewhere/a.log")
	s := newStory(t, New(cfg, idle{}, nobody()))
	op := s.ask()
	logs := filepath.Join(cfg.Dir, "logs")
	if err := os.Rename(logs, logs+"2"); err != nil {
		t.Fatal(err)
	}
	link(t, filepath.Join(dir, "elsewhere"), logs)
	s.approve(op)
	s.run(t.Context())
	if op = s.want(op, ops.Failed); !op.Outcome.Unchanged {
		t.Errorf("outcome: %+v", op.Outcome)
	}
	exists(t, true, dir, "elsewhere/a.log")
	exists(t, true, logs+"2", "a.log")
}

func TestLogsThatAreALinkAreCleanedAndThePlanSaysWhere(t *testing.T) {
	t.Parallel()
	cfg, dir := onDisk(t)
	put(t, dir, month, "larger-disk/a.log")
	link(t, filepath.Join(dir, "larger-disk"), filepath.Join(cfg.Dir, "logs")) // the guide's way out of a full disk
	s := newStory(t, New(cfg, idle{}, nobody()))
	op := s.ask()
	if want := "cleanup_logs_link: " + filepath.Join(dir, "larger-disk"); !slices.Contains(op.Plan.Notes, want) {
		t.Errorf("notes: %q", op.Plan.Notes)
	}
	s.approve(op)
	s.run(t.Context())
	s.want(op, ops.Done)
	exists(t, false, dir, "larger-disk/a.log")
}

func TestTemporaryFilesOfTheApplicationGoAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	cfg, dir := onDisk(t)
	put(t, cfg.Temp, 0, "shop-upload/a/b", "shop-upload/c", "dump.shop.sql", "workshop", "systemd-private-1-shop.service-x/tmp/f", "else", "shop-busy/held", "shop-busy/idle")
	put(t, dir, 0, "elsewhere/precious")
	link(t, filepath.Join(dir, "elsewhere"), filepath.Join(cfg.Temp, "shop-upload/link"))
	link(t, filepath.Join(dir, "elsewhere"), filepath.Join(cfg.Temp, "shop-link"))
	held, err := os.Open(filepath.Join(cfg.Temp, "shop-busy/held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	k := New(cfg, idle{}, nobody())
	if _, err := k.Plan(t.Context(), ops.Request{}); problem(err) != "cleanup_nothing" {
		t.Fatalf("what is new is listed: %v", err)
	}
	cfg.Now = func() time.Time { return time.Now().Add(nine) }
	s := newStory(t, New(cfg, idle{}, nobody()))
	op := s.ask()
	want := []string{"dump.shop.sql", "shop-link", "shop-upload", "shop-upload/a", "shop-upload/a/b", "shop-upload/c", "shop-upload/link"}
	if got := items(t, op, stepTemp); !slices.Equal(got, want) {
		t.Fatalf("the plan lists %v, want %v", got, want)
	}
	s.approve(op)
	s.run(t.Context())
	s.want(op, ops.Done)
	exists(t, false, cfg.Temp, "shop-upload", "shop-link", "dump.shop.sql")
	exists(t, true, cfg.Temp, "workshop", "else", "shop-busy/held", "shop-busy/idle", "systemd-private-1-shop.service-x/tmp/f")
	exists(t, true, dir, "elsewhere/precious")
}

func TestAFolderIntoWhichSomebodyWroteStaysWithIt(t *testing.T) {
	t.Parallel()
	cfg, _ := onDisk(t)
	put(t, cfg.Temp, 0, "shop-upload/old")
	cfg.Now = func() time.Time { return time.Now().Add(nine) }
	s := newStory(t, New(cfg, idle{}, nobody()))
	op := s.ask()
	put(t, cfg.Temp, 0, "shop-upload/new")
	s.approve(op)
	s.run(t.Context())
	op = s.want(op, ops.Done)
	exists(t, true, cfg.Temp, "shop-upload/new")
	exists(t, false, cfg.Temp, "shop-upload/old")
	if r := removed(t, op, stepTemp); r.Count != 1 || r.Kept != 1 {
		t.Errorf("it says %+v", r)
	}
}

func problem(err error) string {
	if p, ok := errors.AsType[*ops.Problem](err); ok {
		return p.Code
	}
	return ""
}

func TestLargeFilesAreNamedAndStay(t *testing.T) {
	t.Parallel()
	cfg, _ := onDisk(t)
	put(t, cfg.Dir, 0, "uploads/film.mp4", "uploads/small")
	if err := os.Truncate(filepath.Join(cfg.Dir, "uploads/film.mp4"), 200*megabyte); err != nil {
		t.Fatal(err)
	}
	_, err := New(cfg, idle{}, nobody()).Plan(t.Context(), ops.Request{})
	p, ok := errors.AsType[*ops.Problem](err)
	if !ok || p.Code != "cleanup_nothing" || !slices.Equal(p.Names, []string{filepath.Join(cfg.Dir, "uploads/film.mp4")}) {
		t.Fatalf("it says %v %+v", err, p)
	}
}

// deadly kills the process in the middle of a step.
type deadly struct {
	*Kind
	kill func(n int)
	seen int
}

func (d *deadly) Step(name string) (ops.Doer, bool) {
	doer, ok := d.Kind.Step(name)
	if st, is := doer.(step); is {
		open := st.open
		st.open = func(ctx context.Context, l List) (remover, error) {
			r, err := open(ctx, l)
			return &deadlyRemover{r, d}, err
		}
		doer = st
	}
	return doer, ok
}

type deadlyRemover struct {
	remover
	d *deadly
}

func (r *deadlyRemover) remove(ctx context.Context, i Item) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err() // the process is dead
	}
	ok, err := r.remover.remove(ctx, i)
	r.d.seen++
	r.d.kill(r.d.seen)
	return ok, err
}

func TestKilledAnywhereItGoesOnAndTakesNothingThatWasNotApproved(t *testing.T) {
	t.Parallel()
	for at := 1; at <= 5; at++ {
		cfg, _ := onDisk(t)
		put(t, cfg.Dir, month, "logs/1.log", "logs/2.log", "logs/3.log", "logs/4.log", "logs/5.log")
		k := &deadly{Kind: New(cfg, idle{}, nobody())}
		s := newStory(t, k)
		ctx, cancel := context.WithCancel(t.Context())
		k.kill = func(n int) {
			if n == at {
				s.store.dead.Store(true)
				cancel()
			}
		}
		op := s.approve(s.ask())
		s.run(ctx)
		put(t, cfg.Dir, month, "logs/later.log", "logs/1.log")
		s.now = s.now.Add(time.Minute)
		s.begin()
		s.run(t.Context())
		s.want(op, ops.Done)
		exists(t, false, cfg.Dir, "logs/2.log", "logs/3.log", "logs/4.log", "logs/5.log")
		exists(t, true, cfg.Dir, "logs/later.log", "logs/1.log")
	}
}

// cellar holds backup sets that are too old.
type cellar struct{ old []OldSet }

func (c *cellar) Expired(context.Context) ([]OldSet, error) { return slices.Clone(c.old), nil }

func (c *cellar) Forget(_ context.Context, id string) (bool, error) {
	before := len(c.old)
	c.old = slices.DeleteFunc(c.old, func(s OldSet) bool { return s.ID == id })
	return len(c.old) < before, nil
}

func TestOldBackupsGoInTheOrderThatRetentionGivesAndOnlyWhileItDoes(t *testing.T) {
	t.Parallel()
	cfg, _ := onDisk(t)
	k := New(cfg, idle{}, nobody())
	c := &cellar{old: []OldSet{{ID: "2", Size: 10}, {ID: "1", Size: 30}, {ID: "3", Size: 5}}}
	k.Backups = c
	s := newStory(t, k)
	op := s.ask()
	c.old = append(c.old[:2:2], OldSet{ID: "4"}) // 3 is needed again, 4 is new
	s.approve(op)
	s.run(t.Context())
	op = s.want(op, ops.Done)
	if r := removed(t, op, stepBackups); r.Count != 2 || r.Freed != 40 || r.Gone != 1 {
		t.Errorf("it says %+v", r)
	}
	if len(c.old) != 1 || c.old[0].ID != "4" {
		t.Errorf("left to retention: %+v", c.old)
	}
}
