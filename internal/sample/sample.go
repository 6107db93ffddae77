package sample

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// Project is the compose project, and what its images' names begin with.
const Project = "notebookbot-demo"

// Services are those of the compose file, in the order in which they are shown, with where they listen.
var Services = []string{"backend", "frontend", "postgres", "redis", "nginx"}

const (
	lookEvery = time.Second
	askWithin = 2 * time.Second
)

// Config says where and of what the application is made.
type Config struct {
	Host    string   // of the Docker engine
	Dir     string   // its folder, which is made and removed; its name begins with "notebookbot-demo-"
	Port    int      // of the loopback address
	Program string   // the path of a program for Linux that is the sample application
	Env     []string // what the program needs for that, such as A=b
	Keep    bool     // it stays at the end
}

// Sample is the sample application, from the look at what is there to its removal.
type Sample struct {
	cfg    Config
	engine *docker.Engine
	http   *http.Client
	log    *slog.Logger
	lock   *flock.Flock
	wanted chan string // what Do asks the loop for

	mu      sync.Mutex
	state   State
	changed chan struct{}

	recent []bool // whether the last requests were answered well; of the loop alone
}

// New makes a sample that is not started.
func New(cfg Config, log *slog.Logger) (*Sample, error) {
	host := cfg.Host
	if remote(host) {
		host = docker.DefaultHost // which is not asked for anything
	}
	engine, err := docker.Open(docker.Config{Host: host, Project: Project, Dir: cfg.Dir})
	if err != nil {
		return nil, err
	}
	return &Sample{
		cfg: cfg, engine: engine, log: log, lock: flock.New(lockName(cfg.Host), flock.SetPermissions(0o644)), //nolint:mnd // Others may look at it.
		http:   &http.Client{Timeout: askWithin, Transport: &http.Transport{DisableKeepAlives: true}},
		wanted: make(chan string, 1), changed: make(chan struct{}),
		state: State{Phase: Absent, URL: "http://127.0.0.1:" + strconv.Itoa(cfg.Port) + "/"},
	}, nil
}

// ErrNotNow is what Do gives for something that is not possible in the present phase.
var ErrNotNow = errors.New("not possible now")

// Do starts the application ("start"), removes it ("remove"), or breaks something: "errors", "hang", "leak", "exit", "kill" (the
// backend), "postgres" (it is stopped). Starting and removing go on after it has returned.
func (s *Sample) Do(ctx context.Context, what string) error {
	phase := s.State().Phase
	switch {
	case what == "start" && (phase == Offered || phase == Failed), what == "remove" && phase == Up:
		select {
		case s.wanted <- what:
			return nil
		default:
			return nil // somebody was quicker
		}
	case slices.Contains(Breaks, what) && phase == Up:
		return s.breaks(ctx, what)
	}
	return fmt.Errorf("%q: %w", what, ErrNotNow)
}

// Run looks after the application until ctx ends, and then removes it.
func (s *Sample) Run(ctx context.Context) error {
	defer s.engine.Close() //nolint:errcheck // Idle connections only.
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	s.look(ctx)
	for {
		select {
		case what := <-s.wanted:
			if what == "start" {
				s.start(ctx)
			} else {
				s.remove(ctx)
			}
		case <-tick.C:
			s.look(ctx)
		case <-ctx.Done():
			return s.end(context.WithoutCancel(ctx))
		}
	}
}

// look brings the state up to date.
func (s *Sample) look(ctx context.Context) {
	switch s.State().Phase {
	case Up:
		s.watch(ctx)
	case Absent, Offered:
		s.probe(ctx)
	}
}

// end leaves the machine as it was.
func (s *Sample) end(ctx context.Context) error {
	if s.cfg.Keep && s.State().Phase == Up {
		return s.lock.Unlock()
	}
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	var err error
	if s.State().Phase == Up {
		err = s.sweep(ctx)
	}
	if mine, lockErr := s.lock.TryLock(); mine && lockErr == nil {
		err = errors.Join(err, os.Remove(s.lock.Path()))
	}
	return errors.Join(err, s.lock.Unlock(), os.RemoveAll(s.cfg.Dir))
}

// remove removes the application while the demo goes on.
func (s *Sample) remove(ctx context.Context) {
	s.change(func(st *State) { st.Phase, st.Services, st.Running, st.Health, st.Errors = Removing, nil, "", "", 0 })
	err := s.sweep(ctx)
	err = errors.Join(err, s.lock.Unlock())
	s.change(func(st *State) {
		st.Phase, st.Steps = Offered, nil
		if err != nil {
			st.Phase, st.Error = Failed, err.Error()
		}
	})
}
