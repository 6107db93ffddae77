package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/examples/ai-notebook/app"
	"github.com/ai-notebook/notebookbot/internal/console"
	"github.com/ai-notebook/notebookbot/internal/sample"
)

// playsEnv makes this program the sample application's: its images hold the running program, since nothing else is sure to be there.
const playsEnv = "NOTEBOOKBOT_PLAYS"

// playsSample is the sample application's program inside of its containers; elsewhere it does nothing.
func playsSample() bool {
	if os.Getenv(playsEnv) != "ai-notebook" {
		return false
	}
	if err := app.Run(os.Args[1:], os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	return true
}

// sampleApp is the demo's sample application; without one (--no-sample) all it does is nothing.
type sampleApp struct {
	*sample.Sample
	dir  string
	auto bool // started without a question
	keep bool
}

// demoSample points the configuration at the sample application, and writes its folder, so that what is asked of the bot before the
// application runs is answered by what is there.
func demoSample(ctx context.Context, cfg *Config, o demoOptions, dir string, log *slog.Logger) (*sampleApp, error) {
	at, err := os.MkdirTemp("", sample.Project+"-") // not below dir: it may be kept
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Target = Target{
		Engine: cfg.Target.Engine, DockerHost: cfg.Target.DockerHost, Project: sample.Project, Dir: at, Services: sample.Services,
		HealthURL: "http://127.0.0.1:" + strconv.Itoa(port) + "/health", Versions: cfg.Target.Versions, Alerts: map[string][]string{},
	}
	host := sample.Host()
	if strings.HasPrefix(host, "unix://") {
		cfg.Target.DockerHost = host
	}
	for _, name := range sample.Services {
		cfg.Target.Alerts[name] = []string{`instance="` + instances[name] + `"`}
	}
	const enough = 30 * time.Second // nobody waits longer to see that a version is good; v4 fails before
	cfg.Deploy.Watch, cfg.Deploy.Migrate = enough, nil
	cfg.Backup.Dir = filepath.Join(dir, "backups")
	cfg.Backup.Files, cfg.Backup.Config, cfg.Backup.Secrets = []string{"uploads/", "docker-compose.yml"}, []string{"nginx/"}, []string{".env"}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	s, err := sample.New(sample.Config{
		Host: host, Dir: at, Port: port, Program: program, Env: []string{playsEnv + "=ai-notebook"}, Keep: o.keep,
	}, log.With("part", "sample"))
	if err != nil {
		return nil, err
	}
	if err := s.Files(ctx); err != nil {
		return nil, fmt.Errorf("the sample application's folder: %w", err)
	}
	if o.noSample {
		return &sampleApp{dir: at}, nil
	}
	return &sampleApp{Sample: s, dir: at, auto: o.sample, keep: o.keep}, nil
}

func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}

// run looks after the application until ctx ends, and tells at the terminal what the visitor should know of it.
func (a *sampleApp) run(ctx context.Context, out io.Writer) error {
	if a.Sample == nil {
		<-ctx.Done()
		return os.RemoveAll(a.dir)
	}
	if a.auto {
		go a.begin(ctx, out)
	}
	context.AfterFunc(ctx, func() {
		switch st := a.State(); {
		case st.Phase != sample.Up:
		case a.keep:
			_, _ = fmt.Fprintf(out, "the sample application stays: %s, project %s in %s\n", st.URL, sample.Project, a.dir)
		default:
			_, _ = fmt.Fprintln(out, "removing the sample application (Ctrl-C again leaves it; the next demo that starts one removes it)")
		}
	})
	return a.Run(ctx)
}

// begin starts the application as soon as it is known to be possible, or says why it is not.
func (a *sampleApp) begin(ctx context.Context, out io.Writer) {
	st := a.Wait(ctx, 0)
	if st.Phase == sample.Offered && a.Do(ctx, "start") == nil {
		_, _ = fmt.Fprintf(out, "starting the sample application at %s (project %s); the page shows how far it is\n", st.URL, sample.Project)
		return
	}
	if b, err := json.Marshal(st.Missing); err == nil && ctx.Err() == nil {
		_, _ = fmt.Fprintf(out, "the sample application cannot be started, the page says why: %s\n", b)
	}
}

// onPage is the sample application for the page; nil: it is not offered.
func (a *sampleApp) onPage() *console.Sample {
	if a.Sample == nil {
		return nil
	}
	return &console.Sample{
		State:  func(ctx context.Context, since int64) any { return a.Wait(ctx, since) },
		Do:     a.Do,
		NotNow: sample.ErrNotNow,
	}
}
