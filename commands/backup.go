package commands

import (
	"context"
	"strings"

	"github.com/ai-notebook/notebookbot/templates"
)

// Backups is what lies in the folder of the backups, and in the second place. A list holds the newest, as many as are wanted at most; of far
// those in the second place alone.
type Backups interface {
	BackupList(ctx context.Context, most int, far bool) (templates.BackupListView, error)
	BackupStatus(ctx context.Context) (templates.BackupStatusView, error)
}

var (
	backupFull        = operation("backup full", "backup", takes("full"))
	backupIncremental = operation("backup incremental", "backup", takes("incremental"))
	backupVerify      = operation("backup verify", "backup", readVerify)
	backupList        = &command{words: "backup list", read: true, run: runBackupList}
	backupStatus      = &command{words: "backup status", read: true, run: runBackupStatus}
)

// takes reads `backup full [reason]`.
func takes(kind string) func(c *call) (wanted, error) {
	return func(c *call) (wanted, error) {
		return wanted{args: []string{kind}, reason: c.args.from(0)}, nil
	}
}

// readVerify reads `backup verify ID [s3]`. Ids are written in capitals, which nobody types.
func readVerify(c *call) (wanted, error) {
	far := len(c.args.tokens) == 2 && strings.EqualFold(c.args.word(1), "s3")
	if len(c.args.tokens) != 1 && !far {
		return wanted{}, wrongUsage(c.cmd)
	}
	w := wanted{args: []string{"verify", capitals(c.args.word(0))}}
	if far {
		w.args = append(w.args, "s3")
	}
	return w, nil
}

// listedSets is how many sets a list shows: those of more than a day at the guide's pace would be read by nobody.
const listedSets = 15

// runBackupList shows `backup list [s3]`, the newest first.
func runBackupList(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Backups == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "backup"})
	}
	remote := len(c.args.tokens) == 1 && c.args.word(0) == "s3"
	if len(c.args.tokens) > 0 && !remote {
		return outcome{}, wrongUsage(c.cmd)
	}
	var v templates.BackupListView
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		v, err = r.Backups.BackupList(ctx, listedSets, remote)
		return err
	})
	if err != nil {
		return outcome{}, fromOperations(err, 0, nil)
	}
	return outcome{say: r.Words.BackupList(v), share: c.text}, nil
}

// runBackupStatus is the clock of what would be lost.
func runBackupStatus(ctx context.Context, r *Runner, c *call) (outcome, error) {
	if r.Backups == nil {
		return outcome{}, refuse(templates.NotConfigured, templates.Args{Word: "backup"})
	}
	if len(c.args.tokens) > 0 {
		return outcome{}, wrongUsage(c.cmd)
	}
	var v templates.BackupStatusView
	err := r.slowly(ctx, c, func(ctx context.Context) (err error) {
		v, err = r.Backups.BackupStatus(ctx)
		return err
	})
	if err != nil {
		return outcome{}, fromOperations(err, 0, nil)
	}
	return outcome{say: r.Words.BackupStatus(v), share: c.text}, nil
}
