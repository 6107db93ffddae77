package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func person(id string) ops.Person { return ops.Person{Actor: incidents.Person(id), Team: "T1"} }

var (
	ann = person("U0ANN") // asks
	bob = person("U0BOB") // commanders
	cat = person("U0CAT")
	dan = person("U0DAN") // nobody
	eve = person("U0EVE") // may break the glass
)

// people is a small team: everybody but dan may ask, and bob and cat (and ann) approve.
type people struct {
	mu        sync.Mutex
	approvals int
	self      bool
	lost      map[string]bool // roles that were taken away
	away      error           // the directory does not answer
}

func (p *people) Rule(word string) (access.Rule, bool) {
	return access.Rule{
		Class: access.Change, Run: access.Operators, Approve: access.Commanders, Approvals: p.approvals,
		Expires: 15 * time.Minute, SelfApproval: p.self,
	}, word != "unknown"
}

func (p *people) may(who ops.Person, word string, ids ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away != nil {
		return &access.Denied{Reason: access.LookupFailed, Word: word, Err: p.away}
	}
	if p.lost[who.ID] || !slices.Contains(ids, who.ID) {
		return &access.Denied{Reason: access.NotListed, Word: word}
	}
	return nil
}

func (p *people) MayRun(_ context.Context, who ops.Person, word string) error {
	return p.may(who, word, ann.ID, bob.ID, cat.ID, eve.ID)
}

func (p *people) MayApprove(_ context.Context, who ops.Person, word string) error {
	return p.may(who, word, ann.ID, bob.ID, cat.ID)
}

func (p *people) MayActAlone(_ context.Context, who ops.Person, word string) error {
	return p.may(who, word, eve.ID, cat.ID)
}

// target is an application whose images and commit somebody may change.
type target struct {
	mu     sync.Mutex
	commit string
	err    error
	looks  int
	hung   map[string]bool // projects of which no look ends
}

func (t *target) Fingerprint(ctx context.Context, p ops.Plan) (ops.Fingerprint, error) {
	t.mu.Lock()
	t.looks++
	hung := t.hung[p.Project]
	t.mu.Unlock()
	if hung {
		<-ctx.Done()
		return ops.Fingerprint{}, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return ops.Fingerprint{Services: map[string][]string{"backend": {"sha256:1"}}, Commit: t.commit}, t.err
}

func (t *target) set(commit string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commit, t.err = commit, err
}

// thing is the truth about one step of one operation.
type thing struct {
	done, partly bool
	begun        int
	seen         ops.Seen // the last look
	undone       int
}

// app is the application that operations change. It knows what really happened.
type app struct {
	mu     sync.Mutex
	things map[string]*thing
	inside map[string]string // project → the step that is at work in it
	wrong  []string
}

func newApp() *app { return &app{things: map[string]*thing{}, inside: map[string]string{}} }

func (a *app) thing(op int64, step string) *thing {
	key := fmt.Sprintf("%d/%s", op, step)
	if a.things[key] == nil {
		a.things[key] = &thing{}
	}
	return a.things[key]
}

func (a *app) wrongs() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.wrong)
}

func (a *app) enter(project, what string) func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if other := a.inside[project]; other != "" {
		a.wrong = append(a.wrong, fmt.Sprintf("%s works on %s while %s does", what, project, other))
	}
	a.inside[project] = what
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.inside, project)
	}
}

// act is what a step does in the test: it is told which function of which step.
type act func(ctx context.Context, what string, r *ops.Run, th *thing) (ops.Seen, error)

// kind is a kind of operation whose steps change app.
type kind struct {
	word  string
	app   *app
	plan  ops.Plan
	acts  map[string]act // by "do stop", "look stop", "undo stop"; without one the step does what it should
	every act            // asked first for all
	must  func(r *ops.Run) error
}

func (k *kind) Word() string { return k.word }

func (k *kind) Plan(_ context.Context, req ops.Request) (ops.Plan, error) {
	if slices.Contains(req.Args, "bad") {
		return ops.Plan{}, errors.New("no such service: bad")
	}
	p := k.plan
	p.Args = req.Args
	for _, a := range req.Args {
		if project, ok := strings.CutPrefix(a, "project="); ok {
			p.Project = project
		}
	}
	return p, nil
}

func (k *kind) Step(name string) (ops.Doer, bool) {
	name, _, _ = strings.Cut(name, ":")
	return &doer{k}, slices.Contains([]string{"stop", "swap", "start", "health"}, name)
}

// Tell names the steps that are done, by what they recorded where they did.
func (k *kind) Tell(op *ops.Operation) []ops.Fact {
	var out []ops.Fact
	for _, st := range op.Steps {
		if f := (ops.Fact{Code: "did", Name: st.Name}); op.DoneStep(st.Name) {
			op.Recorded(st.Name, &f.Text)
			out = append(out, f)
		}
	}
	return out
}

type doer struct{ k *kind }

// errDefault tells the doer to do what it should.
var errDefault = errors.New("default")

func (d *doer) ask(ctx context.Context, what string, r *ops.Run) (ops.Seen, error) {
	a := d.k.app
	a.mu.Lock()
	th := a.thing(r.Operation.Number, r.Step.Name)
	a.mu.Unlock()
	for _, f := range []act{d.k.acts[what+" "+r.Step.Name], d.k.every} {
		if f == nil {
			continue
		}
		if seen, err := f(ctx, what, r, th); !errors.Is(err, errDefault) {
			return seen, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch what {
	case "do":
		th.done = true
	case "undo":
		th.done, th.partly = false, false
	case "look":
		return truth(th), nil
	}
	return "", nil
}

func truth(th *thing) ops.Seen {
	switch {
	case th.partly:
		return ops.SeenPartly
	case th.done:
		return ops.SeenDone
	}
	return ops.SeenNotDone
}

func (d *doer) Do(ctx context.Context, r *ops.Run) error {
	a := d.k.app
	defer a.enter(r.Operation.Plan.Project, r.Operation.Key()+" "+r.Step.Name)()
	if d.k.must != nil {
		if err := d.k.must(r); err != nil {
			a.mu.Lock()
			a.wrong = append(a.wrong, err.Error())
			a.mu.Unlock()
		}
	}
	a.mu.Lock()
	th := a.thing(r.Operation.Number, r.Step.Name)
	if th.begun > 0 && th.seen != ops.SeenNotDone {
		a.wrong = append(a.wrong, fmt.Sprintf("%s does %s again, and the last look said %q", r.Operation.Key(), r.Step.Name, th.seen))
	}
	th.begun++
	th.seen = ""
	a.mu.Unlock()
	_, err := d.ask(ctx, "do", r)
	return err
}

func (d *doer) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	seen, err := d.ask(ctx, "look", r)
	a := d.k.app
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.thing(r.Operation.Number, r.Step.Name).seen = seen
	}
	return seen, err
}

func (d *doer) Undo(ctx context.Context, r *ops.Run) error {
	a := d.k.app
	defer a.enter(r.Operation.Plan.Project, r.Operation.Key()+" undo "+r.Step.Name)()
	a.mu.Lock()
	th := a.thing(r.Operation.Number, r.Step.Name)
	if th.undone > 0 && th.seen != ops.SeenDone && th.seen != ops.SeenPartly {
		a.wrong = append(a.wrong, fmt.Sprintf("%s undoes %s again, and the last look said %q", r.Operation.Key(), r.Step.Name, th.seen))
	}
	th.undone++
	th.seen = ""
	a.mu.Unlock()
	_, err := d.ask(ctx, "undo", r)
	return err
}

const stepDeadline = 5 * time.Second

// swapPlan stops, swaps and starts the backend; all but the start can be undone.
func swapPlan() ops.Plan {
	return ops.Plan{
		Word: "restart", Project: "notebook",
		Services: []ops.Affected{{Name: "backend", Containers: []ops.Container{{ID: "c1", Image: "sha256:1"}}}},
		Target:   ops.Fingerprint{Services: map[string][]string{"backend": {"sha256:1"}}, Commit: "abc"},
		Steps: []ops.StepPlan{
			{Name: "stop:backend", Changes: true, Undo: "it is started again", Deadline: stepDeadline, Args: json.RawMessage(`{"signal":"TERM"}`)},
			{Name: "swap:backend", Changes: true, Undo: "the old image", Deadline: stepDeadline},
		},
		Checks: []ops.StepPlan{{Name: "health", Deadline: stepDeadline}},
	}
}
