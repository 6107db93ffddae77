package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Duty says who is on call. Shifts are absolute lengths of time: a shift of 168h that began at 9:00 hands over at 8:00 or 10:00
// of the wall clock after the clocks were changed, and nobody is on call twice or not at all.
type Duty struct {
	Now      []string  // users and groups
	Since    time.Time // when this shift began; zero: there is no rotation or it has not begun
	Until    time.Time // when Next takes over; zero: never
	Next     []string
	Rotating bool // false: there is no rotation or it has not begun, and Now are the operators
}

// OnCall tells who is on call at that moment, until when, and who comes next.
func (a *Access) OnCall(now time.Time) Duty {
	n := int64(len(a.cfg.Rotation))
	if n == 0 || a.cfg.Shift <= 0 {
		return Duty{Now: slices.Clone(a.cfg.Operators)}
	}
	if now.Before(a.cfg.Start) {
		return Duty{Now: slices.Clone(a.cfg.Operators), Until: a.cfg.Start, Next: a.cfg.Rotation[:1:1]}
	}
	shift := int64(now.Sub(a.cfg.Start) / a.cfg.Shift)
	i := shift % n
	since := a.cfg.Start.Add(time.Duration(shift) * a.cfg.Shift)
	duty := Duty{Now: a.cfg.Rotation[i : i+1 : i+1], Since: since, Rotating: true}
	if n > 1 {
		next := (i + 1) % n
		duty.Until = since.Add(a.cfg.Shift)
		duty.Next = a.cfg.Rotation[next : next+1 : next+1]
	}
	return duty
}

// OnCallName is the name in a level's `escalate` that stands for whoever is on call.
const OnCallName = "oncall"

// Target is who stands behind a name of a level's `escalate`.
type Target struct {
	Name   string
	Users  []string
	Groups []string
	Mail   string
}

// Target resolves a name at this moment: `oncall` is the rotation, any other a contact.
func (a *Access) Target(name string) Target {
	t := Target{Name: name}
	if name == OnCallName {
		for _, id := range a.OnCall(a.now()).Now {
			t.add(id)
		}
		return t
	}
	for _, c := range a.cfg.Contacts {
		if c.Name == name {
			t.add(c.Slack)
			t.Mail = c.Mail
			return t
		}
	}
	return t
}

func (t *Target) add(id string) {
	switch {
	case id == "":
	case isGroup(id):
		t.Groups = append(t.Groups, id)
	default:
		t.Users = append(t.Users, id)
	}
}

// Filled tells whether somebody or some address stands behind a name.
func (a *Access) Filled(name string) bool {
	t := a.Target(name)
	return len(t.Users)+len(t.Groups) > 0 || t.Mail != ""
}

// Members gives the users behind names of targets, each once, in order. What can be found is given even when there is an error:
// this is for telling people, never for allowing them.
func (a *Access) Members(ctx context.Context, names ...string) ([]string, error) {
	var users []string
	var errs []error
	add := func(ids []string) {
		for _, id := range ids {
			if id != "" && !slices.Contains(users, id) {
				users = append(users, id)
			}
		}
	}
	for _, name := range names {
		t := a.Target(name)
		add(t.Users)
		for _, id := range t.Groups {
			members, err := a.groups.get(ctx, id)
			if err != nil {
				errs = append(errs, fmt.Errorf("looking up the group %s of %s: %w", id, name, err))
			}
			add(members)
		}
	}
	return users, errors.Join(errs...)
}

// ListTarget gives who stands in a list (Operators, Commanders, BreakGlass), to tell them. It allows nobody anything.
func (a *Access) ListTarget(list string) Target {
	t := Target{Name: list}
	for _, id := range a.list(list) {
		t.add(id)
	}
	return t
}
