package backup

import (
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Tell implements ops.Kind: which set there is now, what it holds, where it lies, and which ones went.
func (*operation) Tell(op *ops.Operation) []ops.Fact {
	if len(op.Plan.Args) == 2 && op.Plan.Args[0] == verifyWord {
		return tellVerified(op)
	}
	var d Draft
	if !op.Recorded(stepPrepare, &d) || !op.DoneStep(stepCommit) {
		return nil
	}
	set := ops.Fact{Code: "backup_set", Name: d.ID, To: string(d.Kind)}
	for _, name := range partSteps {
		var m Made
		op.Recorded(name, &m)
		for _, p := range m.Parts {
			set.Bytes += p.Size
		}
		if m.Files.Count > 0 {
			set.Count = int(m.Files.Count)
		}
	}
	out := []ops.Fact{set}
	var proof Proof
	if op.Recorded(stepProve, &proof) {
		out = append(out, ops.Fact{Code: "backup_proven", Names: proof.Sealed(), Took: time.Duration(proof.Took) * time.Millisecond})
	}
	var up Upload
	if op.Recorded(stepUpload, &up) {
		out = append(out, ops.Fact{Code: "backup_sent", Name: up.Bucket, Bytes: up.Bytes, Names: up.Kept})
	}
	var gone []string
	if op.Recorded(stepRetention, &gone) && len(gone) > 0 {
		out = append(out, ops.Fact{Code: "backup_expired", Count: len(gone)})
	}
	return out
}

func tellVerified(op *ops.Operation) []ops.Fact {
	var p Proof
	if !op.Recorded(stepVerify+":"+op.Plan.Args[1], &p) {
		return nil
	}
	return []ops.Fact{{Code: "backup_verified", Name: p.Set, Names: p.Sealed(), Took: time.Duration(p.Took) * time.Millisecond}}
}
