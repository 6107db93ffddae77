package templates

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

// restoring is a request to restore a set, as people see it first.
func restoring(raw string, notes ...string) *ops.Operation {
	op := planned()
	op.Policy.Class, op.Policy.Approvals = access.Destructive, 2
	op.Plan.Word, op.Plan.Args, op.Plan.Reason = "restore", []string{"20261124T090000Z"}, "误删了笔记"
	op.Plan.Details, op.Plan.Notes, op.Steps = json.RawMessage(raw), notes, nil
	for _, st := range []ops.StepPlan{
		{Name: "backup"},
		{Name: "check_set"},
		{Name: "fill", Changes: true, Undo: "drop_new_database"},
		{Name: "verify_rows"},
		{Name: "unpack:files", Changes: true, Undo: "remove_unpacked"},
		{Name: "unpack:config"},
		{Name: "unpack:secrets"},
		{Name: "swap_database", Changes: true, Undo: "restore_old_database"},
		{Name: "exchange:files", Changes: true, Undo: "restore_old_files"},
		{Name: "exchange:config"},
		{Name: "exchange:secrets"},
		{Name: "settle"},
	} {
		st.Deadline = time.Minute
		op.Steps = append(op.Steps, ops.Step{StepPlan: st, Part: ops.PartStep, State: ops.Pending})
	}
	return op
}

func TestARestoreReadsWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		show := func(name string, op *ops.Operation) { b.add(name, w.Operation(OperationView{Operation: op, Now: at})) }
		show("planned", restoring(`{"set":"20261124T090000Z","at":"2026-11-24T09:00:00Z","proven":"2026-11-24T09:03:00Z","size":208000000,"tables":12,
			"rows":1234567,"now":591000000,"files":4210,"paths":["uploads","<!here>"],"parts":["database","files"],"restart":["nginx"]}`,
			"restore_connections", "restore_compose_stays: docker-compose.yml", "restore_kept"))
		far := restoring(`{"set":"20261124T093000Z","at":"2026-11-24T09:30:00Z","size":208000000,"tables":12,"rows":1234567,"files":4210,"paths":["uploads"],
			"parts":["database","files"],"fetch":{"bucket":"backups","bytes":412000000,"sets":3,"sealed":true}}`, "restore_far", "restore_other_project: <!here>")
		far.Steps = append([]ops.Step{{StepPlan: ops.StepPlan{Name: "fetch:20261124T093000Z", Deadline: time.Hour}, Part: ops.PartStep, State: ops.Pending}}, far.Steps...)
		show("from the second place", far)
		show("no database", restoring(`{"set":"20261124T090000Z","at":"2026-11-24T09:00:00Z","size":208000000,"parts":["database"]}`,
			"restore_unproven", "restore_no_database", "restore_uncounted"))
		undo := restoring(`{"undoes":"OP-7","at":"2026-11-24T09:00:00Z","now":591000000,"parts":["database"]}`, "restore_kept")
		undo.Plan.Args = []string{"undo", "OP-7"}
		show("undo", undo)
		over := func(op *ops.Operation) {
			op.State, op.Started, op.Ended = ops.Done, at, at.Add(4*time.Minute)
			b.add("done, the reply", w.OperationResult(OperationView{Operation: op, Now: at}, ""))
		}
		some := restoring(`{}`)
		some.Plan.Args = []string{"20261124T090000Z", "database"}
		over(some)
		over(undo)
		for _, p := range []ops.Problem{
			{Code: "restore_which", Names: []string{"20261124T090000Z"}},
			{Code: "restore_part", Name: "<!here>", Names: []string{"database", "files"}},
			{Code: "restore_no_programs", Name: "postgres", Text: "exec: psql not found"},
			{Code: "restore_away", Name: "postgres", Text: "the database does not answer"},
			{Code: "restore_no_rights", Name: "ai_notebook"},
			{Code: "restore_name", Name: "ai_notebook"},
			{Code: "restore_space", Name: "postgres", Count: 120, Total: 1200},
			{Code: "restore_undo_which", Names: []string{"OP-9", "OP-7"}},
			{Code: "restore_undo_which"},
			{Code: "restore_nothing_kept", Name: "OP-77", Names: []string{"OP-9"}},
		} {
			m, ok := w.Problem(&p, "")
			if !ok {
				t.Errorf("%s has no words", p.Code)
			}
			b.add(p.Code, m)
		}
		golden(t, l, "restore", b.String())
	})
}
