package templates

import (
	"encoding/json"
	"time"
)

// restoreDetails is what the plan of a restore says beside its steps.
type restoreDetails struct {
	Set     string    `json:"set"`
	At      time.Time `json:"at"`
	Proven  time.Time `json:"proven"`
	Size    int64     `json:"size"`
	Tables  int       `json:"tables"`
	Rows    int64     `json:"rows"`
	Now     int64     `json:"now"`
	Files   int64     `json:"files"`
	Paths   []string  `json:"paths"`
	Parts   []string  `json:"parts"`
	Undoes  string    `json:"undoes"`
	Restart []string  `json:"restart"`
	Fetch   *struct {
		Bucket string `json:"bucket"`
		Bytes  int64  `json:"bytes"`
		Sets   int    `json:"sets"`
		Sealed bool   `json:"sealed"`
	} `json:"fetch"`
	Moment string    `json:"moment"`
	Copied time.Time `json:"copied"`
	Log    int       `json:"log"`
}

func init() {
	details["restore"] = (*Templates).restoreDetails
	operationTitles = append(operationTitles, "restore")
	operationSteps = append(operationSteps, "fetch", "check_set", "fill", "verify_rows", "unpack", "swap_database", "exchange", "settle")
	operationUndos = append(operationUndos, "drop_new_database", "restore_old_database", "remove_unpacked", "restore_old_files")
	operationNotes = append(operationNotes,
		"restore_unproven", "restore_connections", "restore_kept", "restore_no_database", "restore_uncounted", "restore_compose_stays",
		"restore_far", "restore_other_project")
	operationProblems = append(operationProblems,
		"restore_which", "restore_part", "restore_no_programs", "restore_away", "restore_no_rights", "restore_name", "restore_space",
		"restore_undo_which", "restore_nothing_kept")
}

// fetched is how many sets come from the second place.
func fetched(d restoreDetails) int {
	if d.Fetch == nil {
		return 0
	}
	return d.Fetch.Sets
}

// restoreDetails tells which state comes back, and what it takes the place of.
func (t *Templates) restoreDetails(raw json.RawMessage) []Block {
	var d restoreDetails
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil // the steps say what is done
	}
	b := Block{Kind: List}
	switch {
	case d.Moment != "":
		b.Lines = append(b.Lines, t.line("restore.moment", Args{Text: cut(d.Moment, 40), At: d.Copied, Count: d.Log, Bytes: d.Size}))
	case d.Undoes != "":
		b.Lines = append(b.Lines, t.line("restore.undoes", Args{Key: cut(d.Undoes, 20), At: d.At}))
	default:
		b.Lines = append(b.Lines, t.line("restore.set", Args{Ref: cut(d.Set, 40), At: d.At, Bytes: d.Size, Due: d.Proven, Yes: !d.Proven.IsZero(), Count: fetched(d)}))
	}
	if f := d.Fetch; f != nil {
		b.Lines = append(b.Lines, t.line("restore.fetch", Args{Word: cut(f.Bucket, 63), Bytes: f.Bytes, Count: f.Sets, Yes: f.Sealed}))
	}
	for _, part := range d.Parts {
		if part == "database" {
			b.Lines = append(b.Lines, t.line("restore.database", Args{Count: d.Tables, Total: int(d.Rows), Of: d.Now, Yes: d.Now > 0}))
		}
	}
	if len(d.Paths) > 0 {
		b.Lines = append(b.Lines, t.line("restore.paths", Args{Names: d.Paths[:min(len(d.Paths), cardSteps)], Count: int(d.Files)}))
	}
	if len(d.Restart) > 0 {
		b.Lines = append(b.Lines, t.line("restore.restart", Args{Names: d.Restart[:min(len(d.Restart), cardSteps)]}))
	}
	return []Block{b}
}
