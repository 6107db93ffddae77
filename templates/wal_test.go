package templates

import (
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestTheArchiveOfTheLogReadsWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		full := BackupSet{ID: "20261124T090000Z", At: at, Kind: "full", Bytes: 209_400_000, Files: 1204, Changed: 1204, Proven: true, Tried: true}
		status := func(name string, v LogView) {
			b.add(name, w.BackupStatus(BackupStatusView{Loss: "ok", Newest: &full, RPO: time.Hour, Next: at, Every: 30 * time.Minute, Sets: 1, Proven: 1, Log: &v}))
		}
		status("well", LogView{
			Spans: []LogSpan{{at.Add(-50 * time.Hour), at.Add(-30 * time.Hour)}, {at.Add(-29 * time.Hour), at}}, Lag: 8 * time.Second, Bases: 3, Base: at.Add(-5 * time.Hour), Bytes: 4_200_000_000,
			Trial: &LogTrial{At: at, Good: true, Took: 95 * time.Second, Files: 12},
		})
		status("nothing yet", LogView{Lag: 2 * time.Second, Trouble: "starting", BaseWhy: "pg_basebackup ended <!here>", Unbound: true, Trial: &LogTrial{At: at, Why: "the copy could not replay the log <!here>"}})
		status("the first copy", LogView{Lag: 2 * time.Second, BaseWhy: "of the try before", Copying: at.Add(-9 * time.Minute), Copied: 3_200_000_000})
		for _, code := range walTroubles {
			lines := w.logArchive(LogView{
				Spans: []LogSpan{{at.Add(-50 * time.Hour), at}}, Lag: 47 * time.Minute, Late: true, Trouble: code, Text: "could not connect <!here>", Bases: 1, Base: at, Bytes: 42e6,
				Unbound: true, Keeps: 3_200_000_000,
			})
			b.add(code, w.message(lines[1:2]))
		}
		op := restoring(`{"at":"2026-11-24T02:05:30Z","moment":"2026-11-24 10:05:30 +08:00","base":"base-20261124T000000Z","copied":"2026-11-24T00:03:00Z","log":12,
			"size":808000000,"now":591000000,"parts":["database"]}`, "restore_connections", "restore_kept")
		op.Plan.Args = []string{"2026-11-24T10:05:30+08:00", "database"}
		op.Steps = op.Steps[:1]
		for _, st := range []ops.StepPlan{
			{Name: "replay", Changes: true, Undo: "discard_copy"},
			{Name: "take", Changes: true, Undo: "drop_new_database"},
			{Name: "verify_rows"},
			{Name: "discard"},
			{Name: "swap_database", Changes: true, Undo: "restore_old_database"},
		} {
			st.Deadline = time.Minute
			op.Steps = append(op.Steps, ops.Step{StepPlan: st, Part: ops.PartStep, State: ops.Pending})
		}
		b.add("planned", w.Operation(OperationView{Operation: op, Now: at}))
		spans := []string{"2026-11-22 08:00:00 +08:00", "2026-11-24 10:04:51 +08:00"}
		for _, p := range []ops.Problem{
			{Code: "wal_off"},
			{Code: "wal_time", Name: "<!here>"},
			{Code: "wal_part", Name: "files"},
			{Code: "wal_future", Name: "2027-11-24 10:05:00 +08:00", Names: spans},
			{Code: "wal_future", Name: "2027-11-24 10:05:00 +08:00"},
			{Code: "wal_empty"},
			{Code: "wal_before", Name: "2026-11-01 10:05:00 +08:00", Names: spans},
			{Code: "wal_after", Name: "2026-11-24 10:05:00 +08:00", Names: spans},
			{Code: "wal_gap", Name: "2026-11-23 10:05:00 +08:00", Names: spans},
		} {
			m, ok := w.Problem(&p, "")
			if !ok {
				t.Errorf("%s has no words", p.Code)
			}
			b.add(p.Code, m)
		}
		golden(t, l, "wal", b.String())
	})
}
