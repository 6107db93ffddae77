package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/redact"
)

// execer is what looking inside containers needs.
type execer interface {
	Containers(ctx context.Context) ([]docker.Container, error)
	Exec(ctx context.Context, id string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error)
	Logs(ctx context.Context, id string, tail int, since time.Time, w io.Writer) error
}

// scene is one look: what several checks need is asked for once.
type scene struct {
	Config
	only string // the service that is looked at alone
	hide *redact.Redactor

	containers func(ctx context.Context) ([]docker.Container, error)
	services   func(ctx context.Context) []string
	planned    func(ctx context.Context) ([]string, error) // by the configuration or the compose file
	stats      map[string]docker.Stats
	statsErr   error
}

func newScene(cfg Config) *scene {
	s := &scene{Config: cfg}
	if cfg.Redact != nil {
		s.hide = cfg.Redact()
	}
	if cfg.Stats != nil {
		s.stats, s.statsErr = cfg.Stats()
	}
	s.containers = Shared(func(ctx context.Context) ([]docker.Container, error) {
		if cfg.Engine == nil {
			return nil, errOff
		}
		return cfg.Engine.Containers(ctx)
	})
	s.planned = Shared(func(ctx context.Context) ([]string, error) {
		if len(cfg.Services) > 0 || cfg.Engine == nil {
			return cfg.Services, nil
		}
		p, err := cfg.Engine.Project(ctx)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, sv := range p.Services {
			names = append(names, sv.Name)
		}
		return names, nil
	})
	s.services = func(ctx context.Context) []string {
		ctx, cancel := context.WithTimeout(ctx, cfg.Within)
		defer cancel()
		names, _ := s.planned(ctx) // what the file does not say, the containers do
		if list, err := s.containers(ctx); err == nil {
			for _, c := range list {
				if !slices.Contains(names, c.Service) {
					names = append(slices.Clip(names), c.Service)
				}
			}
		}
		slices.Sort(names)
		return names
	}
	return s
}

// known gives the services that there are. The engine is only asked where the file does not tell of the one that is looked for.
func (s *scene) known(ctx context.Context, service string) []string {
	ctx, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	if names, err := s.planned(ctx); err == nil && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, service) }) {
		return names
	}
	return s.services(ctx)
}

// errOff says that something is not configured.
var errOff = errors.New("not configured")

// Shared makes several callers share one call, which goes on as long as the first of them may wait. Each waits as long as it may
// itself.
func Shared[T any](call func(ctx context.Context) (T, error)) func(ctx context.Context) (T, error) {
	var once sync.Once
	done := make(chan struct{})
	var out T
	var err error
	return func(ctx context.Context) (T, error) {
		once.Do(func() {
			go func() {
				defer close(done)
				out, err = call(ctx)
			}()
		})
		select {
		case <-done:
			return out, err
		case <-ctx.Done():
			select {
			case <-done:
				return out, err
			default:
				var none T
				return none, ctx.Err()
			}
		}
	}
}

// about tells whether a service is looked at.
func (s *scene) about(service string) bool { return s.only == "" || s.only == service }

// sampledAt is the time of the oldest figures that are shown.
func (s *scene) sampledAt() time.Time {
	var at time.Time
	for _, st := range s.stats {
		if at.IsZero() || st.At.Before(at) {
			at = st.At
		}
	}
	return at
}

// text makes a text of others short and hides what is secret in it.
func (s *scene) text(t string, most int) string {
	t = s.hide.Text(t)
	if r := []rune(t); len(r) > most {
		return string(r[:most]) + "…"
	}
	return t
}

const shortText = 300

// trouble says why something could not be looked at.
func (k check) trouble(s *scene, err error) Check {
	switch {
	case errors.Is(err, errOff):
		return k.unchecked("off", Facts{Word: map[string]string{
			"docker": "target", "container": "target", "errors": "target", "postgres": "database.service", "redis": "redis.service",
		}[k.name]})
	case errors.Is(err, context.DeadlineExceeded):
		return k.unchecked("slow", Facts{Took: s.Within})
	case errors.Is(err, docker.ErrUnreachable), errors.Is(err, docker.ErrForbidden), errors.Is(err, docker.ErrNoContainers):
		return k.unchecked("no_docker", Facts{})
	}
	return k.unchecked("unseen", Facts{Text: s.text(err.Error(), shortText)})
}

// inside runs a program in the running container of a service, and gives what it wrote.
func (s *scene) inside(ctx context.Context, service, stdin string, argv ...string) (string, error) {
	list, err := s.containers(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list, func(c docker.Container) bool { return c.Service == service && c.Running() })
	if i < 0 {
		return "", fmt.Errorf("%w: %s", docker.ErrNotRunning, service)
	}
	var out, said bytes.Buffer
	code, err := s.Engine.Exec(ctx, list[i].ID, argv, reader(stdin), &limited{w: &out}, &limited{w: &said})
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", err
	case code != 0:
		return "", fmt.Errorf("%s ended with %d: %s%s", argv[0], code, said.String(), out.String())
	}
	return out.String(), nil
}

// reader is what a program reads; nil: nothing.
func reader(text string) io.Reader {
	if text == "" {
		return nil
	}
	return strings.NewReader(text)
}

// limited keeps the first of what a program writes and drops the rest.
type limited struct{ w *bytes.Buffer }

const mostOutput = 64 << 10

func (l *limited) Write(b []byte) (int, error) {
	l.w.Write(b[:min(len(b), max(0, mostOutput-l.w.Len()))])
	return len(b), nil
}
