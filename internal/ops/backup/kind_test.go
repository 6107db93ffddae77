package backup

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestABackupIsAnOperation(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	b := s.newBot(newBotStore(t), "")
	op := b.ask("backup", "incremental")
	if !slices.Contains(op.Plan.Notes, "no_base") {
		t.Errorf("notes = %v", op.Plan.Notes)
	}
	b.carry()
	op = b.want(op, ops.Done)
	if f := op.Outcome.Facts; len(f) != 2 || f[0].Code != "backup_set" || f[0].To != "full" || f[0].Bytes == 0 || f[1].Code != "backup_proven" {
		t.Errorf("it says %+v", f)
	}
	var d Draft
	for _, st := range op.Steps {
		if st.State != ops.StepDone {
			t.Errorf("step %s is %s", st.Name, st.State)
		}
	}
	sets, err := s.sets.List()
	if err != nil || len(sets) != 1 || !sets[0].Proven() || sets[0].Kind != Full || sets[0].Operation != op.Number {
		t.Errorf("sets = %+v, %v, %+v", sets, err, d)
	}
	for _, args := range [][]string{{"everything"}, {"full", "now"}} {
		if _, err := b.svc.Ask(t.Context(), ops.Request{Word: "backup", Args: args, By: kim}); problem(err) != "backup_kind" {
			t.Errorf("%v: %v", args, err)
		}
	}
	s.away = true
	if _, err := b.svc.Ask(t.Context(), ops.Request{Word: "backup", By: kim}); problem(err) != "database_away" {
		t.Errorf("without a database: %v", err)
	}
}

func TestABackupThatIsKilledGoesOnAndIsMadeOnce(t *testing.T) {
	t.Parallel()
	steps := []string{stepPrepare, stepDatabase, stepFiles, stepConfig, stepSecrets, stepCommit, stepProve, stepRetention}
	var deaths []string
	for _, step := range steps {
		deaths = append(deaths, "before "+step, "after "+step)
	}
	deaths = append(deaths, "during the dump")
	for _, dies := range deaths {
		for _, encrypted := range []bool{false, true} {
			if encrypted && dies != "after "+stepDatabase && dies != "after "+stepPrepare {
				continue
			}
			t.Run(dies, func(t *testing.T) {
				t.Parallel()
				recipient, _ := key(t)
				s := newStory(t, func(c *Config) {
					if encrypted {
						c.Recipients, c.EncryptAll = []string{recipient}, true
					}
				})
				st := newBotStore(t)
				s.cfg.Alive = func(ctx context.Context, n int64) (bool, error) {
					op, err := st.FindOperation(ctx, n)
					return err == nil && !op.State.Over(), err
				}
				first := s.newBot(st, dies)
				if dies == "during the dump" {
					s.then = func(n int64) error {
						if n > 20_000 {
							first.die()
							return errDead
						}
						return nil
					}
				}
				op := first.ask("backup", "full")
				first.carry()
				if !first.dead.Load() {
					t.Fatal("it lived")
				}
				s.then = nil
				s.pass(time.Minute)
				second := s.newBot(st, "")
				if err := s.sets.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				second.carry()
				second.want(op, ops.Done)
				sets, err := s.sets.List()
				if err != nil || len(sets) != 1 || !sets[0].Proven() || len(s.names()) != 1 {
					t.Errorf("sets = %v, %v; folder %v", ids(sets), err, s.names())
				}
			})
		}
	}
}

func TestABackupThatFailsLeavesNothingAndIsTold(t *testing.T) {
	t.Parallel()
	s := newStory(t, nil)
	b := s.newBot(newBotStore(t), "")
	s.then = func(int64) error { return errors.New("the connection was lost") }
	op := b.ask("backup")
	b.carry()
	op = b.want(op, ops.Failed)
	if !op.Outcome.Unchanged || op.Outcome.Step != stepDatabase || len(s.names()) != 0 {
		t.Errorf("outcome = %+v, left %v", op.Outcome, s.names())
	}
}

// plain is an operation that wants a backup first.
type plain struct{ seen *string }

func (plain) Word() string { return "restart" }

func (plain) Plan(context.Context, ops.Request) (ops.Plan, error) {
	return ops.Plan{
		Word: "restart", Project: "notebook", Backup: ops.Backup{Choice: ops.BackupWanted},
		Steps: []ops.StepPlan{{Name: "go", Deadline: time.Minute}},
	}, nil
}

func (plain) Tell(*ops.Operation) []ops.Fact { return nil }

func (p plain) Step(name string) (ops.Doer, bool) { return p, name == "go" }

func (p plain) Do(_ context.Context, r *ops.Run) error {
	_, err := r.Output(ops.BackupStep, p.seen)
	return err
}
func (plain) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenNotDone, nil }
func (plain) Undo(context.Context, *ops.Run) error             { return nil }

func TestTheBackupBeforeAnOperation(t *testing.T) {
	t.Parallel()
	var used string
	s := newStory(t, nil)
	st := newBotStore(t)
	b := s.newBot(st, "", plain{&used})

	op := b.ask("restart")
	if op.Plan.Backup.Choice != ops.BackupTaken {
		t.Errorf("backup = %+v", op.Plan.Backup)
	}
	b.carry()
	b.want(op, ops.Done)
	first := used
	if set := s.find(first); !set.Proven() || set.Operation != op.Number {
		t.Errorf("set = %+v", set)
	}

	s.pass(5 * time.Minute)
	op = b.ask("restart")
	if op.Plan.Backup.Choice != ops.BackupSet || op.Plan.Backup.Set != first {
		t.Errorf("backup = %+v", op.Plan.Backup)
	}
	b.carry()
	if b.want(op, ops.Done); used != first {
		t.Errorf("used %s, want %s", used, first)
	}

	// It was fresh when the plan was made, and is not any more.
	op = b.ask("restart")
	s.pass(11 * time.Minute)
	b.carry()
	if b.want(op, ops.Done); used == first {
		t.Error("an old set was used")
	}

	s.away = true
	s.pass(time.Hour)
	if op = b.ask("restart"); op.Plan.Backup.Choice != ops.BackupNone || op.Plan.Backup.Why != "database_away" {
		t.Errorf("backup = %+v", op.Plan.Backup)
	}
	s.away = false
	op = b.ask("restart")
	s.then = func(int64) error { return errors.New("cut") }
	b.carry()
	if op = b.want(op, ops.Failed); !op.Outcome.Unchanged {
		t.Errorf("outcome = %+v", op.Outcome)
	}
}

func TestTheBackupBeforeAnOperationIsTakenOnceThoughItsProcessDies(t *testing.T) {
	t.Parallel()
	for _, dies := range []string{"before backup", "after backup", "during the dump"} {
		t.Run(dies, func(t *testing.T) {
			t.Parallel()
			var used string
			s := newStory(t, nil)
			st := newBotStore(t)
			first := s.newBot(st, dies, plain{&used})
			if dies == "during the dump" {
				s.then = func(int64) error { first.die(); return errDead }
			}
			op := first.ask("restart")
			first.carry()
			s.then = nil
			s.pass(time.Minute)
			second := s.newBot(st, "", plain{&used})
			second.carry()
			second.want(op, ops.Done)
			if names := s.names(); len(names) != 1 || names[0] != used || !s.find(used).Proven() {
				t.Errorf("used %s of %v", used, names)
			}
		})
	}
}
