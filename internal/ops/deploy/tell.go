package deploy

import (
	"encoding/json"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Tell implements ops.Kind: which services run which version now, how to go back, and what could not be tidied up. Where not all
// services were exchanged, or not for good, nothing is told: the steps say it.
func (k *Kind) Tell(op *ops.Operation) []ops.Fact {
	var d Details
	if json.Unmarshal(op.Plan.Details, &d) != nil {
		return nil // a plan of another release
	}
	version := ops.Fact{Code: "deployed", From: d.From.String(), To: d.To.String()}
	for _, sv := range d.Services {
		if !op.DoneStep(stepRoll + ":" + sv.Name) {
			return nil
		}
		var rolled rollRecord
		if op.Recorded(stepRoll+":"+sv.Name, &rolled) && !rolled.Same {
			version.Names = append(version.Names, sv.Name)
		}
	}
	out := []ops.Fact{version}
	if op.DoneStep(stepMigrate) {
		out = append(out, ops.Fact{Code: "migrated", Text: strings.Join(k.cfg.Migrate, " ")})
	}
	var tidied tidyRecord
	if op.Recorded(stepTidy, &tidied) && len(tidied.Left) > 0 {
		out = append(out, ops.Fact{Code: "deploy_left", Count: len(tidied.Left), Text: strings.Join(tidied.Left, "; ")})
	}
	if k.word == WordDeploy && op.DoneStep(stepTidy) {
		out = append(out, ops.Fact{Code: "deploy_back", Name: d.From.String()})
	}
	return out
}
