package restore

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// Database is the part of PostgreSQL that restores use.
type Database interface {
	Name() string
	Service() string
	Size(ctx context.Context) (int64, error)
	Free(ctx context.Context) (int64, bool, error)
	MayOperate(ctx context.Context) (bool, error)
	Made(purpose, operation string) (string, error)
	Fill(ctx context.Context, name string, r io.Reader, progress func(done int64)) error
	LookFilled(ctx context.Context, name string) (postgres.Filled, error)
	Counts(ctx context.Context, database string) (postgres.Counts, error)
	OID(ctx context.Context, name string) (string, error)
	Swap(ctx context.Context, x postgres.Exchange) (time.Duration, error)
	Unswap(ctx context.Context, x postgres.Exchange) (time.Duration, error)
	LookSwapped(ctx context.Context, x postgres.Exchange) (postgres.Swapped, error)
	Drop(ctx context.Context, name string) error
	Kept(ctx context.Context) ([]postgres.Kept, error)
}

var _ Database = (*postgres.Database)(nil)

// Sets is the part of the backups that restores use.
type Sets interface {
	Find(id string) (*backup.Set, error)
	Newest() (*backup.Set, error)
	Locate(ctx context.Context, id string) (*backup.Set, error)
	LocateNewest(ctx context.Context) (*backup.Set, error)
	Missing(ctx context.Context, set *backup.Set, parts []string) (*backup.Fetch, error)
	Fetch(ctx context.Context, operation int64, f backup.Fetch, progress func(done, total int64)) error
	Fetched(f backup.Fetch) bool
	OpenPart(id, part string) (io.ReadCloser, backup.Part, error)
	UnpackPart(ctx context.Context, id, part, into string) error
	UnpackFiles(ctx context.Context, id, into string, progress func(bytes int64)) error
}

var _ Sets = (*backup.Sets)(nil)

// Engine is the part of the Docker engine that restores use.
type Engine interface {
	target.Engine
	Container(ctx context.Context, id string) (*docker.Container, error)
	Restart(ctx context.Context, id string, timeout time.Duration) error
}

var _ Engine = (*docker.Engine)(nil)

// Config says where things stand.
type Config struct {
	Root    string // the application's folder
	Files   []string
	Config  []string
	Secrets []string
	Zone    *time.Location // in which people write moments; nil: UTC
}

// Kind is `restore ID [database|files|config|secrets]`, `restore TIME [database]` and `restore undo OP-n`.
type Kind struct {
	DB     Database
	Sets   Sets
	Engine Engine
	App    *target.Application
	Config Config
	Now    func() time.Time

	// Archive is the log from which the database comes back to a moment; nil: none is kept.
	Archive Archive
}

var _ ops.Kind = (*Kind)(nil)

// What can be restored of a set. Without one of them it is what users have made: the database and the files.
const (
	partDatabase = "database"
	partFiles    = "files"
	partConfig   = "config"
	partSecrets  = "secrets"
)

var parts = []string{partDatabase, partFiles, partConfig, partSecrets}

// stored is what a set calls them.
var stored = map[string]string{
	partDatabase: backup.PartDatabase, partFiles: backup.PartFiles, partConfig: backup.PartConfig, partSecrets: backup.PartSecrets,
}

// The steps.
const (
	stepFetch    = "fetch"         // what lies in the second place only comes here
	stepSet      = "check_set"     // it is whole, and there is room
	stepFill     = "fill"          // a new database beside the live one
	stepVerify   = "verify_rows"   // its rows
	stepUnpack   = "unpack"        // files beside the live ones
	stepSwap     = "swap_database" // the databases, in one transaction
	stepSettle   = "settle"        // what was sick without its database gets well
	stepExchange = "exchange"      // the files; services that see them are restarted
)

// Deadlines. The long ones are within the guide's recovery time of four hours.
const (
	shortStep = 2 * time.Minute
	longStep  = 4 * time.Hour
)

// Word implements ops.Kind.
func (*Kind) Word() string { return "restore" }

// Details is what a plan shows of what is restored.
type Details struct {
	Set     string    `json:"set,omitempty"`
	At      time.Time `json:"at,omitzero"` // the state that comes back
	Proven  time.Time `json:"proven,omitzero"`
	Size    int64     `json:"size,omitempty"` // bytes of the set
	Tables  int       `json:"tables,omitempty"`
	Rows    int64     `json:"rows,omitempty"`
	Now     int64     `json:"now,omitempty"`   // bytes of the live database on disk; zero: there is none
	Files   int64     `json:"files,omitempty"` // how many the set has
	Paths   []string  `json:"paths,omitempty"` // what is replaced in the application's folder
	Parts   []string  `json:"parts,omitempty"`
	Undoes  string    `json:"undoes,omitempty"` // the operation whose restore is taken back
	Restart []string  `json:"restart,omitempty"`
	Fetch   *Fetching `json:"fetch,omitempty"`  // nil: all of it lies here
	Moment  string    `json:"moment,omitempty"` // of a moment: At with its zone, as people read it
	Base    string    `json:"base,omitempty"`   // the copy of the cluster that is brought to it
	Copied  time.Time `json:"copied,omitzero"`  // of when that is
	Log     int       `json:"log,omitempty"`    // files of the log that are replayed at most
}

// Plan implements ops.Kind.
func (k *Kind) Plan(ctx context.Context, req ops.Request) (ops.Plan, error) {
	if len(req.Args) > 0 && req.Args[0] == "undo" {
		return k.planUndo(ctx, req.Args[1:])
	}
	if len(req.Args) > 0 && momentLike.MatchString(req.Args[0]) {
		return k.planMoment(ctx, req.Args)
	}
	set, wanted, err := k.read(ctx, req.Args)
	if err != nil {
		return ops.Plan{}, err
	}
	p, err := k.begin(ctx, wanted)
	if err != nil {
		return p, err
	}
	p.Args = append([]string{set.ID}, req.Args[1:]...)
	p.Backup = ops.Backup{Choice: ops.BackupWanted}
	d := Details{Set: set.ID, At: set.At, Size: set.Size(), Parts: wanted}
	if set.Proven() {
		d.Proven = set.Proof.At
	} else if !set.Far {
		p.Notes = append(p.Notes, "restore_unproven")
	}
	if err := k.planFetch(ctx, &p, &d, set, wanted); err != nil {
		return p, err
	}
	p.Steps = append(p.Steps, ops.StepPlan{Name: stepSet, Args: args(setArgs{set.ID, wanted}), Deadline: shortStep})
	var last []ops.StepPlan // what replaces comes after all that prepares
	for _, part := range wanted {
		if part == partDatabase {
			if err := k.planDatabase(ctx, &p, &last, &d, set); err != nil {
				return p, err
			}
			continue
		}
		if err := k.planFiles(ctx, &p, &last, &d, set, part); err != nil {
			return p, err
		}
	}
	if len(last) > 0 {
		last[0].Bound = true
	}
	p.Steps = append(p.Steps, last...)
	return k.end(ctx, p, d, wanted)
}

// read finds the set and which parts of it are meant.
func (k *Kind) read(ctx context.Context, words []string) (*backup.Set, []string, error) {
	if len(words) == 0 || len(words) > 2 {
		return nil, nil, &ops.Problem{Code: "restore_which", Names: k.newest()}
	}
	set, err := k.find(ctx, words[0])
	if err != nil {
		return nil, nil, err
	}
	if set.Broken != "" {
		return nil, nil, &ops.Problem{Code: "backup_not_proven", Name: set.ID, Text: set.Broken}
	}
	if len(words) == 2 {
		if !slices.Contains(parts, words[1]) {
			return nil, nil, &ops.Problem{Code: "restore_part", Name: words[1], Names: parts}
		}
		if _, ok := set.Part(stored[words[1]]); !ok {
			return nil, nil, &ops.Problem{Code: "backup_no_part", Name: words[1], Text: set.ID}
		}
		return set, words[1:], nil
	}
	var wanted []string
	for _, part := range []string{partDatabase, partFiles} {
		if _, ok := set.Part(stored[part]); ok {
			wanted = append(wanted, part)
		}
	}
	if len(wanted) == 0 {
		return nil, nil, &ops.Problem{Code: "backup_no_part", Name: partDatabase, Text: set.ID}
	}
	return set, wanted, nil
}

// find gives a set by its id, and the newest proven one for the word latest, wherever it lies.
func (k *Kind) find(ctx context.Context, id string) (*backup.Set, error) {
	if id != "latest" {
		return k.Sets.Locate(ctx, id)
	}
	set, err := k.Sets.LocateNewest(ctx)
	if err == nil && set == nil {
		err = &ops.Problem{Code: "backup_unknown", Name: id}
	}
	return set, err
}

func (k *Kind) newest() []string {
	if set, err := k.Sets.Newest(); err == nil && set != nil {
		return []string{set.ID}
	}
	return nil
}

// begin is what plans of all sorts have.
func (k *Kind) begin(ctx context.Context, wanted []string) (ops.Plan, error) {
	bound, err := k.App.Bind(ctx)
	if err != nil {
		return ops.Plan{}, err
	}
	p := ops.Plan{Word: k.Word(), Project: k.App.Project, Target: bound}
	if !slices.Contains(wanted, partDatabase) {
		return p, nil
	}
	may, err := k.DB.MayOperate(ctx)
	switch {
	case errors.Is(err, postgres.ErrNoProgram):
		return p, &ops.Problem{Code: "restore_no_programs", Name: k.DB.Service(), Text: err.Error(), Err: err}
	case err != nil:
		return p, &ops.Problem{Code: "restore_away", Name: k.DB.Service(), Text: err.Error(), Err: err}
	case !may:
		return p, &ops.Problem{Code: "restore_no_rights", Name: k.DB.Name()}
	}
	return p, nil
}

// end adds which services feel it, what is restarted, and what is checked afterwards.
func (k *Kind) end(ctx context.Context, p ops.Plan, d Details, wanted []string) (ops.Plan, error) {
	project, err := k.Engine.Project(ctx)
	if err != nil {
		return p, target.Explain(err)
	}
	touched := map[string]bool{}
	if slices.Contains(wanted, partDatabase) {
		touched[k.DB.Service()] = true
		for _, s := range project.Services {
			if slices.Contains(s.DependsOn, k.DB.Service()) {
				touched[s.Name] = true
			}
		}
		p.Notes = append(p.Notes, "restore_connections")
	}
	if d.Restart, err = k.mounting(ctx, d.Paths); err != nil {
		return p, err
	}
	for _, s := range d.Restart {
		touched[s] = true
	}
	order, err := project.RestartOrder()
	if err != nil {
		return p, target.Explain(err)
	}
	order = slices.DeleteFunc(order, func(name string) bool { return !touched[name] })
	if len(order) > 0 {
		p.Steps = append(p.Steps, ops.StepPlan{Name: stepSettle, Deadline: shortStep})
		if p.Services, err = k.App.Affected(ctx, order); err != nil {
			return p, err
		}
	}
	p.Silence = order
	p.Checks = k.App.Checks(order)
	p.Notes = append(p.Notes, "restore_kept")
	if p.Details, err = json.Marshal(d); err != nil {
		return p, err
	}
	return p, nil
}

// mounting lists the services that see one of these paths of the application's folder. A container goes on seeing what was there when
// it started, so each is restarted.
func (k *Kind) mounting(ctx context.Context, paths []string) ([]string, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	containers, err := k.Engine.Containers(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	var out []string
	for i := range containers {
		c := &containers[i]
		sees := slices.ContainsFunc(c.Binds, func(bind string) bool {
			return slices.ContainsFunc(paths, func(p string) bool { return within(bind, filepath.Join(k.Config.Root, p)) })
		})
		if sees && c.Running() && !slices.Contains(out, c.Service) {
			out = append(out, c.Service)
		}
	}
	return out, nil
}

// within tells whether a path is that folder or in it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}

// Step implements ops.Kind.
func (k *Kind) Step(name string) (ops.Doer, bool) {
	code, part, _ := strings.Cut(name, ":")
	switch code {
	case stepFetch:
		return fetchStep{noUndo{}, k}, true
	case stepSet:
		return setStep{noUndo{}, k}, true
	case stepFill:
		return fillStep{k}, true
	case stepVerify:
		return verifyStep{noUndo{}, k}, true
	case stepReplay:
		return replayStep{k}, true
	case stepTake:
		return takeStep{fillStep{k}}, true
	case stepDiscard:
		return discardStep{noUndo{}, k}, true
	case stepSwap:
		return swapStep{k}, true
	case stepSettle:
		return settleStep{noUndo{}, k}, true
	case stepUnpack:
		return unpackStep{k}, slices.Contains(parts[1:], part)
	case stepExchange:
		return exchangeStep{k}, slices.Contains(parts[1:], part)
	}
	return k.App.Check(name)
}

func (k *Kind) now() time.Time {
	if k.Now == nil {
		return time.Now()
	}
	return k.Now()
}

// args puts the arguments of a step into its plan. They are structs of strings: it cannot fail.
func args(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// noUndo is for steps that change nothing.
type noUndo struct{}

// Undo is never called: the plan has none.
func (noUndo) Undo(context.Context, *ops.Run) error { return errors.New("it changed nothing") }
