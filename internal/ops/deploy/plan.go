package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// Deadlines of steps that nothing configures.
const (
	checkoutIn = 2 * time.Minute
	pinIn      = 30 * time.Second
	tidyIn     = 2 * time.Minute
	reloadIn   = 20 * time.Second
	composeIn  = 2 * time.Minute // to create containers
)

// Plan implements ops.Kind. The tags are fetched first: a name that nobody could know here is often a tag of today.
func (k *Kind) Plan(ctx context.Context, req ops.Request) (ops.Plan, error) {
	if len(req.Args) > 1 {
		return ops.Plan{}, &ops.Problem{Code: "deploy_one_version", Name: strings.Join(req.Args, " ")}
	}
	if err := k.repo.there(ctx); err != nil {
		return ops.Plan{}, &ops.Problem{Code: "deploy_no_checkout", Name: k.cfg.Dir, Err: err}
	}
	var notes []string
	if err := k.tags.get(ctx); err != nil {
		notes = append(notes, "deploy_no_remote: "+k.redact(err.Error()))
	}
	w, err := k.look(ctx)
	if err != nil {
		return ops.Plan{}, err
	}
	goal, err := k.goal(ctx, w, req.Args)
	if err != nil {
		return ops.Plan{}, err
	}
	p, err := k.draft(ctx, w, goal)
	if err != nil {
		return ops.Plan{}, err
	}
	p.Args, p.Notes = req.Args, append(p.Notes, notes...)
	if k.word == WordRollback && len(req.Args) == 0 {
		p.Args = []string{goal.version.label()}
	}
	p.Target, err = k.app.Bind(ctx)
	return p, err
}

func (v Version) label() string {
	if v.Name != "" {
		return v.Name
	}
	return short(v.Commit)
}

// look looks at the checkout and at the application.
func (k *Kind) look(ctx context.Context) (*world, error) {
	w := &world{}
	var err error
	if w.tags, err = k.repo.tags(ctx); err != nil {
		return nil, err
	}
	if w.head, err = k.repo.head(ctx); err != nil {
		return nil, err
	}
	changed, err := k.repo.changed(ctx)
	if err != nil {
		return nil, err
	}
	if len(changed) > 0 {
		return nil, &ops.Problem{Code: "deploy_changed_files", Name: k.cfg.Dir, Names: changed[:min(len(changed), 10)], Count: len(changed)}
	}
	if w.containers, err = k.docker.Containers(ctx); err != nil {
		return nil, target.Explain(err)
	}
	if w.now, err = k.docker.ProjectAs(ctx, docker.View{}); err != nil {
		return nil, target.Explain(err)
	}
	w.was = k.pinned(w.tags, w.now)
	return w, nil
}

// goal is the version that is asked for.
func (k *Kind) goal(ctx context.Context, w *world, args []string) (*earlier, error) {
	if k.word == WordRollback && len(args) == 0 {
		e, err := k.before(ctx, w.current())
		if err != nil {
			return nil, err
		}
		if e == nil {
			names := k.allowed(w.tags)
			return nil, &ops.Problem{Code: "rollback_no_past", Name: w.current().label(), Names: names[:min(len(names), suggests)]}
		}
		if !k.repo.has(ctx, e.version.Commit) {
			return nil, &ops.Problem{Code: "rollback_no_commit", Name: e.version.label()}
		}
		return e, nil
	}
	written := ""
	if len(args) == 1 {
		written = args[0]
	}
	v, err := k.version(written, w.tags)
	if err != nil {
		return nil, err
	}
	e, err := k.known(ctx, v.Commit)
	if err != nil {
		return nil, err
	}
	if e == nil {
		e = &earlier{}
	}
	e.version = v
	return e, nil
}

// next reads the compose file of the version, with its own pins.
func (k *Kind) next(ctx context.Context, w *world, goal *earlier) error {
	tmp, err := os.MkdirTemp("", "notebookbot-deploy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // Only the version's own files.
	dir, err := k.repo.extract(ctx, goal.version.Commit, tmp)
	if err != nil {
		return err
	}
	view := docker.View{Dir: dir}
	read := func() error {
		w.next, err = k.docker.ProjectAs(ctx, view)
		if errors.Is(err, docker.ErrComposeFile) || errors.Is(err, docker.ErrUnknownService) {
			return &ops.Problem{Code: "deploy_compose_file", Name: goal.version.label(), Text: strings.ReplaceAll(k.redact(err.Error()), dir, k.cfg.Dir)}
		}
		return err
	}
	if err := read(); err != nil {
		return err
	}
	maps.Copy(w.was, k.pinned(w.tags, w.next)) // a service may be new with the version
	w.pins = map[string]string{}
	for name, now := range w.was {
		w.pins[name] = valueFor(goal.version.label(), now, w.tags)
		if v, ok := goal.pins[name]; ok {
			w.pins[name] = v
		}
		if !imageTag.MatchString(w.pins[name]) {
			return &ops.Problem{Code: "deploy_not_a_tag", Name: w.pins[name], Names: []string{name}}
		}
	}
	view.Env = w.pins
	return read()
}

// draft writes the plan down.
func (k *Kind) draft(ctx context.Context, w *world, goal *earlier) (ops.Plan, error) {
	from, to := w.current(), goal.version
	if err := k.next(ctx, w, goal); err != nil {
		return ops.Plan{}, err
	}
	// Without nginx nothing can be exchanged. The version's own configuration is tried again before anything is started.
	if p, err := k.proxyOf(ctx, ""); err != nil {
		return ops.Plan{}, target.Explain(err)
	} else if err := p.test(ctx); err != nil {
		return ops.Plan{}, &ops.Problem{Code: "deploy_nginx", Text: err.Error(), Err: err}
	}
	if len(w.pins) > 0 {
		if tracked, err := k.repo.tracked(ctx, ".env"); err != nil || tracked {
			return ops.Plan{}, errors.Join(err, &ops.Problem{Code: "deploy_env_tracked", Name: filepath.Join(k.cfg.Dir, ".env")})
		}
	}
	found, others, err := k.concerned(w)
	if err != nil {
		return ops.Plan{}, err
	}
	if len(found) == 0 {
		return ops.Plan{}, &ops.Problem{Code: "deploy_concerns_nothing", Name: to.label(), Names: others}
	}
	d := Details{From: from, Head: w.head, To: to, Was: w.was, Pins: w.pins, Others: others}
	same := w.head.Commit == to.Commit
	for _, s := range found {
		x, err := k.exchange(ctx, w, s, to, goal.images)
		if err != nil {
			return ops.Plan{}, err
		}
		d.Services = append(d.Services, x)
		same = same && !x.Changed && x.Image != "" && runs(w.containers, s.Name, x.Image)
	}
	if same {
		return ops.Plan{}, &ops.Problem{Code: "deploy_runs_already", Name: to.label()}
	}
	diff, err := k.repo.difference(ctx, w.head.Commit, to.Commit)
	if err != nil {
		return ops.Plan{}, err
	}
	d.Commits, d.Back, d.Files, d.Added, d.Removed = diff.commits, diff.back, diff.files, diff.added, diff.removed
	d.Migrations = migrations(diff.names, k.cfg.Migrate)
	var moved []string
	d.Compose, moved = differs(w)
	p := ops.Plan{Word: k.word, Project: k.cfg.Project, Services: affected(d.Services, w.containers), Notes: k.notes(&d, moved)}
	if err := k.steps(ctx, &p, w, &d); err != nil {
		return ops.Plan{}, err
	}
	for _, s := range d.Services {
		p.Silence = append(p.Silence, s.Name)
	}
	p.Checks = k.app.Checks(p.Silence)
	p.Details, err = json.Marshal(d)
	return p, err
}

// runs tells whether all containers of a service run that image.
func runs(containers []docker.Container, service, image string) bool {
	n := 0
	for i := range containers {
		if c := &containers[i]; c.Service == service {
			if !c.Running() || c.ImageID != image {
				return false
			}
			n++
		}
	}
	return n > 0
}

// migrations names the files of the difference that look like migrations of a database.
func migrations(names, argv []string) []string {
	var out []string
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), "migrat") || len(argv) > 0 && strings.HasSuffix(name, strings.TrimPrefix(argv[0], "./")) {
			out = append(out, name)
		}
	}
	return out[:min(len(out), 10)]
}

// differs tells whether the compose file says something else of any service, and of which ones that the version does not concern.
func differs(w *world) (bool, []string) {
	changed := false
	var others []string
	for _, s := range w.next.Services {
		before, err := w.now.Service(s.Name)
		if err == nil && before.Definition == s.Definition {
			continue
		}
		changed = true
		others = append(others, s.Name)
	}
	for _, s := range w.now.Services {
		if _, err := w.next.Service(s.Name); err != nil {
			changed, others = true, append(others, s.Name)
		}
	}
	return changed, others
}

// notes say what people should know before they approve.
func (k *Kind) notes(d *Details, moved []string) []string {
	var out []string
	note := func(code, text string) { out = append(out, strings.TrimSuffix("deploy_"+code+": "+text, ": ")) }
	switch {
	case d.Back > 0 && d.Commits > 0:
		note("diverged", fmt.Sprintf("+%d −%d", d.Commits, d.Back))
	case d.Back > 0:
		note("backwards", strconv.Itoa(d.Back))
	}
	if len(d.Migrations) > 0 {
		note("migrations", strings.Join(d.Migrations, ", "))
	}
	var unchecked, gap, unseen []string
	concerned := map[string]bool{}
	for _, s := range d.Services {
		concerned[s.Name] = true
		if !s.Checked {
			unchecked = append(unchecked, s.Name)
		}
		if s.Mode == Recreate {
			gap = append(gap, s.Name)
		}
		if s.Source == Pull && s.Digest == "" {
			unseen = append(unseen, s.Ref)
		}
	}
	if others := slices.DeleteFunc(slices.Clone(moved), func(name string) bool { return concerned[name] }); len(others) > 0 {
		note("others_changed", strings.Join(others, ", "))
	}
	if len(unchecked) > 0 {
		out = append(out, "no_healthcheck: "+strings.Join(unchecked, ", "))
	}
	if len(gap) > 0 {
		note("gap", strings.Join(gap, ", "))
	}
	if len(unseen) > 0 {
		note("unseen_image", strings.Join(unseen, ", "))
	}
	if k.word == WordRollback {
		note("database_stays", "")
	}
	return out
}

// steps lays the steps down.
func (k *Kind) steps(ctx context.Context, p *ops.Plan, w *world, d *Details) error {
	add := func(name string, args any, st ops.StepPlan) error {
		b, err := json.Marshal(args)
		st.Name, st.Args = name, b
		p.Steps = append(p.Steps, st)
		return err
	}
	var errs []error
	isTag := slices.ContainsFunc(w.tags, func(t tag) bool { return t.name == d.To.Name })
	errs = append(errs, add(stepCheckout, checkoutArgs{Version: d.To, From: w.head, Tag: isTag}, ops.StepPlan{Changes: true, Undo: "old_files", Deadline: checkoutIn}))
	for _, s := range d.Services {
		st := ops.StepPlan{Deadline: k.cfg.BuildIn}
		if s.Source != Here {
			st.Changes, st.Undo = true, "old_image"
		}
		errs = append(errs, add(stepImage+":"+s.Name, imageArgs{Service: s, Pins: d.Pins}, st))
	}
	if len(d.Pins) > 0 {
		errs = append(errs, add(stepPin, pinArgs{Pins: d.Pins}, ops.StepPlan{Changes: true, Undo: "old_pins", Deadline: pinIn}))
	}
	if k.word == WordDeploy {
		p.Backup = ops.Backup{Choice: ops.BackupWanted}
		m, err := k.migration(ctx, d.Services, w, d.To.Commit)
		switch {
		case err != nil:
			return err
		case m != nil:
			errs = append(errs, add(stepMigrate, m, ops.StepPlan{Changes: true, Deadline: k.cfg.MigrateIn}))
			p.Notes = append(p.Notes, "deploy_migrate_"+m.Where+": "+strings.Join(m.Argv, " "))
		case len(k.cfg.Migrate) > 0:
			p.Notes = append(p.Notes, "deploy_no_migration: "+k.cfg.Migrate[0])
		}
	}
	var names []string
	for _, s := range d.Services {
		names = append(names, s.Name)
		errs = append(errs, add(stepRoll+":"+s.Name, rollArgs{Service: s}, ops.StepPlan{
			Changes: true, Undo: "old_version", Deadline: composeIn + k.cfg.HealthyIn + k.cfg.StopIn + 3*reloadIn,
		}))
	}
	errs = append(errs,
		add(stepWatch, watchArgs{Services: names, For: k.cfg.Watch}, ops.StepPlan{Deadline: k.cfg.Watch + time.Minute}),
		add(stepTidy, struct{}{}, ops.StepPlan{Deadline: tidyIn}))
	return errors.Join(errs...)
}
