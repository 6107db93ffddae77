package docker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func wantUnhealthy(t *testing.T, err error, reason string) UnhealthyError {
	t.Helper()
	var u *UnhealthyError
	if !errors.As(err, &u) || !strings.Contains(u.Error(), reason) || !strings.Contains(u.Error(), u.Container.Service+" (container ") {
		t.Fatalf("the error is %v, want one with %q", err, reason)
	}
	return *u
}

func TestHealthyIsHealthyForAWhileNotOnce(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, withCheck)
	var seen []Progress
	begin := time.Now()
	h, err := a.WaitHealthy(a.soon(20*time.Second), id, time.Second, func(p Progress) { seen = append(seen, p) })
	if err != nil {
		t.Fatal(explained(err))
	}
	if took := time.Since(begin); !h.Checked || took < time.Second || h.Took > took {
		t.Errorf("%+v after %s", h, took)
	}
	if last := seen[len(seen)-1]; len(seen) < 2 || last.Health != "healthy" || last.Service != "backend" {
		t.Errorf("seen: %+v", seen)
	}
}

func TestAContainerWithoutAHealthcheckMustRunAndTheResultSaysSo(t *testing.T) {
	t.Parallel()
	a, _ := one(t, realparts.Docker(t), nil, nil)
	if h := a.healthy("backend"); h.Checked {
		t.Errorf("a check is claimed that is not there: %+v", h)
	}
}

func TestAnUnhealthyContainerIsToldWithWhatItSaid(t *testing.T) {
	t.Parallel()
	a, _ := one(t, realparts.Docker(t), nil, withCheck)
	a.healthy("backend")
	a.set("backend", "health", "the database is away")
	_, err := a.WaitHealthy(a.soon(20*time.Second), a.only("backend").ID, time.Minute, nil)
	u := wantUnhealthy(t, err, "is unhealthy")
	if u.HealthOutput != "not well: the database is away" {
		t.Errorf("health: %q", u.HealthOutput)
	}
	if log := strings.Join(u.Log, "\n"); !strings.Contains(log, "serve backend") || !strings.Contains(log, "to the other stream") {
		t.Errorf("log: %q", u.Log)
	}
	if strings.Contains(err.Error(), "database") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("what it said is in the error, unredacted: %v", err)
	}
}

func TestAContainerThatEndsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), map[string]string{"exit": "3"}, withCheck)
	_, err := a.WaitHealthy(a.soon(20*time.Second), id, time.Minute, nil)
	if u := wantUnhealthy(t, err, "ended with exit code 3"); !strings.Contains(strings.Join(u.Log, "\n"), "leaves with 3") {
		t.Errorf("log: %q", u.Log)
	}
}

func TestAContainerThatRestartsAgainAndAgainIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), map[string]string{"exit": "4"}, func(_ *container.Config, h *container.HostConfig) {
		h.RestartPolicy.Name = container.RestartPolicyAlways
	})
	_, err := a.WaitHealthy(a.soon(40*time.Second), id, time.Minute, nil)
	u := wantUnhealthy(t, err, "the last time it ended with exit code 4")
	if u.Container.Restarts < restartsMost {
		t.Errorf("after %d restarts already", u.Container.Restarts)
	}
}

func TestAContainerOverItsMemoryLimitIsSaidToBe(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), map[string]string{"eat": "yes"}, func(_ *container.Config, h *container.HostConfig) {
		h.Memory, h.MemorySwap = 24<<20, 24<<20
	})
	_, err := a.WaitHealthy(a.soon(20*time.Second), id, time.Minute, nil)
	wantUnhealthy(t, err, "more memory than its limit of 24 MiB")
	if c := a.only("backend"); !c.OOMKilled || c.ExitCode != 137 {
		t.Errorf("it is %+v", c)
	}
}

func TestAWaitEndsAtItsDeadlineAndSaysWhatItSees(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), map[string]string{"health": "not yet"}, func(c *container.Config, h *container.HostConfig) {
		withCheck(c, h)
		c.Healthcheck.StartPeriod = time.Hour
	})
	_, err := a.WaitHealthy(a.soon(time.Second), id, time.Minute, nil)
	wantUnhealthy(t, err, "it is running and starting")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error hides the deadline: %v", err)
	}
}

func TestARemovedContainerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, nil)
	gone := make(chan error, 1)
	_, err := a.WaitHealthy(a.soon(20*time.Second), id, time.Minute, func(Progress) {
		select {
		case gone <- errors.Join(a.Stop(t.Context(), id, 0), a.Remove(t.Context(), id)):
		default:
		}
	})
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
	wantUnhealthy(t, err, "")
	if err := a.Remove(t.Context(), id); err != nil {
		t.Errorf("what is gone cannot be removed again: %v", err)
	}
	if err := a.Start(t.Context(), id); !errors.Is(err, ErrGone) {
		t.Errorf("what is gone is started: %v", err)
	}
}
