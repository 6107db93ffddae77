package ops_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// warden is an Alertmanager that keeps what it was asked for.
type warden struct {
	mu    sync.Mutex
	until map[string]time.Time // by key
	asked int
	away  error
}

func (w *warden) CanSilence(string) bool { return true }

func (w *warden) Silence(_ context.Context, r ops.SilenceRequest) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away != nil {
		return "", w.away
	}
	w.asked++
	w.until[r.Key] = r.Until
	return r.Key, nil
}

func (w *warden) Unsilence(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away == nil {
		delete(w.until, id)
	}
	return w.away
}

func (w *warden) set(away error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away = away
}

func (w *warden) of(key string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.until[key]
}

func (s *story) silenced() *warden {
	w := &warden{until: map[string]time.Time{}}
	s.cfg.Silencer = w
	s.kind.plan.Silence = []string{"backend"}
	s.open()
	return w
}

func (s *story) quietRunner(owner string) *ops.Runner {
	return ops.NewRunner(s.svc, ops.RunnerConfig{Owner: owner, Retry: time.Millisecond, Poll: 5 * time.Millisecond, Quiet: 2 * time.Millisecond, Lease: 12 * time.Hour})
}

func (s *story) until(what string, so func() bool) {
	s.Helper()
	for end := time.Now().Add(10 * time.Second); !so() && !s.Failed(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			s.Errorf("it did not come to this: %s", what)
			return
		}
	}
}

func TestASilenceIsShortAndKeptUpAsLongAsTheOperationRuns(t *testing.T) {
	each(t, func(s *story) {
		w := s.silenced()
		begun := s.Now()
		meanwhile := func(r *ops.Run) {
			if got := w.of("OP-1").Sub(begun); got != 5*time.Minute {
				s.Errorf("the silence is for %s", got)
			}
			for range 30 { // half an hour of work
				s.pass(time.Minute)
				s.until("the silence is longer than the next two minutes", func() bool { return w.of("OP-1").Sub(s.Now()) > 2*time.Minute })
			}
			s.until("what was agreed is kept", func() bool { return s.find(&r.Operation).Silence.Until.Equal(w.of("OP-1")) })
		}
		s.kind.acts["do swap:backend"] = func(_ context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			meanwhile(r)
			return "", errDefault
		}
		op := s.mustApprove(s.ask(), bob)
		s.runner = s.quietRunner("one")
		s.once()
		op = s.want(op, ops.Done)
		if !w.of("OP-1").IsZero() || !op.Silence.Ended || len(op.Outcome.Warnings) != 0 {
			s.Errorf("it ends with %+v, %+v", op.Silence, op.Outcome.Warnings)
		}
		if w.asked > 20 {
			s.Errorf("Alertmanager was asked %d times in half an hour", w.asked)
		}
	})
}

func TestASilenceThatCannotBeKeptUpOrEndedIsOverSoonAndIsSaid(t *testing.T) {
	each(t, func(s *story) {
		w := s.silenced()
		meanwhile := func(r *ops.Run) {
			w.set(errors.New("Alertmanager is away"))
			s.pass(10 * time.Minute)
			s.until("people are told that it is over", func() bool { return len(s.find(&r.Operation).Outcome.Warnings) == 1 })
		}
		s.kind.acts["do swap:backend"] = func(_ context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			meanwhile(r)
			return "", errDefault
		}
		op := s.mustApprove(s.ask(), bob)
		s.runner = s.quietRunner("one")
		s.once()
		op = s.want(op, ops.Done)
		var codes []string
		for _, why := range op.Outcome.Warnings {
			codes = append(codes, why.Code)
		}
		if !slices.Equal(codes, []string{ops.SilenceShort, ops.SilenceStays}) {
			s.Errorf("it warns of %v", codes)
		}
		if left := w.of("OP-1").Sub(s.Now()); left > 5*time.Minute {
			s.Errorf("the silence goes on for %s", left)
		}
	})
}

func TestAfterACrashTheNextRunnerKeepsTheSilenceUpAndEndsIt(t *testing.T) {
	each(t, func(s *story) {
		w := s.silenced()
		op := s.mustApprove(s.ask(), bob)
		ctx, die := context.WithCancel(s.Context())
		s.kind.acts["do swap:backend"] = func(ctx context.Context, _ string, _ *ops.Run, th *thing) (ops.Seen, error) {
			if th.begun == 1 {
				die()
				<-ctx.Done()
				return "", ctx.Err()
			}
			s.until("the silence is there again", func() bool { return w.of("OP-1").After(s.Now()) })
			return "", errDefault
		}
		s.runner = s.quietRunner("one")
		if _, err := s.runner.Once(ctx); err != nil {
			s.Error(err)
		}
		if s.want(op, ops.Running); w.of("OP-1").IsZero() {
			s.Error("there is no silence")
		}
		s.pass(time.Hour) // it is over by itself long since
		s.open()
		s.runner = s.quietRunner("two")
		s.once()
		op = s.want(op, ops.Done)
		if !w.of("OP-1").IsZero() || !op.Silence.Ended {
			s.Errorf("it is left: %+v", op.Silence)
		}
	})
}
