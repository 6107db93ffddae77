package backup

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// The steps of a backup.
const (
	stepPrepare   = "begin_set"    // room, name and folder
	stepDatabase  = "dump"         // the dump
	stepFiles     = "pack_files"   // and the index
	stepConfig    = "pack_config"  //
	stepSecrets   = "pack_secrets" //
	stepCommit    = "manifest"     // the manifest: from here on it is a set
	stepProve     = "prove"        // all of it is read back
	stepRetention = "retention"    // what is too old goes
	stepUpload    = "upload"       // to the second place
	stepVerify    = "verify_set"   // all of a set is read back once more
	stepVerifyFar = "verify_far"   // all of a copy in the second place
)

// Deadlines: a dump that runs longer keeps others waiting, and old rows from being cleaned up.
const (
	shortStep = 2 * time.Minute
	longStep  = 4 * time.Hour
	farStep   = 12 * time.Hour
	readyIn   = 10 * time.Second
)

// Operation is the kind "backup".
func (s *Sets) Operation() ops.Kind { return &operation{s} }

type operation struct{ *Sets }

// Word is the key of the policies that hold for it.
func (*operation) Word() string { return "backup" }

type prepareArgs struct {
	Kind Kind `json:"kind"`
}

// Plan says which set would be made. The first word may be full or incremental; without one it is full.
func (o *operation) Plan(ctx context.Context, req ops.Request) (ops.Plan, error) {
	kind := Full
	switch {
	case len(req.Args) == 2 && req.Args[0] == verifyWord:
		return o.planVerify(ctx, req.Args[1], false)
	case len(req.Args) == 3 && req.Args[0] == verifyWord && req.Args[2] == farWord:
		return o.planVerify(ctx, req.Args[1], true)
	case len(req.Args) == 1 && (Kind(req.Args[0]) == Full || Kind(req.Args[0]) == Incremental):
		kind = Kind(req.Args[0])
	case len(req.Args) > 0:
		return ops.Plan{}, &ops.Problem{Code: "backup_kind", Name: req.Args[0], Names: []string{string(Full), string(Incremental), verifyWord}}
	}
	if err := o.ready(ctx); err != nil {
		return ops.Plan{}, err
	}
	if err := o.room(ctx, kind); err != nil {
		return ops.Plan{}, err
	}
	args, err := json.Marshal(prepareArgs{kind})
	if err != nil {
		return ops.Plan{}, err
	}
	p := ops.Plan{Word: o.Word(), Args: []string{string(kind)}, Project: o.cfg.Project, Steps: []ops.StepPlan{
		{Name: stepPrepare, Args: args, Deadline: shortStep},
		{Name: stepDatabase, Deadline: longStep},
		{Name: stepFiles, Deadline: longStep},
		{Name: stepConfig, Deadline: longStep},
		{Name: stepSecrets, Deadline: longStep},
		{Name: stepCommit, Deadline: shortStep},
		{Name: stepProve, Deadline: longStep},
		{Name: stepRetention, Deadline: longStep},
	}}
	if o.remote != nil {
		p.Steps = append(p.Steps, ops.StepPlan{Name: stepUpload, Deadline: farStep})
	}
	if kind == Incremental {
		base, err := o.base()
		if err != nil {
			return ops.Plan{}, err
		}
		if base == nil {
			p.Notes = append(p.Notes, "no_base")
		}
	}
	if len(o.recipients) == 0 {
		p.Notes = append(p.Notes, "not_encrypted")
	}
	return p, nil
}

const (
	// verifyWord asks for a set to be read back once more; its id follows.
	verifyWord = "verify"
	// farWord after it asks for the copy in the second place, also of a set that lies here.
	farWord = "s3"
)

// planVerify says that a set would be read back, or its copy in the second place: of one that lies only there in any case. Nothing else waits
// for that.
func (o *operation) planVerify(ctx context.Context, id string, far bool) (ops.Plan, error) {
	if err := CheckID(id); err != nil {
		return ops.Plan{}, err
	}
	args := []string{verifyWord, id}
	if !far {
		set, err := o.Locate(ctx, id)
		if err != nil {
			return ops.Plan{}, err
		}
		far = set.Far
	}
	if !far {
		return ops.Plan{Word: o.Word(), Args: args, Steps: []ops.StepPlan{{Name: stepVerify + ":" + id, Deadline: longStep}}}, nil
	}
	if o.remote == nil {
		return ops.Plan{}, &ops.Problem{Code: "backup_no_s3"}
	}
	if _, _, err := o.far(ctx, id); err != nil {
		return ops.Plan{}, err
	}
	return ops.Plan{Word: o.Word(), Args: append(args, farWord), Steps: []ops.StepPlan{{Name: stepVerifyFar + ":" + id, Deadline: farStep}}}, nil
}

// ready is a problem when the database does not answer.
func (s *Sets) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	if err := s.db.Ready(ctx); err != nil {
		return &ops.Problem{Code: "database_away", Text: err.Error(), Err: err}
	}
	return nil
}

// Step gives the step of that name.
func (o *operation) Step(name string) (ops.Doer, bool) {
	part := func(do func(context.Context, Draft, *ops.Run) (Made, error)) ops.Doer {
		return partStep{o.Sets, do}
	}
	if code, id, ok := strings.Cut(name, ":"); ok && code == stepVerify && CheckID(id) == nil {
		return verifyStep{o.Sets}, true
	} else if ok && code == stepVerifyFar && CheckID(id) == nil {
		return verifyFarStep{o.Sets}, o.remote != nil
	}
	switch name {
	case stepPrepare:
		return prepareStep{o.Sets}, true
	case stepDatabase:
		return part(func(ctx context.Context, d Draft, r *ops.Run) (Made, error) { return o.dump(ctx, d, bytesOf(r)) }), true
	case stepFiles:
		return part(func(ctx context.Context, d Draft, r *ops.Run) (Made, error) { return o.files(ctx, d, written(r)) }), true
	case stepConfig:
		return part(func(ctx context.Context, d Draft, r *ops.Run) (Made, error) {
			return o.plain(ctx, d, PartConfig, o.cfg.Config, written(r))
		}), true
	case stepSecrets:
		return part(func(ctx context.Context, d Draft, r *ops.Run) (Made, error) {
			return o.plain(ctx, d, PartSecrets, o.cfg.Secrets, written(r))
		}), true
	case stepCommit:
		return commitStep{o.Sets}, true
	case stepProve:
		return proveStep{o.Sets}, true
	case stepRetention:
		return retentionStep{o.Sets}, true
	case stepUpload:
		return uploadStep{o.Sets}, o.remote != nil
	}
	return nil, false
}

// partSteps are the steps whose parts the manifest lists.
var partSteps = []string{stepDatabase, stepFiles, stepConfig, stepSecrets}

// bytesOf shows how many bytes of how many are done.
func bytesOf(r *ops.Run) func(done, total int64) {
	return func(done, total int64) { r.Progress(ops.Progress{Done: done, Total: total, Unit: "bytes"}) }
}

// written shows how many bytes are done where nobody knows how many there will be.
func written(r *ops.Run) func(done int64) {
	return func(done int64) { r.Progress(ops.Progress{Done: done, Unit: "bytes"}) }
}

// draftOf is the set that an operation makes.
func draftOf(r *ops.Run) (Draft, error) {
	var d Draft
	ok, err := r.Output(stepPrepare, &d)
	if err == nil && !ok {
		err = errors.New("it is not recorded which set is made")
	}
	return d, err
}

// noUndo: a backup changes nothing that could be put back.
type noUndo struct{}

// Undo is never called: no step of a backup has one in its plan.
func (noUndo) Undo(context.Context, *ops.Run) error { return errors.New("a backup is not undone") }

var allKinds = []Kind{Full, Incremental}

func known(k Kind) bool { return slices.Contains(allKinds, k) }
