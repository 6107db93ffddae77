// Package health looks at everything that the operations guide's daily check looks at, and more, all at once: the machine, the
// containers, database, cache, public address, certificate, error lines, backup, and the bot itself.
//
// Every check has a deadline of its own, and the whole is never later than the longest of them: what hangs is reported as not
// checked. What is not configured is reported as such. Nothing is ever silently missing, and nothing that was not seen is called
// well. It changes nothing.
//
// What was found is told as codes with facts; the words for people are made of them elsewhere.
package health

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/host"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
)

// State is how something is.
type State string

// The states, the worst first.
const (
	Failed    State = "failed"
	Warning   State = "warning"
	Unchecked State = "unchecked"
	OK        State = "ok"
)

var order = []State{Failed, Warning, Unchecked, OK}

// Rank puts states in order: the worst is 0.
func (s State) Rank() int { return slices.Index(order, s) }

// Check is what was found out about one thing.
type Check struct {
	Name     string // cpu, container, postgres, …: see Names
	Subject  string // of several things of one name: a container, a mount point, a service
	Service  string // of the compose file that it is about; empty: of none
	State    State
	Findings []Finding // at least one, the worst first
	Took     time.Duration
}

// Finding is one fact with what it means.
type Finding struct {
	State State
	Code  string // see Codes
	Facts Facts
}

// Facts are what a finding speaks of. Each code uses a few. Texts are redacted, and hostile all the same.
type Facts struct {
	Percent int           `json:",omitempty"` // of 100
	Limit   int           `json:",omitempty"` // percent from which it is a warning
	Count   int           `json:",omitempty"`
	Total   int           `json:",omitempty"`
	Most    int           `json:",omitempty"` // of Count, those that Text quotes
	Bytes   int64         `json:",omitempty"`
	Of      int64         `json:",omitempty"` // bytes
	Value   float64       `json:",omitempty"`
	Took    time.Duration `json:",omitempty"`
	Age     time.Duration `json:",omitempty"`
	Promise time.Duration `json:",omitempty"` // what it is held against
	At      time.Time     `json:",omitzero"`
	Word    string        `json:",omitempty"`
	Text    string        `json:",omitempty"`
	Account string        `json:",omitempty"` // of a user of a machine
	Where   string        `json:",omitempty"` // a container, or an address that somebody came from
	Names   []string      `json:",omitempty"`
}

// Names are all names of checks, in the order in which they are told.
var Names = []string{
	"docker", "container", "url", "certificate", "postgres", "redis", "backup", "rehearsal", "wal", "errors", "cpu", "memory", "load", "disk", "bot",
}

// Report is what was found.
type Report struct {
	Service string // looked at alone; empty: everything
	Checks  []Check
	At      time.Time
	Took    time.Duration
	Sampled time.Time // when the figures of the containers were taken; zero: there are none
}

// Count tells how many checks have a state.
func (r *Report) Count(s State) int {
	n := 0
	for _, c := range r.Checks {
		if c.State == s {
			n++
		}
	}
	return n
}

// State is the worst of all checks.
func (r *Report) State() State {
	worst := OK
	for _, c := range r.Checks {
		if c.State.Rank() < worst.Rank() {
			worst = c.State
		}
	}
	return worst
}

// Engine is the part of docker.Engine that is needed.
type Engine interface {
	execer
	Project(ctx context.Context) (*docker.Project, error)
	Measure(ctx context.Context, list []docker.Container) map[string]docker.Stats
}

// Config says what is looked at. What is nil or empty is reported as not configured.
type Config struct {
	Host     func() (host.Sample, bool)
	Engine   Engine
	Services []string // that are operated; none: those of the compose file
	Stats    func() (map[string]docker.Stats, error)

	Database Database // nil: not configured
	Redis    Redis
	URL      string // public, for the answer and its certificate
	Backup   Backup
	RPO      time.Duration
	WAL      Archive
	Bot      []Part

	Rehearsed func() (*Rehearsal, error) // nil: no set is restored for a try
	Rehearse  time.Duration              // how often one should be
	RTO       time.Duration

	CPU, Memory, Disk int // percent from which it is a warning

	Redact func() *redact.Redactor
	// Within is how long each check may take; zero: 4 s.
	Within time.Duration
	Now    func() time.Time
	Log    *slog.Logger
}

// defaultWithin is what an engine or a database that is merely busy still manages.
const defaultWithin = 4 * time.Second

// Checker looks.
type Checker struct {
	cfg    Config
	flight singleflight.Group
	looks  Looks
}

// New makes a Checker.
func New(cfg Config) *Checker {
	cfg.Within = cmp.Or(cfg.Within, defaultWithin)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Checker{cfg: cfg, looks: Looks{Log: cfg.Log}}
}

// check is one look: it gives one or more checks, and ends soon after ctx does if it can.
type check struct {
	name    string
	service string // of the compose file; empty: of none
	look    func(ctx context.Context, s *scene) []Check
}

// Look looks at everything, or at what is of one service. Who asks while somebody else's look is on its way gets that one. The error
// is a *ops.Problem for a service that is not known, or that ctx ended.
func (c *Checker) Look(ctx context.Context, service string) (*Report, error) {
	answer := c.flight.DoChan(service, func() (any, error) { return c.once(context.WithoutCancel(ctx), service) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case a := <-answer:
		r, _ := a.Val.(*Report)
		return r, a.Err
	}
}

func (c *Checker) once(ctx context.Context, service string) (*Report, error) {
	begin := time.Now()
	s := newScene(c.cfg)
	checks := c.checks()
	if service != "" {
		known := s.known(ctx, service)
		i := slices.IndexFunc(known, func(name string) bool { return strings.EqualFold(name, service) })
		if i < 0 {
			return nil, &ops.Problem{Code: "unknown_service", Name: service, Names: known}
		}
		service = known[i]
		s.only = service
		checks = slices.DeleteFunc(checks, func(k check) bool { return k.service != service && k.service != each })
	}
	looks := make([]Look, len(checks))
	for i, k := range checks {
		looks[i] = Look{Name: k.name, Service: k.of(), Within: c.cfg.Within, Run: func(ctx context.Context) []Check { return k.look(ctx, s) }}
	}
	r := &Report{Service: service, Checks: c.looks.All(ctx, looks), At: c.cfg.Now(), Sampled: s.sampledAt()}
	Sort(r.Checks, Names)
	r.Took = time.Since(begin)
	return r, nil
}

// each marks a check that is about every service: it narrows itself.
const each = "*"

func (k check) unchecked(code string, f Facts) Check { return k.one(Unchecked, code, f) }

func (k check) one(s State, code string, f Facts) Check {
	return Check{Name: k.name, Service: k.of(), Findings: []Finding{{s, code, f}}}
}

// of is the service of the compose file that a check is about; empty: of none alone.
func (k check) of() string {
	if k.service == each {
		return ""
	}
	return k.service
}

// checks lists all that is looked at.
func (c *Checker) checks() []check {
	cfg := c.cfg
	return []check{
		{"docker", each, lookDocker},
		{"container", each, lookContainers},
		{"errors", each, lookErrors},
		{"postgres", databaseService(cfg.Database), lookPostgres},
		{"redis", cfg.Redis.Service, lookRedis},
		{"url", "", lookURL},
		{"certificate", "", lookCertificate},
		{"backup", "", lookBackup},
		{"wal", "", lookWAL},
		{"rehearsal", "", lookRehearsal},
		{"cpu", "", lookCPU},
		{"memory", "", lookMemory},
		{"load", "", lookLoad},
		{"disk", "", lookDisks},
		{"bot", "", lookBot},
	}
}
