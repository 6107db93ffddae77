package ops_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestAStepRecordsForLaterStepsAndForAnotherProcess(t *testing.T) {
	each(t, func(s *story) {
		type made struct{ Container string }
		s.kind.acts["do stop:backend"] = func(ctx context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			var args struct{ Signal string }
			if err := r.Args(&args); err != nil || args.Signal != "TERM" || r.Subject() != "backend" {
				s.Errorf("args = %+v, %v, subject %q", args, err, r.Subject())
			}
			return "", errors.Join(r.Record(ctx, made{"new1"}), r.Held(ctx))
		}
		s.kind.acts["do health"] = func(_ context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			var m made
			if ok, err := r.Output("stop:backend", &m); !ok || err != nil || m.Container != "new1" {
				s.Errorf("output = %+v, %v, %v", m, ok, err)
			}
			return "", nil
		}
		op := s.mustApprove(s.ask(), bob)
		s.once()
		s.want(op, ops.Done)
	})
}

func TestAProgramThatStopsLeavesItsOperationToTheNext(t *testing.T) {
	each(t, func(s *story) {
		ctx, stop := context.WithCancel(s.Context())
		s.kind.acts["do swap:backend"] = func(ctx context.Context, _ string, _ *ops.Run, th *thing) (ops.Seen, error) {
			if th.begun > 1 {
				return "", errDefault
			}
			stop()
			<-ctx.Done()
			return "", ctx.Err()
		}
		op := s.mustApprove(s.ask(), bob)
		if err := s.runner.Run(ctx); err != nil {
			s.Error(err)
		}
		s.want(op, ops.Running, ops.StepDone, ops.StepUnknown)
		s.open()
		s.once() // at once: the lease was given back
		op = s.want(op, ops.Done, ops.StepDone, ops.StepDone, ops.StepDone)
		if !slices.Contains(s.kinds(op), ops.StepLooked) {
			s.Errorf("timeline = %v", s.kinds(op))
		}
	})
}

func TestARunnerThatLostItsLeaseStopsAtOnce(t *testing.T) {
	each(t, func(s *story) {
		s.cfg.Now = func() time.Time { return s.Now().Add(time.Minute) } // another machine takes over meanwhile
		second := ops.NewService(s.store, s.cfg, slog.New(slog.DiscardHandler))
		other := ops.NewRunner(second, ops.RunnerConfig{Owner: "two", Retry: time.Millisecond})
		stopped := make(chan error, 1)
		overtake := func() {
			if _, err := other.Once(s.Context()); err != nil {
				s.Error(err)
			}
		}
		s.kind.acts["do stop:backend"] = func(ctx context.Context, _ string, r *ops.Run, th *thing) (ops.Seen, error) {
			if th.begun > 1 {
				return "", errDefault
			}
			s.app.mu.Lock()
			delete(s.app.inside, "notebook") // it is frozen, not at work
			s.app.mu.Unlock()
			overtake()
			if err := r.Record(ctx, 1); !errors.Is(err, ops.ErrFence) {
				s.Errorf("who lost its lease records: %v", err)
			}
			<-ctx.Done()
			stopped <- context.Cause(ctx)
			return "", ctx.Err()
		}
		op := s.mustApprove(s.ask(), bob)
		s.once()
		if err := <-stopped; !errors.Is(err, ops.ErrFence) {
			s.Errorf("stopped because of %v", err)
		}
		if op = s.want(op, ops.Done); op.Lease.Owner != "two" {
			s.Errorf("owner = %s", op.Lease.Owner)
		}
	})
}
