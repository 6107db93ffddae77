package templates

import (
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestBackupsReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		full := BackupSet{ID: "20261124T090000Z", At: at, Kind: "full", Bytes: 209_400_000, Files: 1204, Changed: 1204, Proven: true, Tried: true, Copied: true, Here: true, Far: true}
		inc := BackupSet{ID: "20261124T093000Z", At: at.Add(30 * time.Minute), Kind: "incremental", Bytes: 187_200_000, Files: 1205, Changed: 1, Proven: true, Tried: true, Sealed: []string{"secrets.tar.zst.age"}, Here: true}
		bad := BackupSet{ID: "20261124T100000Z", At: at.Add(time.Hour), Kind: "incremental", Bytes: 1800, Tried: true, Why: "database.dump.zst: it is damaged <!channel>"}
		open := BackupSet{ID: "20261124T103000Z", At: at.Add(90 * time.Minute), Kind: "incremental", Bytes: 1800}
		broken := BackupSet{ID: "20261123T103000Z", At: at.Add(-23 * time.Hour), Tried: true, Why: "its manifest cannot be read"}
		b.add("list", w.BackupList(BackupListView{Sets: []BackupSet{open, bad, inc, full, broken}, Total: 48}))
		far := BackupSet{ID: "20261122T090000Z", At: at.Add(-48 * time.Hour), Kind: "full", Bytes: 201_000_000, Files: 1100, Changed: 1100, Far: true}
		half := BackupSet{ID: "20261121T090000Z", At: at.Add(-72 * time.Hour), Kind: "full", Bytes: 190_000_000, Files: 1000, Changed: 1000, Partly: true, Here: true, Far: true}
		lost := BackupSet{ID: "20261120T090000Z", At: at.Add(-96 * time.Hour), Tried: true, Why: "database.dump.zst is not there <!here>", Far: true}
		b.add("list, both places", w.BackupList(BackupListView{Sets: []BackupSet{inc, full, far, half, lost}, Total: 5}))
		b.add("list, S3 away", w.BackupList(BackupListView{Sets: []BackupSet{inc}, Total: 1, Away: "connection refused <!here>"}))
		b.add("list, S3", w.BackupList(BackupListView{Sets: []BackupSet{full}, Total: 1, Remote: true}))
		b.add("list, nothing", w.BackupList(BackupListView{}))
		b.add("list, nothing in S3", w.BackupList(BackupListView{Remote: true}))
		st := BackupStatusView{
			Newest: &inc, RPO: time.Hour, Next: at.Add(time.Hour), Every: 30 * time.Minute, Sets: 48, Proven: 47, Bytes: 9_300_000_000, Free: 78_000_000_000,
			Remote: true, Copied: at, Trial: &RestoreTrial{Set: "20261124T090000Z", At: at, Good: true, Took: 95 * time.Second, Rows: 1_234_567},
		}
		for _, c := range []struct {
			loss string
			age  time.Duration
		}{{"ok", 12 * time.Minute}, {"late", 47 * time.Minute}, {"breach", 3 * time.Hour}} {
			st.Loss, st.Age = c.loss, c.age
			b.add("status "+c.loss, w.BackupStatus(st))
		}
		b.add("status none", w.BackupStatus(BackupStatusView{
			Loss: "none", RPO: time.Hour, Next: at, Every: 30 * time.Minute, Free: 78_000_000_000, Plain: true,
			Trial: &RestoreTrial{Set: "20261124T090000Z", At: at, Took: 95 * time.Second, Why: "public.notes has 3 rows <!here>"},
		}))
		b.add("status, nothing in S3", w.BackupStatus(BackupStatusView{Loss: "ok", Newest: &full, RPO: time.Hour, Next: at, Every: 30 * time.Minute, Sets: 1, Proven: 1, Remote: true}))
		far3 := st
		far3.FarSets, far3.FarBytes, far3.FarOldest, far3.FarHalves = 1440, 9_100_000_000, at.Add(-720*time.Hour), 2
		b.add("status, S3", w.BackupStatus(far3))
		far3.Away, far3.Short, far3.Lasts, far3.Daily, far3.Keep, far3.Spare, far3.SpareBytes = "connection refused <!here>", true, 61*time.Hour, 30_100_000_000, 720*time.Hour, 96, 60_200_000_000
		b.add("status, S3 away, disk too small", w.BackupStatus(far3))
		for _, args := range [][]string{{"full"}, {"incremental"}, {"verify", "20261124T090000Z"}, {"verify", "20261124T090000Z", "s3"}, nil} {
			b.WriteString("\n===== title: " + w.OperationTitle("backup", args) + "\n")
		}
		for _, p := range []*ops.Problem{
			{Code: "backup_kind", Name: "everything", Names: []string{"full", "incremental", "verify"}},
			{Code: "backup_id", Name: "../x"},
			{Code: "backup_unknown", Name: "20200101T000000Z"},
			{Code: "backup_space", Name: "/opt/backups/ai-notebook", Count: 120, Total: 418},
			{Code: "backup_inodes", Name: "/opt/backups/ai-notebook", Count: 3, Total: 32},
			{Code: "backup_disk_full", Name: "/opt/backups/ai-notebook"},
			{Code: "backup_folder", Name: "/opt/backups/ai-notebook"},
			{Code: "backup_s3", Name: "backups", Text: "Access Denied."},
			{Code: "backup_no_s3"},
			{Code: "backup_sealed", Name: "secrets.tar.zst.age"},
			{Code: "backup_not_proven", Name: "20261124T100000Z", Text: "it is damaged"},
			{Code: "backup_no_part", Name: "files.tar", Text: "20261124T100000Z"},
			{Code: "backup_far_broken", Name: "20261124T100000Z", Text: "database.dump.zst is not there <!here>"},
			{Code: "backup_far_chain", Name: "20261124T100000Z", Text: "20261124T090000Z"},
			{Code: "backup_far_changed", Name: "20261124T100000Z"},
			{Code: "backup_fetch_space", Name: "/opt/backups/ai-notebook", Count: 120, Total: 4180},
			{Code: "database_away", Text: "connection refused"},
		} {
			m, ok := w.Problem(p, "")
			if !ok {
				t.Errorf("%s has no words", p.Code)
			}
			b.add(p.Code, m)
		}
		golden(t, l, "backup", b.String())
	})
}
