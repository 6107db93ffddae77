package deploy

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// The words of the two kinds.
const (
	WordDeploy   = "deploy"
	WordRollback = "rollback"
)

// Config says which application it is. Project and Dir are needed.
type Config struct {
	Project  string
	Dir      string   // with the compose file and the checkout
	Host     string   // of the Docker engine, for a migration on this machine
	Versions string   // a pattern of git tags that may be deployed; empty: v*
	Never    []string // services that no version concerns: the database, Redis

	HealthURL string        // empty: only containers and nginx tell how the new version does
	Watch     time.Duration // how long the new version is watched; zero: a minute
	Migrate   []string      // the migration and its arguments; empty: none

	Stable    time.Duration // how long a new container must be healthy before it counts; zero: 5 s
	HealthyIn time.Duration // until when it must be; zero: 3 minutes
	StopIn    time.Duration // how long a container has to end by itself; zero: 15 s
	MigrateIn time.Duration // zero: 15 minutes
	BuildIn   time.Duration // for each image; zero: 30 minutes
	PollEvery time.Duration // how often the new version is looked at while it is watched; zero: a second
}

// Docker is what is asked of the application's engine.
type Docker interface {
	ProjectAs(ctx context.Context, v docker.View) (*docker.Project, error)
	Containers(ctx context.Context) ([]docker.Container, error)
	Container(ctx context.Context, id string) (*docker.Container, error)
	OneOff(ctx context.Context, name string) (*docker.Container, error)
	WaitExit(ctx context.Context, id string) (*docker.Container, error)
	WaitHealthy(ctx context.Context, id string, stable time.Duration, progress func(docker.Progress)) (docker.Healthy, error)
	Processes(ctx context.Context, id string) ([]docker.Process, error)
	Logs(ctx context.Context, id string, tail int, since time.Time, w io.Writer) error
	Exec(ctx context.Context, id string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)

	Image(ctx context.Context, ref string) (*docker.Image, error)
	ImagesLike(ctx context.Context, pattern string) ([]docker.Image, error)
	RegistryDigest(ctx context.Context, ref string) (string, error)
	BuiltName(ctx context.Context, service string) (string, error)

	ComposeWith(ctx context.Context, call docker.Call, args ...string) (string, error)
	Tag(ctx context.Context, id, ref string) error
	Kill(ctx context.Context, id, signal string) error
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string, timeout time.Duration) error
	Remove(ctx context.Context, id string) error
}

// Past gives the operations of the past.
type Past interface {
	ListOperations(ctx context.Context, f ops.Filter) ([]*ops.Operation, error)
}

// Kind is one of the two kinds of operations of this package.
type Kind struct {
	word   string
	cfg    Config
	docker Docker
	app    *target.Application
	past   Past
	repo   repo
	tags   *fetcher
	http   *http.Client
}

var _ ops.Kind = (*Kind)(nil)

// New makes the kinds deploy and rollback, in this order.
func New(cfg Config, engine Docker, app *target.Application, past Past) (*Kind, *Kind) {
	cfg.Versions = cmp.Or(cfg.Versions, "v*")
	cfg.Watch = cmp.Or(cfg.Watch, time.Minute)
	cfg.Stable = cmp.Or(cfg.Stable, 5*time.Second)
	cfg.HealthyIn = cmp.Or(cfg.HealthyIn, 3*time.Minute)
	cfg.StopIn = cmp.Or(cfg.StopIn, 15*time.Second)
	cfg.MigrateIn = cmp.Or(cfg.MigrateIn, 15*time.Minute)
	cfg.BuildIn = cmp.Or(cfg.BuildIn, 30*time.Minute)
	cfg.PollEvery = cmp.Or(cfg.PollEvery, time.Second)
	k := Kind{
		word: WordDeploy, cfg: cfg, docker: engine, app: app, past: past, repo: repo{cfg.Dir}, tags: &fetcher{repo: repo{cfg.Dir}},
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
	back := k
	back.word = WordRollback
	return &k, &back
}

// Word implements ops.Kind.
func (k *Kind) Word() string { return k.word }

// Step implements ops.Kind.
func (k *Kind) Step(name string) (ops.Doer, bool) {
	code, _, _ := strings.Cut(name, ":")
	switch code {
	case stepCheckout:
		return checkout{k}, true
	case stepImage:
		return image{k}, true
	case stepPin:
		return pin{k}, true
	case stepMigrate:
		return migrate{k}, true
	case stepRoll:
		return roll{k}, true
	case stepWatch:
		return watch{k}, true
	case stepTidy:
		return tidy{k}, true
	}
	return k.app.Check(name)
}

// redact takes the application's secrets out of what a program wrote.
func (k *Kind) redact(s string) string { return redact.Dir(k.cfg.Dir, nil).Text(s) }
