// Package security is the operations guide's security audit: processes, open ports, logins, updates, rights of files, containers, sshd
// and firewall, held against what the guide sets, and what scanners found where they are installed.
//
// It keeps what package health promises: every check has a deadline of its own, what could not be seen is unchecked and says why, and
// nothing is changed on the machine. It judges by what the kernel and the engine say, never by words in a command line, which whoever
// started a program chose freely. Names of processes, users, hosts and images are hostile text, and command lines are never shown.
package security

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
)

// Names are all names of checks, in the order in which they are told.
var Names = []string{
	"processes", "ports", "published", "logins", "failed_logins", "files", "confinement", "sshd", "firewall", "fail2ban", "updates", "lynis", "trivy",
}

// Engine is the part of docker.Engine that is needed.
type Engine interface {
	Exposures(ctx context.Context) ([]docker.Exposure, error)
}

// Memory keeps what one audit found for the next.
type Memory interface {
	Setting(ctx context.Context, name string) (value string, ok bool, err error)
	KeepSetting(ctx context.Context, name, value string) error
}

// Config says what is looked at.
type Config struct {
	Engine Engine
	Memory Memory // nil: every audit is the first

	Secrets []string // files, and folders whose private keys are meant, which nobody else may read
	Folders []string // folders into which nobody else may look
	Socket  string   // of the Docker engine; empty: it is not a file of this machine

	// DockerHost is where scanners of images reach the engine; empty: where they look by themselves.
	DockerHost string

	// Contained says that the bot runs in a container, and of which kind: it does not see the machine then. Empty: it does not.
	Contained string
	// Root is where the machine's files are; empty: /.
	Root string
	// Scans says that this process lives long enough for scanners, which take minutes.
	Scans bool

	Redact func() *redact.Redactor
	// Within is how long each check may take; zero: 4 s. Programs get Patient instead; zero: 7 s.
	Within, Patient time.Duration
	Now             func() time.Time
	Log             *slog.Logger
}

const (
	defaultWithin = 4 * time.Second
	// defaultPatient is what apt-get needs on a small machine, and less than a person's request may take in all.
	defaultPatient = 7 * time.Second
	// lately is how long something counts as news.
	lately = 7 * 24 * time.Hour
)

// Checker looks.
type Checker struct {
	cfg    Config
	flight singleflight.Group
	looks  health.Looks
	scans  scans
	// young is how old a shell or a program without a file must be before it is told: healthchecks, and the engine when it starts
	// something, have such for a moment.
	young time.Duration
}

// New makes a Checker. Run carries its scanners out.
func New(cfg Config) *Checker {
	cfg.Within, cfg.Patient = cmp.Or(cfg.Within, defaultWithin), cmp.Or(cfg.Patient, defaultPatient)
	cfg.Root = cmp.Or(cfg.Root, "/")
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Checker{cfg: cfg, looks: health.Looks{Log: cfg.Log}, scans: newScans(), young: 5 * time.Second}
}

// Look looks at everything. Who asks while somebody else's look is on its way gets that one. The error is that ctx ended.
func (c *Checker) Look(ctx context.Context) (*health.Report, error) {
	answer := c.flight.DoChan("", func() (any, error) { return c.once(context.WithoutCancel(ctx)), nil })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case a := <-answer:
		r, _ := a.Val.(*health.Report)
		return r, a.Err
	}
}

// scene is one audit: what several checks need is asked for once.
type scene struct {
	*Checker
	now       time.Time
	hide      *redact.Redactor
	exposures func(ctx context.Context) ([]docker.Exposure, error)
	residents func() map[int]resident
}

func (c *Checker) once(ctx context.Context) *health.Report {
	begin := time.Now()
	s := &scene{Checker: c, now: c.cfg.Now(), residents: sync.OnceValue(residents)}
	if c.cfg.Redact != nil {
		s.hide = c.cfg.Redact()
	}
	s.exposures = health.Shared(func(ctx context.Context) ([]docker.Exposure, error) {
		if c.cfg.Engine == nil {
			return nil, errNoEngine
		}
		return c.cfg.Engine.Exposures(ctx)
	})
	type look = func(context.Context) []health.Check
	within, patient := c.cfg.Within, c.cfg.Patient
	checks := c.looks.All(ctx, []health.Look{
		{Name: "processes", Within: within, Run: s.onMachine("processes", s.processes)},
		{Name: "ports", Within: within, Run: s.onMachine("ports", s.ports)},
		{Name: "published", Within: within, Run: s.published},
		{Name: "logins", Within: within, Run: s.onMachine("logins", s.logins)},
		{Name: "failed_logins", Within: within, Run: s.onMachine("failed_logins", s.failedLogins)},
		{Name: "files", Within: within, Run: look(s.files)},
		{Name: "confinement", Within: within, Run: s.confinement},
		{Name: "sshd", Within: within, Run: s.onMachine("sshd", s.sshd)},
		{Name: "firewall", Within: within, Run: s.onMachine("firewall", s.firewall)},
		{Name: "fail2ban", Within: patient, Run: s.onMachine("fail2ban", s.fail2ban)},
		{Name: "updates", Within: patient, Run: s.onMachine("updates", s.updates)},
		{Name: "lynis", Within: within, Run: s.onMachine("lynis", s.lynis)},
		{Name: "trivy", Within: within, Run: s.trivy},
	})
	for _, k := range checks {
		for i := range k.Findings {
			f := &k.Findings[i].Facts
			f.Word, f.Text, f.Account, f.Where = s.text(f.Word, 200), s.text(f.Text, 300), s.text(f.Account, 60), s.text(f.Where, 120)
		}
	}
	health.Sort(checks, Names)
	return &health.Report{Checks: checks, At: s.now, Took: time.Since(begin)}
}

// text makes a text of others short and hides what is secret in it.
func (s *scene) text(t string, most int) string {
	t = s.hide.Text(t)
	if r := []rune(t); len(r) > most {
		return string(r[:most]) + "…"
	}
	return t
}

// onMachine is a look at the machine itself, which a bot in a container cannot take.
func (s *scene) onMachine(name string, look func(ctx context.Context) []health.Finding) func(ctx context.Context) []health.Check {
	return func(ctx context.Context) []health.Check {
		if s.cfg.Contained != "" {
			return one(name, "", unchecked("contained", health.Facts{Word: s.cfg.Contained}))
		}
		return one(name, "", look(ctx)...)
	}
}

// one is a check with what was found; nothing is never found.
func one(name, subject string, found ...health.Finding) []health.Check {
	if len(found) == 0 {
		found = []health.Finding{unchecked("broke", health.Facts{Word: name})}
	}
	return []health.Check{{Name: name, Subject: subject, Findings: found}}
}

func finding(s health.State, code string, f health.Facts) health.Finding {
	return health.Finding{State: s, Code: code, Facts: f}
}

func ok(code string, f health.Facts) health.Finding   { return finding(health.OK, code, f) }
func warn(code string, f health.Facts) health.Finding { return finding(health.Warning, code, f) }

func failed(code string, f health.Facts) health.Finding { return finding(health.Failed, code, f) }

func unchecked(code string, f health.Facts) health.Finding { return finding(health.Unchecked, code, f) }

// shown is how many findings of one sort are told one by one.
const shown = 8

// few leaves out what is too much to read, the worst first, and says how many that is.
func few(found []health.Finding) []health.Finding {
	out := found[:0:0]
	for _, state := range []health.State{health.Failed, health.Warning, health.Unchecked, health.OK} {
		n := 0
		for _, f := range found {
			if f.State != state {
				continue
			}
			if n++; n <= shown {
				out = append(out, f)
			}
		}
		if n > shown {
			out = append(out, finding(state, "more", health.Facts{Count: n - shown}))
		}
	}
	return out
}

// path is where a file of the machine is.
func (s *scene) path(name string) string { return filepath.Join(s.cfg.Root, name) }

// proc is a file of the kernel's about a process.
func proc(parts ...string) string {
	return filepath.Join(append([]string{cmp.Or(os.Getenv("HOST_PROC"), "/proc")}, parts...)...)
}

// Contained tells whether this process runs in a container, and in which kind; empty: it does not.
func Contained() string {
	for file, kind := range map[string]string{"/.dockerenv": "Docker", "/run/.containerenv": "Podman"} {
		if _, err := os.Stat(file); err == nil {
			return kind
		}
	}
	if os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		return "Kubernetes"
	}
	return strings.TrimSpace(os.Getenv("container")) // of systemd-nspawn and LXC
}
