package deploy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestAVersionWhoseAnswersAreErrorsGoesBackAlthoughItCallsItselfHealthy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "v2")
	w.version("v2", nil)
	w.cfg.Watch = 2 * time.Minute
	w.open()
	w.load()
	op := w.approved("deploy", "v2")
	ended := make(chan error, 1)
	go func() {
		_, err := w.runner.Once(t.Context())
		ended <- err
	}()
	watched := func() bool {
		for _, st := range w.find(op).Steps {
			if st.Name == "watch" && st.State == ops.StepRunning {
				return true
			}
		}
		return false
	}
	for deadline := time.Now().Add(2 * time.Minute); !watched(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not watched")
		}
	}
	for _, c := range w.containers() {
		if c.Service == "backend" && c.Running() {
			if code, err := w.engine.Exec(t.Context(), c.ID, []string{"/app", "break", "errors"}, nil, nil, nil); err != nil || code != 0 {
				t.Fatalf("breaking it: %d, %v", code, err)
			}
		}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	op = w.find(op)
	w.want(op, ops.Undone, "v1")
	if !strings.Contains(op.Outcome.Reason.String(), "5xx") {
		t.Errorf("the reason is %q", op.Outcome.Reason)
	}
}
