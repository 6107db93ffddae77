package ops_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/notify"
)

// deliveries gives what the outbox holds, and settles it.
func (s *story) deliveries() []incidents.Notice {
	s.Helper()
	var out []incidents.Notice
	for {
		ds, _, err := s.store.Claim(s.Context(), notify.Claim{Owner: "t", Now: s.Now(), Lease: time.Minute, Limit: 50})
		if err != nil {
			s.Fatal(err)
		}
		if len(ds) == 0 {
			return out
		}
		for _, d := range ds {
			out = append(out, d.Notice)
			o := notify.Outcome{Result: notify.Sent, Where: notify.Posted{Channel: d.Notice.Channel, TS: fmt.Sprint(d.ID)}}
			if err := s.store.Settle(s.Context(), d, o); err != nil {
				s.Fatal(err)
			}
		}
	}
}

func brief(ns []incidents.Notice) []string {
	var out []string
	for _, n := range ns {
		out = append(out, fmt.Sprintf("%s %s %s", n.Kind, n.State, n.Root+n.Edits))
	}
	slices.Sort(out)
	return out
}

func TestPeopleAreToldWhereItWasAsked(t *testing.T) {
	each(t, func(s *story) {
		op := s.ask()
		want := []string{"operation.card planned "}
		if got := s.deliveries(); !slices.Equal(brief(got), want) || got[0].Channel != "C0OPS" || got[0].Operation != op.Number {
			s.Errorf("told %+v", got)
		}
		s.mustApprove(op, bob)
		if got := brief(s.deliveries()); !slices.Equal(got, []string{"operation.edit planned OP-1/card"}) {
			s.Errorf("told %v", got)
		}
		s.once()
		if got := brief(s.deliveries()); !slices.Equal(got, []string{"operation.edit done OP-1/card", "operation.result done OP-1/card"}) {
			s.Errorf("told %v", got)
		}

		in := incidents.NewService(s.store, incidents.Config{Channel: "C0INC", Now: s.Now}, s.log())
		var number int64
		err := s.store.Write(s.Context(), incidents.Want{}, func(tx incidents.Tx) error {
			i, err := in.OpenIn(tx, incidents.Open{By: ann.Actor, Title: "down"}, s.Now())
			number = i.Number
			return err
		})
		if err != nil {
			s.Fatal(err)
		}
		s.deliveries()
		op, _, err = s.commit(s.svc.Ask(s.Context(), ops.Request{Word: "restart", By: ann, Where: ops.Where{Channel: "C0ELSE", Thread: "1.2", Incident: number}}))
		if err != nil {
			s.Fatal(err)
		}
		_, _, err = s.commit(s.svc.Reject(s.Context(), op.Number, ops.Reject{By: bob, Reason: "not now"}))
		got := s.deliveries()
		if want := []string{"operation.card planned INC-1/card", "operation.edit void OP-2/card", "operation.result void INC-1/card"}; err != nil || !slices.Equal(brief(got), want) || got[0].Channel != "C0INC" {
			s.Errorf("told %v, %v", brief(got), err)
		}
	})
}

func TestWhatIsQuietIsSaidWhenItFails(t *testing.T) {
	each(t, func(s *story) {
		s.people.approvals = 0
		auto := ops.Request{Word: "restart", By: ops.Person{Actor: incidents.Actor{Kind: incidents.ByClock}}, Quiet: true}
		op, _, err := s.commit(s.svc.Ask(s.Context(), auto))
		if err != nil {
			s.Fatal(err)
		}
		s.once()
		s.want(op, ops.Done)
		if got := s.deliveries(); len(got) != 0 {
			s.Errorf("told %v", brief(got))
		}
		s.kind.acts["do stop:backend"] = func(context.Context, string, *ops.Run, *thing) (ops.Seen, error) {
			return "", errors.New("boom")
		}
		op, _, err = s.commit(s.svc.Ask(s.Context(), auto))
		if err != nil {
			s.Fatal(err)
		}
		s.once()
		s.want(op, ops.Undone)
		if got := brief(s.deliveries()); !slices.Equal(got, []string{"operation.card undone ", "operation.result undone OP-2/card"}) {
			s.Errorf("told %v", got)
		}
	})
}

// vault is where backups are, in this test.
type vault struct {
	propose ops.Backup
	err     error
	taken   int
}

func (v *vault) Propose(context.Context, ops.Plan) (ops.Backup, error) { return v.propose, nil }

func (v *vault) Do(ctx context.Context, r *ops.Run) error {
	if v.err != nil {
		return v.err
	}
	v.taken++
	return r.Record(ctx, "set-1")
}

func (v *vault) Look(context.Context, *ops.Run) (ops.Seen, error) { return ops.SeenUnclear, nil }
func (v *vault) Undo(context.Context, *ops.Run) error             { return nil }

// quieter is an Alertmanager that knows the alerts of the backend alone.
type quieter struct{ said []string }

func (q *quieter) CanSilence(service string) bool { return service == "backend" }

func (q *quieter) Silence(_ context.Context, r ops.SilenceRequest) (string, error) {
	q.said = append(q.said, "silence "+r.Key+" "+strings.Join(r.Services, ",")+" "+r.Until.Sub(r.From).String())
	return "s1", nil
}

func (q *quieter) Unsilence(_ context.Context, id string) error {
	q.said = append(q.said, "end "+id)
	return errors.New("too late")
}

func TestTheBackupComesFirstAndTheSilenceEndsWithTheOperation(t *testing.T) {
	each(t, func(s *story) {
		s.kind.plan.Backup.Choice = ops.BackupWanted
		s.kind.plan.Silence = []string{"backend", "nginx", "redis"}
		op := s.ask()
		if b := op.Plan.Backup; b.Choice != ops.BackupNone || b.Why == "" || op.Plan.NoSilence == "" || len(op.Plan.Silence) > 0 {
			s.Errorf("without backups and Alertmanager the plan says %+v, %q", b, op.Plan.NoSilence)
		}
		v, q := &vault{propose: ops.Backup{Choice: ops.BackupTaken, Deadline: time.Minute}}, &quieter{}
		s.cfg.Backups, s.cfg.Silencer = v, q
		s.open()
		s.kind.acts["do stop:backend"] = func(_ context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			var set string
			if ok, err := r.Output(ops.BackupStep, &set); !ok || err != nil || set != "set-1" || len(q.said) != 1 {
				s.Errorf("before the first change: set %q, %v, %v", set, err, q.said)
			}
			return "", errDefault
		}
		op = s.mustApprove(s.ask(), bob)
		if got := op.Plan; !slices.Equal(got.Silence, []string{"backend"}) || got.NoSilence != "no_alerts_line: nginx, redis" {
			s.Errorf("the plan silences %v, and says of the others %q", got.Silence, got.NoSilence)
		}
		s.once()
		op = s.want(op, ops.Done, ops.StepDone, ops.StepDone, ops.StepDone, ops.StepDone)
		if want := []string{"silence OP-2 backend 5m0s", "end s1"}; !slices.Equal(q.said, want) {
			s.Errorf("said %v, want %v", q.said, want)
		}
		if len(op.Outcome.Warnings) != 1 {
			s.Errorf("warnings = %v", op.Outcome.Warnings)
		}
		v.err = errors.New("the disk is full")
		op = s.mustApprove(s.ask(), bob)
		s.once()
		if op = s.want(op, ops.Failed, ops.StepFailed, ops.StepSkipped); !op.Outcome.Unchanged {
			s.Errorf("outcome = %+v", op.Outcome)
		}
	})
}

func TestEveryEntryIsInTheAuditLog(t *testing.T) {
	each(t, func(s *story) {
		s.cfg.Auditor = ops.AuditLog{}
		s.open()
		op := s.mustApprove(s.ask(), bob)
		err := s.store.WriteOperations(s.Context(), ops.Want{}, func(tx ops.Tx) error {
			return s.svc.RefuseIn(tx, op.Number, dan, "approve", errors.New("not listed"), s.Now())
		})
		if err != nil {
			s.Fatal(err)
		}
		s.once()
		op = s.want(op, ops.Done)
		kinds := s.kinds(op)
		if !slices.Contains(kinds, ops.WasRefused) {
			s.Errorf("timeline = %v", kinds)
		}
		head, err := s.store.Audit().Head(s.Context())
		if err != nil || head.Seq != int64(len(kinds)) {
			s.Errorf("the log has %d entries, %v; the timeline %d", head.Seq, err, len(kinds))
		}
	})
}

func TestTwoRunnersShareTheWork(t *testing.T) {
	each(t, func(s *story) {
		s.people.approvals = 0
		s.kind.acts["do swap:backend"] = func(_ context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			r.Progress(ops.Progress{Done: 1, Total: 2, Unit: "bytes"})
			return "", errDefault
		}
		var all []*ops.Operation
		for i := range 12 {
			all = append(all, s.ask(fmt.Sprintf("project=%d", i%3)))
		}
		ctx, stop := context.WithCancel(s.Context())
		var wg sync.WaitGroup
		for _, owner := range []string{"one", "two"} {
			r := s.newRunner(owner)
			wg.Go(func() {
				if err := r.Run(ctx); err != nil {
					s.Error(err)
				}
			})
		}
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
			open, err := s.store.ListOperations(s.Context(), ops.Filter{Open: true})
			if err != nil {
				s.Fatal(err)
			}
			if len(open) == 0 {
				break
			}
		}
		stop()
		wg.Wait()
		fences := map[string]bool{}
		for _, op := range all {
			op = s.want(op, ops.Done)
			fence := fmt.Sprint(op.Plan.Project, "/", op.Lease.Fence)
			if fences[fence] || op.Steps[0].Tries != 1 {
				s.Errorf("%s ran with the fence %s, %d tries", op.Key(), fence, op.Steps[0].Tries)
			}
			fences[fence] = true
		}
	})
}

func TestTheUsualDurationComesFromThePast(t *testing.T) {
	each(t, func(s *story) {
		took := []time.Duration{10 * time.Second, time.Hour, 20 * time.Second}
		for _, d := range took {
			s.kind.acts["do health"] = func(context.Context, string, *ops.Run, *thing) (ops.Seen, error) {
				s.pass(d)
				return "", nil
			}
			op := s.mustApprove(s.ask(), bob)
			s.svc = ops.NewService(s.store, s.cfg, s.log())
			s.runner = ops.NewRunner(s.svc, ops.RunnerConfig{Owner: "one", Lease: 2 * time.Hour})
			s.once()
			s.want(op, ops.Done)
		}
		if op := s.ask(); op.Plan.Usual != 20*time.Second {
			s.Errorf("usual = %s", op.Plan.Usual)
		}
	})
}

func TestARunnerAloneGoesOnAtOnceWithWhatADeadOneLeft(t *testing.T) {
	each(t, func(s *story) {
		op := s.mustApprove(s.ask(), bob)
		next := s.newRunner("two")
		died := false
		s.kind.acts["do stop:backend"] = func(ctx context.Context, _ string, _ *ops.Run, _ *thing) (ops.Seen, error) {
			if died {
				return "", errDefault
			}
			died = true
			if err := next.Adopt(ctx); err != nil { // as a start of the program does, after the other one was killed here
				s.Error(err)
			}
			return "", nil
		}
		s.once()
		s.want(op, ops.Running)
		if worked, err := next.Once(s.Context()); err != nil || !worked {
			s.Fatalf("the next runner waits: %v, %v", worked, err)
		}
		s.want(op, ops.Done)
	})
}

func TestWhatSomebodyDidAloneIsRemindedOfUntilSomebodyElseHasReviewedIt(t *testing.T) {
	each(t, func(s *story) {
		op := s.ask()
		_, _, err := s.commit(s.svc.Alone(s.Context(), op.Number, ops.Alone{By: cat, Hash: op.Hash, Reason: "nobody answers"}))
		if err != nil {
			s.Fatal(err)
		}
		early := ops.Reviewed{By: bob, Text: "too early"}
		if _, err := s.svc.Review(s.Context(), op.Number, early); !errors.Is(err, ops.ErrRunning) {
			s.Errorf("a review before the end: %v", err)
		}
		s.once()
		s.want(op, ops.Done)
		s.deliveries()
		s.once()
		if got := s.deliveries(); len(got) != 0 {
			s.Errorf("reminded at once: %v", brief(got))
		}
		for range 2 {
			s.pass(25 * time.Hour)
			s.once()
			s.once()
			if got := s.deliveries(); len(got) != 1 || got[0].Kind != incidents.OperationReview || got[0].Channel != "C0OPS" {
				s.Errorf("a day later: %v", brief(got))
			}
		}
		if _, err := s.svc.Review(s.Context(), op.Number, ops.Reviewed{By: cat, Text: "I was right"}); !errors.Is(err, ops.ErrOwnRequest) {
			s.Errorf("a review of one's own: %v", err)
		}
		if _, err := s.svc.Review(s.Context(), op.Number, ops.Reviewed{By: bob}); !errors.Is(err, ops.ErrNoReason) {
			s.Errorf("a review without words: %v", err)
		}
		reviewed, changed, err := s.commit(s.svc.Review(s.Context(), op.Number, ops.Reviewed{By: bob, Text: "it was needed"}))
		if err != nil || !changed || reviewed.Alone.Review == nil || reviewed.Alone.Review.Text != "it was needed" {
			s.Fatalf("%v, %v: %+v", changed, err, reviewed)
		}
		s.deliveries()
		s.pass(100 * time.Hour)
		s.once()
		if got := s.deliveries(); len(got) != 0 {
			s.Errorf("reminded of what is reviewed: %v", brief(got))
		}
	})
}
