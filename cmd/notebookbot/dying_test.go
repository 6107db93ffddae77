package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/cleanup"
	"github.com/ai-notebook/notebookbot/internal/ops/deploy"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// The environment of a bot that a test lets die in the middle of an operation.
const (
	dyingConfig = "NOTEBOOKBOT_TEST_DYING_CONFIG" // the configuration; set: this process is such a bot
	dyingAt     = "NOTEBOOKBOT_TEST_DYING_AT"     // "before STEP", "during STEP", "after STEP"; empty: it lives
	dyingTrace  = "NOTEBOOKBOT_TEST_DYING_TRACE"  // a file that gets a line for each thing that is done to a step
)

func TestMain(m *testing.M) {
	if os.Getenv(dyingConfig) != "" {
		os.Exit(dyingBot())
	}
	os.Exit(realparts.Main(m))
}

// dyingBot is the real bot in this process, whose steps tell what is done with them and which dies where it is told to.
func dyingBot() int {
	cfg, err := loadConfig(os.Getenv(dyingConfig))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	cfg.tune = func(o *operations, c *ops.Config) {
		o.app.Stable = 500 * time.Millisecond
		hasty := cfg.deployConfig()
		hasty.Stable = o.app.Stable
		forward, back := deploy.New(hasty, o.engine, o.app, o.past)
		for i, k := range c.Kinds {
			switch k.Word() {
			case deploy.WordDeploy:
				k = forward
			case deploy.WordRollback:
				k = back
			case "cleanup":
				k = cfg.cleanupLater(o)
			}
			c.Kinds[i] = dyingKind{k}
		}
		if c.Backups != nil {
			c.Backups = dyingBackups{c.Backups}
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, cfg, log); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitDone
}

// cleanupLater cleans up as on a day when all that is here now is old.
func (c *Config) cleanupLater(o *operations) ops.Kind {
	k := cleanup.New(cleanup.Config{
		Project: c.Target.Project, Dir: c.Target.Dir, LargeBelow: []string{c.Target.Dir},
		Now: func() time.Time { return time.Now().AddDate(0, 2, 0) },
	}, o.engine, o.app)
	k.Versions = deployed{o.engine, c.Target.Project}
	return k
}

type dyingKind struct{ ops.Kind }

func (k dyingKind) Step(name string) (ops.Doer, bool) {
	d, ok := k.Kind.Step(name)
	return dyingStep{d}, ok
}

type dyingBackups struct{ ops.Backups }

func (b dyingBackups) Do(ctx context.Context, r *ops.Run) error {
	return dyingStep{b.Backups}.Do(ctx, r)
}

func (b dyingBackups) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	return dyingStep{b.Backups}.Look(ctx, r)
}

type dyingStep struct{ ops.Doer }

func (s dyingStep) Do(ctx context.Context, r *ops.Run) error {
	trace(r, "do")
	die("before", stepName(r))
	if os.Getenv(dyingAt) == "during "+stepName(r) {
		// Somewhere in the first second, in which most of a step's calls begin: as likely between 1 and 10 ms as between 100 ms and 1 s.
		later := time.Duration(float64(time.Millisecond) * math.Pow(1000, rand.Float64()))
		time.AfterFunc(later, func() { die("during", stepName(r)) })
	}
	err := s.Doer.Do(ctx, r)
	if err == nil {
		trace(r, "did")
		die("during", stepName(r)) // it was quicker than that
		die("after", stepName(r))
	}
	return err
}

func (s dyingStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	seen, err := s.Doer.Look(ctx, r)
	trace(r, "look:"+string(seen))
	return seen, err
}

func (s dyingStep) Undo(ctx context.Context, r *ops.Run) error {
	trace(r, "undo")
	die("undo", stepName(r))
	return s.Doer.Undo(ctx, r)
}

// stepName is a step's name without the set that is fetched: no table can know that.
func stepName(r *ops.Run) string {
	if strings.HasPrefix(r.Step.Name, "fetch:") {
		return "fetch"
	}
	return r.Step.Name
}

// die ends this process as kill -9 does, where the test wants it.
func die(when, step string) {
	if os.Getenv(dyingAt) == when+" "+step {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// trace tells of what the test asked for. The clock asks for backups of its own.
func trace(r *ops.Run, what string) {
	if r.Operation.By.Kind == incidents.ByClock {
		return
	}
	f, err := os.OpenFile(os.Getenv(dyingTrace), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = fmt.Fprintln(f, what, stepName(r))
	_ = f.Close()
}

// traced reads what was done with the steps: "do restart:backend", "look:done restart:backend".
func traced(t *testing.T, file string) []string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// startDying starts such a bot; at is empty for one that lives.
func startDying(t *testing.T, config, addr, at, traceFile string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), dyingConfig+"="+config, dyingAt+"="+at, dyingTrace+"="+traceFile)
	return startProcess(t, cmd, addr)
}
