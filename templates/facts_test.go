package templates

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestWhatAnOperationHasLedToReadsWell(t *testing.T) {
	facts := map[string][]ops.Fact{
		"restart": {{Code: "restarted", Names: []string{"backend", "nginx"}, Count: 3}},
		"deploy": {
			{Code: "deployed", From: "v1 (888c60217e10)", To: "v2 (3e0e24352bd1)", Names: []string{"backend", "frontend"}},
			{Code: "migrated", Text: "scripts/migrate-database.sh migrate"},
			{Code: "deploy_left", Count: 1, Text: "remove the container 0123456789ab: <!channel> it runs"},
			{Code: "deploy_back", Name: "v1 (888c60217e10)"},
		},
		"deploy, same images": {{Code: "deployed", From: "v1 (888c60217e10)", To: "v2 (3e0e24352bd1)"}},
		"backup": {
			{Code: "backup_set", Name: "20261124T090000Z", To: "incremental", Bytes: 208_000_000, Count: 1204},
			{Code: "backup_proven", Took: 12 * time.Second, Names: []string{"secrets.tar.zst.age"}},
			{Code: "backup_sent", Name: "backups", Bytes: 207_000_000, Names: []string{"secrets.tar.zst"}},
			{Code: "backup_expired", Count: 3},
		},
		"backup verify": {{Code: "backup_verified", Name: "20261124T090000Z", Took: 12 * time.Second}},
		"restore": {
			{Code: "restored", Name: "20261124T090000Z", At: at, Names: []string{"database", "files"}},
			{Code: "restore_counted", Count: 12, Total: 1_204_220},
			{Code: "restore_swapped", Took: 330 * time.Millisecond},
			{Code: "restore_back", Name: "OP-7", Until: at.Add(7 * 24 * time.Hour)},
		},
		"restore undo": {{Code: "restored_undone", Name: "OP-7", At: at, Names: []string{"database"}}},
		"cleanup": {
			{Code: "cleaned", Count: 14, Bytes: 1_200_000_000},
			{Code: "cleanup_kept", Count: 1, Text: "app:v1: a container uses it <@U01AAAA>"},
		},
		"of another release": {{Code: "never_heard"}},
	}
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		shown := map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(facts)) {
			op := becoming(func(op *ops.Operation) {
				op.State, op.Started, op.Ended, op.Steps = ops.Done, at, at.Add(time.Minute), nil
				op.Outcome.Facts = facts[name]
			})
			for _, f := range facts[name] {
				shown[f.Code] = true
			}
			b.add(name, w.OperationResult(OperationView{Operation: op, Now: at}, ""))
			b.add(name+", card", w.Operation(OperationView{Operation: op, Now: at}))
		}
		for _, code := range operationFacts {
			if !shown[code] && !strings.HasPrefix(code, "maintain_") { // those have a golden file of their own
				t.Errorf("the golden file shows no %s", code)
			}
		}
		golden(t, l, "facts", b.String())
	})
}
