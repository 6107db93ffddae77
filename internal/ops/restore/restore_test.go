package restore

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestASetComesBackAndCanBeTakenBack(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	set := s.take()
	s.damage()
	op := s.want(s.do(set.ID), ops.Done)
	s.whole()
	if got, want := s.databases(), "ai_notebook ai_notebook_before_op1"; got != want {
		t.Errorf("there are %s, want %s", got, want)
	}
	if got := led(op); got != "restored restore_counted restore_swapped restore_back" || op.Outcome.Facts[3].Name != "OP-1" || op.Outcome.Facts[2].Took <= 0 {
		t.Errorf("it says %s: %+v", got, op.Outcome.Facts)
	}
	var d Details
	if err := json.Unmarshal(op.Plan.Details, &d); err != nil || d.Set != set.ID || d.Rows < 3000 || d.Proven.IsZero() || len(d.Parts) != 2 || len(d.Paths) != 1 {
		t.Errorf("the plan says %+v, %v", d, err)
	}
	if b := op.Plan.Backup; b.Choice != ops.BackupSet {
		t.Errorf("the backup before it is %+v", b)
	}
	if !strings.Contains(strings.Join(op.Plan.Notes, " "), "restore_compose_stays: docker-compose.yml") {
		t.Errorf("the plan notes %v", op.Plan.Notes)
	}
	kept, err := s.kind.Kept(t.Context())
	if err != nil || len(kept) != 1 || kept[0].Operation != 1 || kept[0].Database == "" || len(kept[0].Parts) != 1 {
		t.Errorf("kept is %+v, %v", kept, err)
	}
	if got := led(s.want(s.do("undo", "OP-1"), ops.Done)); got != "restored_undone restore_swapped restore_back" {
		t.Errorf("the way back says %s", got)
	}
	s.damaged()
	s.want(s.do("undo", "OP-2"), ops.Done)
	s.whole()
	if _, err := s.ask("undo", "OP-1"); problem(err) != "restore_nothing_kept" {
		t.Errorf("what is not kept is put back: %v", err)
	}
	if gone, err := s.kind.Expire(t.Context()); err != nil || len(gone) > 0 {
		t.Errorf("dropped at once: %v, %v", gone, err)
	}
	s.kind.Now = func() time.Time { return time.Now().Add(KeptFor + expireAfter) }
	if _, err := s.ask("undo", "OP-3"); problem(err) != "restore_nothing_kept" {
		t.Errorf("what may be dropped at any moment is put back: %v", err)
	}
	open := true
	keeper := &Keeper{Kind: s.kind, Log: slog.New(slog.DiscardHandler), Open: func(context.Context) (bool, error) { return open, nil }}
	for _, want := range []string{"ai_notebook ai_notebook_before_op3", "ai_notebook"} {
		if err := keeper.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.databases(); got != want {
			t.Errorf("a restore is open (%v), and there are %s, want %s", open, got, want)
		}
		open = false
	}
	if got := s.databases(); got != "ai_notebook" {
		t.Errorf("there are %s", got)
	}
	s.clean()
	s.whole()
	s.lostDisk(set)
}

// lostDisk loses the disk of the backups and restores a set that lies in the second place alone.
func (s *story) lostDisk(set *backup.Set) {
	s.Helper()
	server := realparts.StartS3(s, "backups")
	remote, err := backup.OpenRemote(backup.RemoteConfig{Endpoint: server.URL, Bucket: "backups", AccessKey: server.AccessKey, SecretKey: server.SecretKey})
	if err != nil {
		s.Fatal(err)
	}
	sets := s.openSets(remote)
	if _, err := sets.Send(s.Context(), set.ID, nil); err != nil {
		s.Fatal(err)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		s.Fatal(err)
	}
	s.kind.Sets = sets
	s.damage()
	op := s.want(s.do(set.ID), ops.Done)
	s.whole()
	var d Details
	if err := json.Unmarshal(op.Plan.Details, &d); err != nil || d.Fetch == nil || d.Fetch.Sets != 1 || d.Fetch.Bytes == 0 || !d.Proven.IsZero() {
		s.Errorf("the plan says %+v, %v", d, err)
	}
	if first := op.Plan.Steps[0].Name; first != "fetch:"+set.ID || !slices.Contains(op.Plan.Notes, "restore_far") {
		s.Errorf("it begins with %s and notes %v", first, op.Plan.Notes)
	}
	// A copy that somebody bends between the plan and the start touches nothing.
	if err := os.RemoveAll(filepath.Join(s.dir, set.ID)); err != nil {
		s.Fatal(err)
	}
	at := server.Object("backups", set.ID+"/database.dump.zst")
	b, err := os.ReadFile(at)
	if err != nil {
		s.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(at, b, 0o600); err != nil {
		s.Fatal(err)
	}
	if op := s.want(s.do(set.ID, "database"), ops.Failed); !op.Outcome.Unchanged || !strings.Contains(op.Outcome.Reason.String(), "sha256") {
		s.Errorf("a bent copy: %+v", op.Outcome)
	}
	s.whole()
}

// clean checks that no folder of an operation is left.
func (s *story) clean() {
	s.Helper()
	if left, _ := filepath.Glob(s.path(folderPrefix + "*")); len(left) > 0 {
		s.Errorf("left is %v", left)
	}
}

func problem(err error) string {
	p, ok := errors.AsType[*ops.Problem](err)
	if !ok {
		return ""
	}
	return p.Code
}

func TestASetThatIsNotWholeTouchesNothing(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	set := s.take()
	s.damage()
	name := filepath.Join(s.dir, set.ID, "database.dump.zst")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, bent := range map[string][]byte{
		"cut":       b[:len(b)/2],
		"bent":      append(append(append([]byte{}, b[:len(b)/2]...), b[len(b)/2]^1), b[len(b)/2+1:]...),
		"cut a bit": b[:len(b)-1],
	} {
		if err := os.WriteFile(name, bent, 0o600); err != nil {
			t.Fatal(err)
		}
		op := s.do(set.ID)
		if op.State != ops.Undone && (op.State != ops.Failed || !op.Outcome.Unchanged) {
			t.Errorf("%s: it is %s: %+v", what, op.State, op.Outcome)
		}
		s.damaged()
		if got := s.databases(); got != "ai_notebook" {
			t.Errorf("%s: there are %s", what, got)
		}
		s.clean()
	}
	// A set whose rows are not those that were counted.
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s.kind.Sets = miscounted{s.sets}
	op := s.want(s.do(set.ID, "database"), ops.Undone)
	if !strings.Contains(op.Outcome.Reason.String(), "public.ledger has 3000 rows instead of 2999") {
		t.Errorf("it says %q", op.Outcome.Reason)
	}
	s.damaged()
	for args, code := range map[string]string{
		"": "restore_which", "x": "backup_id", "20260101T000000Z": "backup_unknown", set.ID + " everything": "restore_part", "undo": "restore_undo_which",
		"undo OP-77": "restore_nothing_kept", "../../etc": "backup_id", set.ID + " database now": "restore_which",
	} {
		if _, err := s.ask(strings.Fields(args)...); problem(err) != code {
			t.Errorf("restore %s: %v, want %s", args, err, code)
		}
	}
}

// miscounted are sets that claim a row less.
type miscounted struct{ *backup.Sets }

func (m miscounted) Find(id string) (*backup.Set, error) {
	set, err := m.Sets.Find(id)
	if err == nil {
		rows := postgres.Counts{}
		for name, n := range set.Database.Rows {
			rows[name] = n
			if name == "public.ledger" {
				rows[name]--
			}
		}
		set.Database.Rows = rows
	}
	return set, err
}

// cutting are sets whose reader dies half-way.
type cutting struct {
	*backup.Sets
	at *death
}

func (c cutting) OpenPart(id, part string) (io.ReadCloser, backup.Part, error) {
	in, p, err := c.Sets.OpenPart(id, part)
	if err != nil || part != backup.PartDatabase {
		return in, p, err
	}
	return &cut{in, c.at, 0, p.Raw / 2}, p, err
}

type cut struct {
	io.ReadCloser
	at   *death
	n    int64
	most int64
}

func (c *cut) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b[:min(len(b), 4096)])
	if c.n += int64(n); c.n > c.most && c.at.dies("amid fill") {
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// The process dies around each step, forth and back. What follows is always the whole restore, or nothing of it.
func TestADeathAtAnyStepCostsADelayOnly(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	set := s.take()
	s.kind.Sets = cutting{s.sets, s.at}
	whole := os.Getenv("NOTEBOOKBOT_KILLS") != "" // make soak
	steps := []string{stepSet, stepFill, stepVerify, "unpack:files", stepSwap, "exchange:files"}
	points := []string{"amid fill"}
	for _, step := range steps {
		points = append(points, "after do "+step)
	}
	points = append(points, "before do "+stepSwap, "before do exchange:files")
	for _, point := range points {
		s.damage()
		s.at.point, s.at.died = point, false
		op := s.do(set.ID)
		if !s.at.died {
			t.Errorf("%s: it never came to that", point)
		}
		if s.want(op, ops.Done); t.Failed() {
			t.Fatalf("after a death %s", point)
		}
		s.whole()
		s.forget()
	}
	// The way back.
	s.at.fails = "url"
	points = nil
	for _, step := range []string{"exchange:files", stepSwap, "unpack:files", stepFill} {
		if points = append(points, "before undo "+step); whole {
			points = append(points, "after undo "+step)
		}
	}
	for _, point := range append([]string{"never"}, points...) {
		s.damage()
		s.at.point, s.at.died = point, false
		op := s.do(set.ID)
		if s.want(op, ops.Undone); !s.at.died && point != "never" || t.Failed() {
			t.Fatalf("after a death %s (%v)", point, s.at.died)
		}
		s.damaged()
		if got := s.databases(); got != "ai_notebook" {
			t.Errorf("there are %s", got)
		}
		s.clean()
	}
}

// forget drops what is kept, so that the next restore begins as the first.
func (s *story) forget() {
	s.Helper()
	s.kind.Now = func() time.Time { return time.Now().Add(KeptFor + time.Hour) }
	if _, err := s.kind.Expire(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.kind.Now = nil
}

func TestServicesThatSeeWhatWasReplacedSeeTheOther(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	before, err := os.ReadFile(s.path("nginx/nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	s.put(".env", s.text(".env")+"BACKEND_VERSION=v1\nOTHER=old\n")
	set := s.take()
	s.put("nginx/nginx.conf", string(before)+"# changed\n")
	s.put(".env", strings.Replace(s.text(".env"), "OTHER=old", "OTHER=new", 1)+"FRONTEND_VERSION=v1\n")
	started := s.started("nginx")
	op := s.want(s.do(set.ID, "config"), ops.Done)
	s.has("nginx/nginx.conf", string(before))
	if got := s.started("nginx"); !got.After(started) {
		t.Error("nginx still sees the other one")
	}
	if len(op.Plan.Services) != 1 || op.Plan.Services[0].Name != "nginx" {
		t.Errorf("the plan touches %+v", op.Plan.Services)
	}
	s.want(s.do("undo", op.Key()), ops.Done)
	s.has("nginx/nginx.conf", string(before)+"# changed\n")
	s.want(s.do(set.ID, "secrets"), ops.Done)
	if got := s.text(".env"); !strings.Contains(got, "OTHER=old") || !strings.Contains(got, "FRONTEND_VERSION=v1") || strings.Count(got, "BACKEND_VERSION=v1") != 1 {
		t.Errorf(".env is %q", got)
	}
}

func (s *story) text(name string) string {
	s.Helper()
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		s.Fatal(err)
	}
	return string(b)
}

func (s *story) started(service string) time.Time {
	s.Helper()
	containers, err := s.kind.Engine.Containers(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for _, c := range containers {
		if c.Service == service {
			return c.Started
		}
	}
	s.Fatalf("no %s", service)
	return time.Time{}
}

// led are the codes of what an operation has led to.
func led(op *ops.Operation) string {
	var out []string
	for _, f := range op.Outcome.Facts {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}
