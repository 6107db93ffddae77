package templates

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// tidying is a plan of cleanup, its names hostile.
func tidying(t *testing.T) ops.Plan {
	t.Helper()
	var images []cleanupItem
	for i := range 45 {
		images = append(images, cleanupItem{Name: fmt.Sprintf("shop/backend:v%d", i), Size: int64(1e9 / (i + 1)), At: at.Add(-time.Duration(i) * 24 * time.Hour)})
	}
	logs := []cleanupItem{{Name: "nginx/access.log.3\n<!channel> *x* `y` \u202e" + strings.Repeat("长", 200), Size: 12_345_678, At: at}}
	step := func(name string, items []cleanupItem) ops.StepPlan {
		b, err := json.Marshal(map[string]any{"items": items})
		if err != nil {
			t.Fatal(err)
		}
		return ops.StepPlan{Name: name, Args: b, Changes: true, Deadline: time.Minute}
	}
	details, err := json.Marshal(cleanupDetails{
		Freed: 5_123_456_789, Large: []cleanupItem{{Name: "/opt/ai-notebook/uploads/film.mp4", Size: 2_000_000_000}},
		Groups: []cleanupGroup{{"clean_images", 45, 5_111_111_111, images[:3], 0}, {"clean_logs", 1, 12_345_678, logs, 7}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return ops.Plan{
		Word: "cleanup", Project: "ai-notebook", Steps: []ops.StepPlan{step("clean_images", images), step("clean_logs", logs)}, Details: details,
		Notes: []string{"cleanup_logs_link: /data/logs", "cleanup_no_backups: permission denied"},
	}
}

func TestACleanUpReadsWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		p := tidying(t)
		op := becoming(func(op *ops.Operation) {
			op.Plan, op.Steps = p, nil
			for _, st := range p.Steps {
				op.Steps = append(op.Steps, ops.Step{StepPlan: st, State: ops.Pending})
			}
		})
		b.add("the card", w.Operation(OperationView{Operation: op, Now: at}))
		b.add("tried", w.Cleanup(CleanupView{Plan: p}))
		b.add("the list", w.Cleanup(CleanupView{Plan: p, Key: "OP-7"}))
		b.add("its end", w.Cleanup(CleanupView{Plan: p, Key: "OP-7", From: 40}))
		b.add("past its end", w.Cleanup(CleanupView{Plan: p, Key: "OP-7", From: 400}))
		for _, problem := range []*ops.Problem{
			{Code: "cleanup_nothing"}, {Code: "cleanup_nothing", Names: []string{"/opt/film.mp4"}, Text: "the Docker engine does not answer"},
		} {
			m, ok := w.Problem(problem, "")
			if !ok {
				t.Errorf("%s has no words", problem.Code)
			}
			b.add("nothing to do", m)
		}
		golden(t, l, "cleanup", b.String())
	})
}
