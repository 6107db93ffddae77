package templates

import (
	"encoding/json"
	"fmt"
	"strings"
)

// deployDetails is what the plans of deploy and rollback say beside their steps.
type deployDetails struct {
	From    deployVersion `json:"from"`
	To      deployVersion `json:"to"`
	Commits int           `json:"commits"`
	Files   int           `json:"files"`
	Added   int           `json:"added"`
	Removed int           `json:"removed"`
	Others  []string      `json:"others"`

	Services []struct {
		Name   string   `json:"name"`
		Mode   string   `json:"mode"`
		Why    []string `json:"why"`
		Ref    string   `json:"ref"`
		Source string   `json:"source"`
		Image  string   `json:"image"`
	} `json:"services"`
}

type deployVersion struct {
	Name   string `json:"name"`
	Commit string `json:"commit"`
}

func (v deployVersion) String() string {
	commit := cut(v.Commit[:min(len(v.Commit), 12)], 12)
	if v.Name == "" {
		return commit
	}
	return cut(v.Name, 60) + " (" + commit + ")"
}

func init() {
	details["deploy"] = (*Templates).deployDetails
	details["rollback"] = (*Templates).deployDetails
	operationTitles = append(operationTitles, "deploy", "rollback")
	operationSteps = append(operationSteps, "checkout", "image", "pin", "migrate", "roll", "watch", "tidy")
	operationUndos = append(operationUndos, "old_files", "old_image", "old_pins", "old_version")
	operationWhys = append(operationWhys, "container_name", "host_port", "host_network", "no_healthcheck") // why there is a gap
	operationNotes = append(operationNotes,
		"deploy_backwards", "deploy_diverged", "deploy_migrations", "deploy_others_changed",
		"deploy_gap", "deploy_unseen_image", "deploy_no_remote", "deploy_migrate_host", "deploy_migrate_container",
		"deploy_no_migration", "deploy_database_stays")
	operationProblems = append(operationProblems,
		"deploy_which", "deploy_one_version", "deploy_unknown_version", "deploy_not_allowed", "deploy_no_versions", "deploy_no_checkout",
		"deploy_changed_files", "deploy_compose_file", "deploy_env_tracked", "deploy_not_a_tag", "deploy_concerns_nothing",
		"deploy_runs_already", "deploy_nginx", "rollback_no_past", "rollback_no_commit")
}

// deployDetails tells what lies between the versions, and for each service how it is exchanged, why not without a gap, and where its
// image comes from.
func (t *Templates) deployDetails(raw json.RawMessage) []Block {
	var d deployDetails
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil // the steps say what is done
	}
	b := Block{Kind: List, Lines: []Line{t.line("deploy.between", Args{
		Text: d.From.String(), Where: d.To.String(), Count: d.Commits, Total: d.Files, Ref: fmt.Sprintf("+%d −%d", d.Added, d.Removed),
	})}}
	for i, s := range d.Services {
		if i == cardSteps {
			break
		}
		a := Args{Word: cut(s.Name, 60), Class: s.Mode, Ref: cut(s.Ref, 120), Where: s.Source, Text: shortImage(s.Image)}
		for _, why := range s.Why {
			if t.set.Lookup("op.why."+why) != nil {
				why = t.label("op.why." + why)
			}
			a.Names = append(a.Names, cut(why, 40))
		}
		b.Lines = append(b.Lines, t.line("deploy.service", a))
	}
	if len(d.Others) > 0 {
		b.Lines = append(b.Lines, t.line("deploy.untouched", Args{Names: d.Others[:min(len(d.Others), cardSteps)]}))
	}
	return []Block{b}
}

// shortImage is an image's id as people know it.
func shortImage(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}
