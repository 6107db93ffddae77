package ops_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestWhatCannotBeLookedAtIsTriedEverMoreSeldomAndSaidOnceUntilItExpires(t *testing.T) {
	each(t, func(s *story) {
		op := s.mustApprove(s.ask(), bob)
		s.deliveries()
		looks := s.target.looks
		s.target.set("abc", errors.New("the engine hangs"))
		var told []incidents.Notice
		step := 500 * time.Millisecond // as often as a Runner polls
		for waited := time.Duration(0); waited < time.Hour; waited += step {
			if waited == 15*time.Second {
				step = 5 * time.Second
			}
			if s.pass(step); waited == 4*time.Second {
				for _, n := range s.deliveries() {
					if n.Kind == incidents.OperationWaits {
						s.Error("a hiccup is told")
					}
				}
			}
			s.once()
		}
		for _, n := range s.deliveries() {
			if n.Kind == incidents.OperationWaits {
				told = append(told, n)
			}
		}
		if len(told) != 1 || told[0].Root != op.CardKey() || told[0].State != "planned" {
			s.Errorf("told %+v", told)
		}
		if n := s.target.looks - looks; n < 55 || n > 70 {
			s.Errorf("it was looked at %d times in an hour", n)
		}
		op = s.want(op, ops.Expired, ops.StepSkipped)
		if op.Ended.Sub(op.Approved) != time.Hour || op.Why.Code != ops.TargetAway {
			s.Errorf("it ended after %s because of %+v", op.Ended.Sub(op.Approved), op.Why)
		}
		if due := op.NextDue(); !due.IsZero() {
			s.Errorf("it is due again at %s", due)
		}
	})
}

func TestWhatWaitsGoesOnWhenItCanBeLookedAtAgainAlsoAfterARestart(t *testing.T) {
	each(t, func(s *story) {
		op := s.mustApprove(s.ask(), bob)
		s.people.away = errors.New("Slack tells nothing of its groups")
		for range 12 {
			s.pass(time.Minute)
			s.once()
		}
		if op = s.want(op, ops.Approved); op.Waits.For.Code != ops.PeopleAway || !op.Waits.Told {
			s.Errorf("it waits for %+v", op.Waits)
		}
		s.people.away = nil
		s.open()
		s.pass(time.Minute)
		s.once()
		if op = s.want(op, ops.Done); op.Waits.Tries != 0 {
			s.Errorf("it is done and waits: %+v", op.Waits)
		}
	})
}

func TestManyThatCannotGoOnNeverHideTheOthers(t *testing.T) {
	each(t, func(s *story) {
		s.people.approvals = 0
		first := s.ask("project=taken")
		meanwhile := func() {
			for range 140 { // more than two pages of them wait for the lock that this one holds
				s.ask("project=taken")
			}
			s.pass(time.Millisecond)
			young := s.ask("project=free")
			other := s.newRunner("two")
			for range 2 {
				if _, err := other.Once(s.Context()); err != nil {
					s.Error(err)
				}
			}
			s.want(young, ops.Done)
		}
		s.kind.acts["do stop:backend"] = func(_ context.Context, _ string, r *ops.Run, _ *thing) (ops.Seen, error) {
			if r.Operation.Number == first.Number {
				meanwhile()
			}
			return "", errDefault
		}
		s.once()
		s.want(first, ops.Done)
	})
}

func TestAnEngineThatHangsHoldsUpOnlyWhatIsOnIt(t *testing.T) {
	each(t, func(s *story) {
		s.people.approvals = 0
		s.target.hung = map[string]bool{"hung": true}
		var stuck []*ops.Operation
		for range 8 { // twice as many as are carried out at once
			stuck = append(stuck, s.ask("project=hung"))
		}
		young := s.ask("project=free")
		ctx, stop := context.WithCancel(s.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.newRunner("three").Run(ctx); err != nil {
				s.Error(err)
			}
		})
		begun := time.Now()
		for s.find(young).State != ops.Done && time.Since(begun) < 20*time.Second {
			<-time.After(5 * time.Millisecond)
		}
		if took := time.Since(begun); took > 5*time.Second { // a look takes seven
			s.Errorf("it waited %s for the others", took)
		}
		stop()
		wg.Wait()
		for _, op := range stuck {
			if op = s.find(op); op.State != ops.Approved || op.Waits.Tries != 0 {
				s.Errorf("%s is %s, and the stop counts as a look: %+v", op.Key(), op.State, op.Waits)
			}
		}
	})
}

func TestEachPageOfWhatIsDueBeginsWhereTheLastOneEnded(t *testing.T) {
	each(t, func(s *story) {
		for range 5 {
			s.ask()
		}
		s.pass(time.Hour)
		var seen []int64
		last := ops.Due{}
		for {
			page, err := s.store.DueOperations(s.Context(), s.Now(), last, 2)
			if err != nil {
				s.Fatal(err)
			}
			for _, d := range page {
				seen = append(seen, d.Number)
			}
			if len(page) < 2 {
				break
			}
			last = page[1]
		}
		if got := fmt.Sprint(seen); got != "[1 2 3 4 5]" { // all due at the same moment
			s.Errorf("due are %s", got)
		}
	})
}
