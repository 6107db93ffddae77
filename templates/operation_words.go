package templates

import (
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// The codes of operations that have words. A kind gives codes; what people read is looked up here. A code without words is shown
// as it is, so that nothing is kept from people.
var (
	// op.title.<word>: what is asked for. Word: its arguments.
	operationTitles = []string{"backup", "restart", "cleanup", "db.maintain"}
	// op.step.<code>: one step. Word: its subject.
	operationSteps = []string{
		ops.BackupStep, "restart", "healthy", "url",
		"begin_set", "dump", "pack_files", "pack_config", "pack_secrets", "manifest", "prove", "retention", "upload", "verify_set", "verify_far",
		"clean_containers", "clean_images", "clean_cache", "clean_logs", "clean_temp", "clean_backups",
		"measure", "leftovers", "prune", "reindex", "vacuum",
	}
	// op.undo.<code>: how a step is undone. Word: the step's subject.
	operationUndos = []string{}
	// op.note.<code>: what people should know before they approve. Text: what follows the code.
	operationNotes = []string{
		"no_healthcheck", "dependents", "down_meanwhile",
		"no_base", "not_encrypted",
		"cleanup_no_docker", "cleanup_no_images", "cleanup_no_logs", "cleanup_no_temp", "cleanup_no_backups", "cleanup_no_rights", "cleanup_logs_link",
		"maintain_no_undo", "maintain_own_invalid", "maintain_building", "maintain_exclusion", "maintain_foreign", "maintain_unknown", "maintain_more",
		"maintain_reindex_broken",
		"maintain_cascades", "maintain_refusing", "maintain_triggers",
	}
	// op.why.<code>: why there is no backup, or no silence. Text: what follows the code.
	operationWhys = []string{
		"no_backups_configured", "asked", "database_away", "no_alertmanager", "no_alerts_line",
	}
	// op.problem.<code>: why it was not planned, and the way out. Word: the thing, Names, Text, Count, Total, Nearest.
	operationProblems = []string{
		"unknown_service", "no_service", "docker_away", "docker_forbidden", "compose_file", "no_compose", "mixed_compose",
		"no_containers", "nothing_configured", ops.CodeFailed, "not_created", "cleanup_nothing", "regexp", "too_slow",
		"backup_kind", "backup_id", "backup_unknown", "backup_not_proven", "backup_no_part", "backup_sealed", "backup_folder", "backup_space",
		"backup_inodes", "backup_disk_full", "backup_s3", "backup_no_s3", "database_away",
		"backup_far_broken", "backup_far_chain", "backup_far_changed", "backup_fetch_space",
		"db_away", "db_refused", "db_no_database", "db_no_program", "db_full", "db_slow", "db_locked", "db_right", "db_failed",
		"maintain_old", "maintain_standby", "maintain_no_table", "maintain_many_tables", "maintain_not_plain", "maintain_no_column", "maintain_not_time",
		"maintain_not_allowed", "maintain_twice",
	}
)

var operationStates = []ops.State{
	ops.Planned, ops.Approved, ops.Running, ops.Done, ops.Failed, ops.Undone, ops.Unknown, ops.Void, ops.Rejected, ops.Expired, ops.Cancelled,
}

// operationWords lists the names that are put together from codes.
func operationWords() []string {
	var names []string
	for prefix, codes := range map[string][]string{
		"op.title.": operationTitles, "op.step.": operationSteps, "op.undo.": operationUndos, "op.note.": operationNotes,
		"op.why.": operationWhys, "op.problem.": operationProblems, "op.fact.": operationFacts,
	} {
		for _, c := range codes {
			names = append(names, prefix+c)
		}
	}
	for _, s := range operationStates {
		names = append(names, "op.state."+string(s), "op.next."+string(s))
		if s.Over() {
			names = append(names, "op.result."+string(s))
		}
	}
	for _, k := range operationEntries {
		names = append(names, "op.entry."+string(k))
	}
	names = append(names, reasonWords()...)
	for _, what := range []string{"services", "image", "commit", "compose", "database", "file"} {
		names = append(names, "op.changed."+what)
	}
	for _, part := range []string{"database", "files", "config", "secrets"} {
		names = append(names, "restore.part."+part)
	}
	for _, list := range []string{"everybody", "operators", "commanders", "break_glass"} {
		names = append(names, "contact."+list)
	}
	slices.Sort(names)
	return names
}

// coded is the line of a code that may be followed by a colon and a text.
func (t *Templates) coded(prefix, said string, a Args) Line {
	code, text, _ := strings.Cut(said, ":")
	if name := prefix + code; t.set.Lookup(name) != nil {
		a.Text = cut(text, 300)
		return t.line(name, a)
	}
	return Line{{Text: cut(said, 300)}}
}

// stepName is what people call a step: "restart:backend" is "重启 backend".
func (t *Templates) stepName(name string) string {
	code, subject, _ := strings.Cut(name, ":")
	if t.set.Lookup("op.step."+code) == nil {
		return cut(name, 80)
	}
	return t.plain("op.step."+code, Args{Word: cut(subject, 60)})
}

// OperationTitle is what people call an operation: "重启 backend".
func (t *Templates) OperationTitle(word string, args []string) string {
	a := Args{Word: cut(strings.Join(args, " "), 100)}
	for _, arg := range args {
		a.Names = append(a.Names, cut(arg, 60))
	}
	if t.set.Lookup("op.title."+word) == nil {
		return cut(word+" "+a.Word, 120)
	}
	return t.plain("op.title."+word, a)
}

// Problem says why an operation was not planned, and the way out. False: the problem has no words.
func (t *Templates) Problem(p *ops.Problem, nearest string) (Message, bool) {
	name := "op.problem." + p.Code
	if t.set.Lookup(name) == nil {
		return Message{}, false
	}
	return t.message(t.lines(name, Args{
		Word: cut(p.Name, 80), Names: p.Names, Text: cut(p.Text, 500), Count: p.Count, Total: p.Total, Nearest: nearest,
	})), true
}

// subjectOf is what follows the colon in a step's name.
func subjectOf(name string) string {
	_, subject, _ := strings.Cut(name, ":")
	return cut(subject, 60)
}
