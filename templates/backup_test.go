package templates

import (
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestBackupsReadWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		full := BackupSet{ID: "20261124T090000Z", At: at, Kind: "full", Bytes: 209_400_000, Files: 1204, Changed: 1204, Proven: true, Tried: true, Copied: true}
		inc := BackupSet{ID: "20261124T093000Z", At: at.Add(30 * time.Minute), Kind: "incremental", Bytes: 187_200_000, Files: 1205, Changed: 1, Proven: true, Tried: true, Sealed: []string{"secrets.tar.zst.age"}}
		bad := BackupSet{ID: "20261124T100000Z", At: at.Add(time.Hour), Kind: "incremental", Bytes: 1800, Tried: true, Why: "database.dump.zst: it is damaged <!channel>"}
		open := BackupSet{ID: "20261124T103000Z", At: at.Add(90 * time.Minute), Kind: "incremental", Bytes: 1800}
		broken := BackupSet{ID: "20261123T103000Z", At: at.Add(-23 * time.Hour), Tried: true, Why: "its manifest cannot be read"}
		b.add("list", w.BackupList(BackupListView{Sets: []BackupSet{open, bad, inc, full, broken}, Total: 48}))
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
		for _, args := range [][]string{{"full"}, {"incremental"}, {"verify", "20261124T090000Z"}, nil} {
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
