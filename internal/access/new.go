package access

import (
	"slices"
	"sync/atomic"
	"time"
)

// Config is who the people are. Ids are users (U…, W…) or user groups (S…).
type Config struct {
	Operators  []string
	Commanders []string
	BreakGlass []string

	Rotation []string      // who is on call, one shift after the other; none: the operators
	Start    time.Time     // when the first shift begins
	Shift    time.Duration // how long one lasts

	Contacts []Contact
	Policies map[string]Policy // by first word ("restart") or by two ("db.maintain")

	// Team is our workspace. It may be set later (SetTeam); as long as it is not known, nobody may do anything.
	Team string
}

// Contact is an entry of the guide's list of teams and vendors. Its name can stand in a level's `escalate`.
type Contact struct {
	Name  string
	Mail  string
	Slack string // a user or a user group
}

// Access answers who may and who is told. It is safe for concurrent use.
type Access struct {
	cfg    Config
	now    func() time.Time
	team   atomic.Pointer[string]
	people *cache[Person]
	groups *cache[[]string]
}

// New makes an Access that looks people up in dir. A nil clock is the system's.
func New(cfg Config, dir Directory, clock func() time.Time) *Access {
	if clock == nil {
		clock = time.Now
	}
	cfg.Contacts = slices.Clone(cfg.Contacts)
	a := &Access{
		cfg:    cfg,
		now:    clock,
		people: newCache(personTTL, clock, dir.Person),
		groups: newCache(groupTTL, clock, dir.Members),
	}
	a.SetTeam(cfg.Team)
	return a
}

// SetTeam says which workspace is ours, once the chat has told.
func (a *Access) SetTeam(id string) { a.team.Store(&id) }

// Team is our workspace; empty: not known yet.
func (a *Access) Team() string { return *a.team.Load() }

// GroupChanged says that the members of a user group changed: they are looked up anew before anybody is allowed by it.
func (a *Access) GroupChanged(id string) { a.groups.forget(id) }

// PersonChanged says that a person's account changed, for example that it was deactivated.
func (a *Access) PersonChanged(id string) { a.people.forget(id) }

// Contacts lists the guide's contacts in their configured order.
func (a *Access) Contacts() []Contact { return slices.Clone(a.cfg.Contacts) }

// Listed gives the configured ids of a list (Operators, Commanders, BreakGlass): whom to ask. It allows nobody anything.
func (a *Access) Listed(name string) []string { return slices.Clone(a.list(name)) }

// Name is the name of a person who was looked up lately; empty: not known. It never waits.
func (a *Access) Name(id string) string {
	p, _ := a.people.peek(id)
	return p.Name
}
