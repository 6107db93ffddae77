package templates

import (
	"slices"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// operationReasons are the codes of reasons that kinds of operations give, besides those of the engine. Each has words.
var operationReasons = []string{
	// what refuses a plan may also end a step
	"docker_away", "docker_forbidden", "compose_file", "no_compose", "mixed_compose", "no_containers", "unknown_service",
	"backup_folder", "backup_space", "backup_inodes", "backup_disk_full", "backup_s3", "backup_no_s3", "backup_not_proven", "backup_no_part",
	"backup_sealed", "backup_unknown", "database_away",
	// of checks and of a new version
	"unhealthy", "no_container", "url_wrong", "answers_5xx",
	// what went wrong in the middle
	"container_gone", "image_other", "tag_moved", "files_changed", "nginx_config", "nginx_reload", "migration_failed", "migration_late",
	"compose_made", "rows_differ",
	"other_file", "unpacked_gone", "database_not_then", "wal_off",
}

// reasonWords lists the names of what is put together from codes.
func reasonWords() []string {
	var names []string
	for _, code := range slices.Concat(ops.Reasons(), operationReasons) {
		names = append(names, "op.reason."+code)
	}
	for _, seen := range []ops.Seen{ops.SeenDone, ops.SeenNotDone, ops.SeenPartly, ops.SeenUnclear} {
		names = append(names, "op.seen."+string(seen))
	}
	for _, what := range []string{"approve", "reject", "cancel", "alone", "review"} {
		names = append(names, "op.what."+what)
	}
	return names
}

// reasonLines says why, in words. A code that has none is shown as it is: nothing is kept from people.
func (t *Templates) reasonLines(r ops.Reason) []Line {
	if r.IsZero() {
		return nil
	}
	a := Args{Word: cut(r.Name, 80), Person: r.Name, Names: r.Names, Count: r.Count, Total: r.Total, Text: cut(r.Text, 160)}
	if t.set.Lookup("op.reason."+r.Code) == nil {
		return []Line{{{Text: cut(r.String(), 300)}}}
	}
	return t.lines("op.reason."+r.Code, a)
}

// Reason says why in one line of text, for where nothing else is shown.
func (t *Templates) Reason(r ops.Reason) string { return t.flat(t.reasonLines(r)) }

// reasonBlocks says why, and quotes what a program said.
func (t *Templates) reasonBlocks(r ops.Reason) []Block {
	if r.IsZero() {
		return nil
	}
	return []Block{text(t.reasonLines(r)...), {Kind: Pre, Lines: textLines(r.Text, reasonCut, reasonRows)}}
}

// OperationWaits says in the thread what an approved operation waits for, and until when.
func (t *Templates) OperationWaits(v OperationView) Message {
	op := v.Operation
	a := t.operationArgs(v)
	a.Due = op.StartBy
	if op.State != ops.Approved || op.Waits.For.IsZero() { // it began, or ended, before this was said
		return t.message(t.lines("op.waits.over", a))
	}
	lines := append(t.lines("op.waits", a), t.reasonLines(op.Waits.For)...)
	return t.message(lines, append(t.reasonBlocks(op.Waits.For)[1:], text(t.lines("op.waits.until", a)...))...)
}
