package ops

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Plan is what will be done, frozen. Approvals bind to its Hash.
type Plan struct {
	Word    string   `json:"word"` // the kind's: "restart"; a key of the policies
	Args    []string `json:"args,omitempty"`
	Project string   `json:"project,omitempty"` // whose lock is held meanwhile; empty: none is
	Reason  string   `json:"reason,omitempty"`  // why it was asked: hostile

	Services []Affected  `json:"services,omitempty"`
	Target   Fingerprint `json:"target,omitzero"` // what the approval binds to besides the steps; zero: nothing
	Backup   Backup      `json:"backup,omitzero"`

	Steps  []StepPlan `json:"steps"`
	Checks []StepPlan `json:"checks,omitempty"` // what is verified afterwards; they change nothing

	Silence   []string `json:"silence,omitempty"`    // services whose alerts are silenced meanwhile
	NoSilence string   `json:"no_silence,omitempty"` // why others are not

	Usual   time.Duration   `json:"usual,omitempty"` // how long it took in the past; zero: not known
	Notes   []string        `json:"notes,omitempty"` // what people should know before they approve
	Details json.RawMessage `json:"details,omitempty"`
}

// Affected is a service that the plan touches, as it is when the plan is made.
type Affected struct {
	Name       string      `json:"name"`
	Containers []Container `json:"containers,omitempty"`
}

// Container is one container of a service, with the image that it runs.
type Container struct {
	ID    string `json:"id"`
	Image string `json:"image"` // sha256:…
}

// StepPlan is one step of a plan.
type StepPlan struct {
	Name     string          `json:"name"` // unique in the plan; the kind's name for it may be followed by a colon and a subject
	Args     json.RawMessage `json:"args,omitempty"`
	Changes  bool            `json:"changes,omitempty"` // it changes the application
	Undo     string          `json:"undo,omitempty"`    // what undoes it, in words; empty: nothing does
	Bound    bool            `json:"bound,omitempty"`   // what came before may have taken hours: the target is looked at again right before it
	Deadline time.Duration   `json:"deadline"`
}

// BackupChoice is what a plan does about a backup before it begins.
type BackupChoice string

// The choices. The zero value is that of kinds that need none.
const (
	BackupWanted BackupChoice = "wanted" // set by a kind; the Service turns it into one of the others before anybody sees it
	BackupSet    BackupChoice = "set"    // a proven set is fresh enough: Set. When it is not any more at the start, one is taken
	BackupTaken  BackupChoice = "take"   // one is taken and proven first
	BackupNone   BackupChoice = "none"   // it goes without, because of Why; approved as such
)

// Backup is the backup before an operation.
type Backup struct {
	Choice   BackupChoice  `json:"choice,omitempty"`
	Set      string        `json:"set,omitempty"`
	At       time.Time     `json:"at,omitzero"` // of the set
	Why      string        `json:"why,omitempty"`
	Deadline time.Duration `json:"deadline,omitempty"` // of the step that takes or checks it; zero: an hour
}

// Fingerprint is what must not change between the plan and its end: the set of services, their images, the commit and the compose file. Whether they
// run, how often they restarted and how big they are does not belong to it.
type Fingerprint struct {
	Services map[string][]string `json:"services,omitempty"` // name → ids of the images that it runs, sorted, each once
	Commit   string              `json:"commit,omitempty"`
	Compose  string              `json:"compose,omitempty"` // hash of the compose file
}

// IsZero tells whether it says nothing.
func (f Fingerprint) IsZero() bool { return len(f.Services) == 0 && f.Commit == "" && f.Compose == "" }

// Difference is one thing that changed at the target.
type Difference struct {
	What string `json:"what"` // "services", "image", "commit", "compose"; what only a step looks at: "database", "file"
	Name string `json:"name,omitempty"`
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

// Differences tells what changed from f to g. What the plan does not bind to (an empty commit, an empty hash) is not compared.
func (f Fingerprint) Differences(g Fingerprint) []Difference {
	var out []Difference
	names := slices.Sorted(maps.Keys(f.Services))
	for _, name := range slices.Sorted(maps.Keys(g.Services)) {
		if _, ok := f.Services[name]; !ok && len(f.Services) > 0 {
			out = append(out, Difference{What: "services", Name: name, Is: list(g.Services[name])})
		}
	}
	for _, name := range names {
		was, is := f.Services[name], g.Services[name]
		_, there := g.Services[name]
		switch {
		case !there:
			out = append(out, Difference{What: "services", Name: name, Was: list(was)})
		case list(was) != list(is):
			out = append(out, Difference{What: "image", Name: name, Was: list(was), Is: list(is)})
		}
	}
	if f.Commit != "" && f.Commit != g.Commit {
		out = append(out, Difference{What: "commit", Was: f.Commit, Is: g.Commit})
	}
	if f.Compose != "" && f.Compose != g.Compose {
		out = append(out, Difference{What: "compose", Was: f.Compose, Is: g.Compose})
	}
	return out
}

// list writes a set of ids the same way whatever their order.
func list(ids []string) string {
	b, _ := json.Marshal(slices.Compact(slices.Sorted(slices.Values(ids)))) // strings: cannot fail
	return string(b)
}

// Hash is the sha256 over the plan in canonical JSON: keys sorted, no spaces.
func (p Plan) Hash() (string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("hash the plan of %s: %w", p.Word, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return "", fmt.Errorf("hash the plan of %s: %w", p.Word, err)
	}
	if b, err = json.Marshal(plain); err != nil {
		return "", fmt.Errorf("hash the plan of %s: %w", p.Word, err)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// BackupStep is the name of the step that sees to the backup. It comes before all others, and a plan has no other of that name.
const BackupStep = "backup"

const defaultBackupDeadline = time.Hour

// ErrPlan says that a plan is not one that could be carried out. It is a defect of its kind.
var ErrPlan = errors.New("not a plan")

// check refuses a plan that the engine could not keep its promise for.
func (p Plan) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s: %s", ErrPlan, p.Word, fmt.Sprintf(format, args...))
	}
	if p.Word == "" {
		return bad("it has no word")
	}
	if len(p.Steps) == 0 {
		return bad("it has no steps")
	}
	switch p.Backup.Choice {
	case "", BackupTaken, BackupSet:
	case BackupNone:
		if p.Backup.Why == "" {
			return bad("it goes without a backup and does not say why")
		}
	default:
		return bad("its backup is %q", p.Backup.Choice)
	}
	seen := map[string]bool{BackupStep: true}
	for _, st := range slices.Concat(p.Steps, p.Checks) {
		switch {
		case st.Name == "" || seen[st.Name]:
			return bad("the step %q has no name of its own", st.Name)
		case st.Deadline <= 0:
			return bad("the step %q has no deadline", st.Name)
		case st.Undo != "" && !st.Changes:
			return bad("the step %q changes nothing and is undone", st.Name)
		}
		seen[st.Name] = true
	}
	for _, st := range p.Checks {
		if st.Changes {
			return bad("the check %q changes something", st.Name)
		}
	}
	return nil
}

// steps lists all that is done, in order.
func (p Plan) steps() []Step {
	var out []Step
	if p.Backup.Choice == BackupSet || p.Backup.Choice == BackupTaken {
		d := cmp.Or(p.Backup.Deadline, defaultBackupDeadline)
		out = append(out, Step{StepPlan: StepPlan{Name: BackupStep, Deadline: d}, Part: PartBackup})
	}
	for _, st := range p.Steps {
		out = append(out, Step{StepPlan: st, Part: PartStep})
	}
	for _, st := range p.Checks {
		out = append(out, Step{StepPlan: st, Part: PartCheck})
	}
	for i := range out {
		out[i].State = Pending
	}
	return out
}
