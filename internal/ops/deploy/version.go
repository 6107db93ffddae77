package deploy

import (
	"context"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// A version as people write it. What git or Docker take for something else is refused before either sees it.
var versionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+/-]{0,127}$`)

var imageTag = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// suggests is how many versions are named when the one that was asked for does not exist.
const suggests = 5

// allowed lists the tags that may be deployed, the newest first.
func (k *Kind) allowed(tags []tag) []string {
	var out []string
	for _, t := range tags {
		if ok, err := path.Match(k.cfg.Versions, t.name); err == nil && ok && versionName.MatchString(t.name) && !strings.Contains(t.name, "..") {
			out = append(out, t.name)
		}
	}
	return out
}

// version finds the version that somebody wrote.
func (k *Kind) version(written string, tags []tag) (Version, error) {
	names := k.allowed(tags)
	if len(names) == 0 {
		return Version{}, &ops.Problem{Code: "deploy_no_versions", Name: k.cfg.Dir, Text: k.cfg.Versions}
	}
	if written == "" {
		return Version{}, &ops.Problem{Code: "deploy_which", Names: names[:min(len(names), suggests)]}
	}
	for _, t := range tags {
		if t.name == written && slices.Contains(names, written) {
			return Version{Name: t.name, Commit: t.commit}, nil
		}
	}
	if slices.ContainsFunc(tags, func(t tag) bool { return t.name == written }) {
		return Version{}, &ops.Problem{Code: "deploy_not_allowed", Name: written, Text: k.cfg.Versions, Names: names[:min(len(names), suggests)]}
	}
	return Version{}, &ops.Problem{Code: "deploy_unknown_version", Name: written, Names: near(written, names)}
}

// near puts the names that look like what was written first, then the newest.
func near(written string, names []string) []string {
	type scored struct {
		name string
		far  int
	}
	var out []scored
	for _, n := range names {
		out = append(out, scored{n, distance(strings.ToLower(written[:min(len(written), 64)]), strings.ToLower(n[:min(len(n), 64)]))})
	}
	slices.SortStableFunc(out, func(a, b scored) int { return a.far - b.far })
	var first []string
	for _, s := range out {
		if s.far <= max(1, len(written)/3) && len(first) < suggests {
			first = append(first, s.name)
		}
	}
	for _, n := range names {
		if len(first) < suggests && !slices.Contains(first, n) {
			first = append(first, n)
		}
	}
	return first
}

// distance counts the letters that are put in, left out or exchanged between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			last, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, last+cost)
		}
	}
	return row[len(b)]
}

// current tells which version runs: what the pinned variables say, else what is checked out.
func (w *world) current() Version {
	names := map[string]bool{}
	for _, value := range w.was {
		names[asTag(w.tags, value)] = true
	}
	v := Version{Commit: w.head.Commit}
	for _, t := range w.tags {
		if len(names) == 1 && names[t.name] && t.commit == w.head.Commit {
			v.Name = t.name
			return v
		}
	}
	for _, t := range w.tags {
		if t.commit == w.head.Commit {
			v.Name = t.name
			return v
		}
	}
	return v
}

// earlier is a version that ran before, with what is known of it.
type earlier struct {
	version Version
	pins    map[string]string
	images  map[string]string // by service
}

// pastShown is how many operations are looked through for the version before.
const pastShown = 100

// before finds the version that ran before this one, in the deploys of the past that ended well. Only deploys count: after a rollback
// from v3 to v2 the version before v2 is the one that v2 followed, and not v3.
func (k *Kind) before(ctx context.Context, now Version) (*earlier, error) {
	past, err := k.done(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range past {
		if d.details.To.Commit == now.Commit && d.details.From.Commit != now.Commit {
			return d.from(), nil
		}
	}
	return nil, nil
}

// known finds what deploys of the past know of a commit.
func (k *Kind) known(ctx context.Context, commit string) (*earlier, error) {
	past, err := k.done(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range past {
		switch commit {
		case d.details.From.Commit:
			return d.from(), nil
		case d.details.To.Commit:
			return d.to(), nil
		}
	}
	return nil, nil
}

// deployed is a deploy that ended well.
type deployed struct {
	op      *ops.Operation
	details Details
}

func (k *Kind) done(ctx context.Context) ([]deployed, error) {
	if k.past == nil {
		return nil, nil
	}
	list, err := k.past.ListOperations(ctx, ops.Filter{Word: WordDeploy, Limit: pastShown})
	if err != nil {
		return nil, err
	}
	var out []deployed
	for _, op := range list {
		var d Details
		if op.State == ops.Done && op.Plan.Project == k.cfg.Project && json.Unmarshal(op.Plan.Details, &d) == nil {
			out = append(out, deployed{op, d})
		}
	}
	return out, nil
}

func (d deployed) from() *earlier {
	e := &earlier{version: d.details.From, pins: d.details.Was, images: map[string]string{}}
	for _, a := range d.op.Plan.Services {
		if len(a.Containers) > 0 {
			e.images[a.Name] = a.Containers[0].Image
		}
	}
	return e
}

func (d deployed) to() *earlier {
	e := &earlier{version: d.details.To, pins: d.details.Pins, images: map[string]string{}}
	for _, st := range d.op.Steps {
		var rec imageRecord
		if service, ok := strings.CutPrefix(st.Name, stepImage+":"); ok && json.Unmarshal(st.Output, &rec) == nil && rec.ID != "" {
			e.images[service] = rec.ID
		}
	}
	return e
}
