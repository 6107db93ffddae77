package deploy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestADeployUnderLoadFailsNoRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "v2", "v3-bad", "v4-late")
	w.version("v2", nil)
	w.version("v3-bad", w.fault("unhealthy"))
	w.version("v4-late", w.fault("fails 12s"))

	l := w.load()
	op := w.run("deploy", "v2")
	all, failed := l.end()
	w.want(op, ops.Done, "v2")
	if got := led(op); got != "deployed deploy_back" || len(op.Outcome.Facts[0].Names) == 0 || !strings.HasPrefix(op.Outcome.Facts[0].To, "v2 (") {
		t.Errorf("it says %s: %+v", got, op.Outcome.Facts)
	}
	if len(failed) > 0 {
		t.Errorf("good: %d of %d requests failed: %v", sum(failed), all, failed)
	}
	t.Logf("good: 0 of %d failed, %s", all, op.Took())

	l = w.load()
	op = w.run("deploy", "v3-bad")
	all, failed = l.end()
	w.want(op, ops.Undone, "v2")
	if got := led(op); got != "" {
		t.Errorf("what was undone says %s", got)
	}
	if len(failed) > 0 {
		t.Errorf("bad: %d of %d requests failed: %v", sum(failed), all, failed)
	}
	if !strings.Contains(op.Outcome.Reason.String(), "unhealthy") || !strings.Contains(op.Outcome.Reason.String(), "the index of notes") {
		t.Errorf("the reason is %q", op.Outcome.Reason)
	}
	t.Logf("bad: 0 of %d failed, %s: %s", all, op.Took(), op.Outcome.Reason)

	w.cfg.Watch = 30 * time.Second
	w.open()
	l = w.load()
	op = w.run("deploy", "v4-late")
	all, failed = l.end()
	w.want(op, ops.Undone, "v2")
	t.Logf("late: %d of %d failed (the version itself), %s: %s", sum(failed), all, op.Took(), op.Outcome.Reason)

	w.cfg.Watch = 2 * time.Second
	w.open()
	l = w.load()
	op = w.run("rollback")
	all, failed = l.end()
	w.want(op, ops.Done, "v1")
	if got := led(op); got != "deployed" {
		t.Errorf("it says %s", got)
	}
	if len(failed) > 0 {
		t.Errorf("rollback: %d of %d requests failed: %v", sum(failed), all, failed)
	}
	t.Logf("rollback: 0 of %d failed, %s", all, op.Took())
}

// led are the codes of what an operation has led to.
func led(op *ops.Operation) string {
	var out []string
	for _, f := range op.Outcome.Facts {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}
