package access_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ai-notebook/notebookbot/internal/access"
)

const team = "T0OURS"

// directory is a workspace in memory that counts what it is asked and fails on demand.
type directory struct {
	mu      sync.Mutex
	people  map[string]access.Person
	groups  map[string][]string
	failing error
	asked   map[string]int
	gate    chan struct{} // not nil: answers wait for it
}

func workspace() *directory {
	d := &directory{people: map[string]access.Person{}, groups: map[string][]string{}, asked: map[string]int{}}
	for _, p := range []access.Person{
		{ID: "Uop"},
		{ID: "Ucom"},
		{ID: "Uboth"},
		{ID: "Ugrouped"},
		{ID: "Ubreak"},
		{ID: "Umember"},
		{ID: "Uguest", Guest: true},
		{ID: "Udeleted", Deleted: true},
		{ID: "Ubot", Bot: true},
		{ID: "Ustranger", Stranger: true},
		{ID: "Uelsewhere", Team: "T0THEIRS"},
	} {
		if p.Team == "" {
			p.Team = team
		}
		d.people[p.ID] = p
	}
	d.groups["Sops"] = []string{"Ugrouped", "Uguest", "Udeleted", "Ubot", "Ustranger"}
	return d
}

func (d *directory) wait(ctx context.Context, id string) error {
	d.mu.Lock()
	d.asked[id]++
	gate, err := d.gate, d.failing
	d.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (d *directory) Person(ctx context.Context, id string) (access.Person, error) {
	if err := d.wait(ctx, id); err != nil {
		return access.Person{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.people[id]
	if !ok {
		return access.Person{}, errors.New("user_not_found")
	}
	return p, nil
}

// Members answers with what was true when it was asked, however late the answer comes.
func (d *directory) Members(ctx context.Context, id string) ([]string, error) {
	d.mu.Lock()
	g, ok := d.groups[id]
	g = slices.Clone(g)
	d.mu.Unlock()
	if err := d.wait(ctx, id); err != nil {
		return nil, err
	}
	if !ok {
		return nil, errors.New("no_such_subteam")
	}
	return g, nil
}

func (d *directory) set(change func(d *directory)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *directory) count(id string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[id]
}
