package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fingerprint is what a plan binds to: when it differs, the plan was made for something else. States, restarts and sizes are not
// part of it.
type Fingerprint struct {
	Project  string          `json:"project"`
	Services []ServiceImages `json:"services"` // by name
	Compose  string          `json:"compose"`  // the compose file's hash
	Commit   string          `json:"commit"`
}

// ServiceImages is which images a service's containers were created from.
type ServiceImages struct {
	Service string   `json:"service"`
	Images  []string `json:"images"` // sha256:…, sorted; none: it has no container
}

// Fingerprint looks at the application now. It is refused where another compose made the containers than the one that is
// installed, since no operation could be carried out.
func (e *Engine) Fingerprint(ctx context.Context) (*Fingerprint, error) {
	p, err := e.Project(ctx)
	if err != nil {
		return nil, err
	}
	containers, err := e.Containers(ctx)
	if err != nil && !errors.Is(err, ErrNoContainers) {
		return nil, err
	}
	if _, err := e.choose(ctx, containers); err != nil {
		return nil, err
	}
	return fingerprint(p, containers), nil
}

func fingerprint(p *Project, containers []Container) *Fingerprint {
	f := &Fingerprint{Project: p.Name, Compose: p.SHA256, Commit: p.Commit}
	images := map[string][]string{}
	for _, name := range p.names() {
		images[name] = []string{}
	}
	for i := range containers { // a service that the file has no more still has its containers
		c := &containers[i]
		if !slices.Contains(images[c.Service], c.ImageID) {
			images[c.Service] = append(images[c.Service], c.ImageID)
		}
	}
	for name, ids := range images {
		slices.Sort(ids)
		f.Services = append(f.Services, ServiceImages{name, ids})
	}
	slices.SortFunc(f.Services, func(a, b ServiceImages) int { return strings.Compare(a.Service, b.Service) })
	return f
}

// Hash is the same for equal fingerprints.
func (f *Fingerprint) Hash() string {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Changes says in which ways the application differs from what f was taken of; none: it is the same.
func (f *Fingerprint) Changes(now *Fingerprint) []string {
	var out []string
	if f.Project != now.Project {
		out = append(out, fmt.Sprintf("the project was %s and is %s", f.Project, now.Project))
	}
	if f.Commit != now.Commit {
		out = append(out, fmt.Sprintf("the commit was %s and is %s", brief(f.Commit), brief(now.Commit)))
	}
	if f.Compose != now.Compose {
		out = append(out, "the compose file or what it reads was changed")
	}
	was := map[string][]string{}
	for _, s := range f.Services {
		was[s.Service] = s.Images
	}
	for _, s := range now.Services {
		images, known := was[s.Service]
		delete(was, s.Service)
		switch {
		case !known:
			out = append(out, fmt.Sprintf("the service %s is new", s.Service))
		case !slices.Equal(images, s.Images):
			out = append(out, fmt.Sprintf("%s ran %s and runs %s", s.Service, briefly(images), briefly(s.Images)))
		}
	}
	for _, s := range f.Services {
		if _, gone := was[s.Service]; gone {
			out = append(out, fmt.Sprintf("the service %s is gone", s.Service))
		}
	}
	return out
}

func briefly(ids []string) string {
	if len(ids) == 0 {
		return "nothing"
	}
	var out []string
	for _, id := range ids {
		out = append(out, brief(id))
	}
	return strings.Join(out, " and ")
}

// brief is an id as people know it.
func brief(id string) string {
	if id == "" {
		return "none"
	}
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}
