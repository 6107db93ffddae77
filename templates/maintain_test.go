package templates

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// maintaining is a plan of db maintain, its names hostile.
func maintaining(t *testing.T) ops.Plan {
	t.Helper()
	indexes := []maintainRebuild{{"public.notes_owner_idx", 412_000_000, 230_000_000}, {`public."x *y* <!channel>"`, 80_000_000, -1}}
	for range 5 {
		indexes = append(indexes, maintainRebuild{"public.tags_pkey", 9_000_000, 4_000_000})
	}
	details, err := json.Marshal(maintainDetails{
		Size: 2_600_000_000, Tables: 24, Indexes: indexes, Bytes: 537_000_000, Waste: 250_000_000,
		Leftovers: []string{"public.notes_title_ccnew"},
		Deletes: []maintainDelete{
			{"public.logs", "created_at", 157_000, at.Add(-30 * 24 * time.Hour)},
			{`public."a ""b"" <@U01AAAA> ` + strings.Repeat("长", 100) + `"`, "expires_at", -1, at},
			{"public.temp_files", "created_at", 0, at.Add(-7 * 24 * time.Hour)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := ops.Plan{
		Word: "db.maintain", Args: []string{"--all"}, Project: "ai-notebook", Services: []ops.Affected{{Name: "postgres"}}, Details: details,
		Backup: ops.Backup{Choice: ops.BackupSet, Set: "20261124T090000Z", At: at},
		Steps:  []ops.StepPlan{{Name: "measure:before"}, {Name: "leftovers"}, {Name: "prune:public.logs"}, {Name: "reindex:public.notes_owner_idx"}, {Name: "vacuum"}, {Name: "measure:after"}},
	}
	for _, code := range operationNotes {
		if strings.HasPrefix(code, "maintain_") {
			said := "public.a, public.b"
			if code == "maintain_unknown" || code == "maintain_more" {
				said = "3"
			}
			if code == "maintain_reindex_broken" {
				said = "14.2"
			}
			p.Notes = append(p.Notes, code+": "+said)
		}
	}
	return p
}

func TestMaintenanceOfTheDatabaseReadsWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		p := maintaining(t)
		op := becoming(func(op *ops.Operation) {
			op.Plan, op.Steps = p, nil
			for _, st := range p.Steps {
				op.Steps = append(op.Steps, ops.Step{StepPlan: st, State: ops.Pending})
			}
		})
		b.add("the card", w.Operation(OperationView{Operation: op, Now: at}))
		b.add("tried", w.Maintain(p))
		p.Args, p.Notes, p.Details = nil, nil, json.RawMessage(`{"size":9000000,"tables":1}`)
		b.add("nothing but statistics", w.Maintain(p))
		running := becoming(func(op *ops.Operation) {
			op.Plan, op.State, op.Started = p, ops.Running, at
			op.Steps = []ops.Step{
				{StepPlan: p.Steps[2], State: ops.StepRunning, Started: at, Progress: ops.Progress{Done: 48_000, Total: 157_000, Unit: "rows"}},
				{StepPlan: p.Steps[1], State: ops.StepDone, Started: at, Ended: at},
			}
		})
		b.add("on its way", w.Operation(OperationView{Operation: running, Now: at}))
		for _, code := range operationProblems {
			if !strings.HasPrefix(code, "maintain_") {
				continue
			}
			m, ok := w.Problem(&ops.Problem{Code: code, Name: "logs", Names: []string{"created_at"}, Count: 12}, "")
			if !ok {
				t.Errorf("%s has no words", code)
			}
			b.add(code, m)
		}
		golden(t, l, "maintain", b.String())
	})
}

func TestWhatMaintenanceHasLedToReadsWell(t *testing.T) {
	facts := []ops.Fact{
		{Code: "maintain_size", Bytes: 2_600_000_000, Total: 2_300_000_000},
		{Code: "maintain_size", Bytes: 9_000_000, Total: 9_100_000},
		{Code: "maintain_pruned", Name: "public.logs", Count: 157_000, At: at, Took: 1400 * time.Millisecond},
		{Code: "maintain_pruned_least", Name: "public.logs", Count: 149_000, At: at, Took: 3 * time.Second},
		{Code: "maintain_pruned_partly", Name: "public.logs", Count: 9_000_000, At: at, Took: time.Hour},
		{Code: "maintain_reindexed", Count: 7, Bytes: 537_000_000, Total: 290_000_000, Took: 12 * time.Second},
		{Code: "maintain_not_reindexed", Names: []string{"public.notes_pkey"}, Text: "canceling statement due to lock timeout <!channel> (55P03)"},
		{Code: "maintain_no_room", Names: []string{"public.big"}},
		{Code: "maintain_dropped", Names: []string{"public.notes_title_ccnew"}},
		{Code: "maintain_stay", Count: 1, Text: "public.notes_pkey_ccnew: canceling statement due to lock timeout (55P03)"},
		{Code: "maintain_vacuumed", Count: 24},
		{Code: "maintain_not_vacuumed", Names: []string{"public.audit"}, Text: "permission denied (42501)"},
	}
	for _, code := range operationFacts {
		if strings.HasPrefix(code, "maintain_") && !slices.ContainsFunc(facts, func(f ops.Fact) bool { return f.Code == code }) {
			t.Errorf("nothing shows %s", code)
		}
	}
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		op := becoming(func(op *ops.Operation) {
			op.State, op.Started, op.Ended, op.Steps = ops.Done, at, at.Add(time.Minute), nil
			op.Plan, op.Outcome.Facts = maintaining(t), facts
		})
		var b book
		b.add("the result", w.OperationResult(OperationView{Operation: op, Now: at}, ""))
		golden(t, l, "maintain_facts", b.String())
	})
}
