package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// migrate brings the database to the version's form. Nothing takes it back: what it did before it failed stays, and a restore is an
// operation of its own.
type migrate struct{ *Kind }

// markName is in the environment of a migration on this machine, so that it is found after a crash.
const markName = "NOTEBOOKBOT_MIGRATION"

// Do implements ops.Doer. The container has a name of its own: there can be no second one while it is there.
func (s migrate) Do(ctx context.Context, r *ops.Run) error {
	var a migrateArgs
	if err := r.Args(&a); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	rec := migrateRecord{Name: fmt.Sprintf("%s-migrate-%d", s.cfg.Project, r.Operation.Number)}
	if err := r.Held(ctx); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	if c, err := s.docker.OneOff(ctx, rec.Name); err == nil {
		if c.State != "created" {
			return fmt.Errorf("%w: a container %s is there already", ops.ErrUnclear, rec.Name)
		}
		if err := s.docker.Remove(ctx, c.ID); err != nil { // compose was ended before it started it
			return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
		}
	}
	if err := r.Record(ctx, rec); err != nil {
		return err
	}
	code, said, err := s.run(ctx, a, rec.Name)
	if err != nil {
		return s.quoted(err, said)
	}
	rec.Ended, rec.Code = true, code
	if err := r.Record(ctx, rec); err != nil {
		return err
	}
	if a.Where == "container" {
		s.removeOneOff(ctx, rec.Name)
	}
	if code != 0 {
		return ops.Caused("migration_failed", strings.Join(a.Argv, " "), s.quoted(fmt.Errorf("it ended with exit code %d; %s", code, wayOut(r)), said))
	}
	return nil
}

// wayOut says how the database comes back to what it was.
func wayOut(r *ops.Run) string {
	id := r.Operation.Plan.Backup.Set
	var taken string
	if found, err := r.Output(ops.BackupStep, &taken); err == nil && found && taken != "" {
		id = taken
	}
	if id == "" {
		return "there is no backup of right before; backup list shows which ones there are, and restore ID brings one back"
	}
	return "restore " + id + " brings it back to what it was before"
}

// run runs it and gives its exit code and the last of what it said.
func (s migrate) run(ctx context.Context, a migrateArgs, name string) (int, string, error) {
	if a.Where == "host" {
		return s.onHost(ctx, a, name)
	}
	// Detached: the container does not depend on the life of the compose command, nor on ours.
	args := append([]string{"run", "-d", "--no-deps", "--name", name, "--entrypoint", a.Argv[0], a.Service}, a.Argv[1:]...)
	if out, err := s.docker.ComposeWith(ctx, docker.Call{Env: a.Pins}, args...); err != nil {
		if _, found := s.docker.OneOff(context.WithoutCancel(ctx), name); found == nil {
			return 0, out, fmt.Errorf("%w: %w", ops.ErrUnclear, err)
		}
		return 0, out, err
	}
	c, err := s.docker.OneOff(ctx, name)
	if err != nil {
		return 0, "", err
	}
	c, err = s.docker.WaitExit(ctx, c.ID)
	if err != nil && ctx.Err() != nil { // it took too long, or this runner is told to go: then a look goes on with it
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			s.end(ctx, name)
		}
		return 0, s.log(ctx, c), ops.Caused("migration_late", strings.Join(a.Argv, " "), ctx.Err())
	}
	if err != nil {
		return 0, "", err
	}
	return c.ExitCode, s.log(ctx, c), nil
}

// end stops a migration whose time is over.
func (s migrate) end(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if c, err := s.docker.OneOff(ctx, name); err == nil {
		_ = s.docker.Stop(ctx, c.ID, 10*time.Second) // whether it ended, the next look tells
	}
}

func (s migrate) log(ctx context.Context, c *docker.Container) string {
	if c == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var b strings.Builder
	if err := s.docker.Logs(ctx, c.ID, quotes, time.Time{}, &b); err != nil {
		return ""
	}
	return b.String()
}

// removeOneOff takes the container away; one that stays does no harm, and clean-up finds it.
func (s migrate) removeOneOff(ctx context.Context, name string) {
	if c, err := s.docker.OneOff(ctx, name); err == nil {
		_ = s.docker.Remove(ctx, c.ID)
	}
}

// onHost runs the version's own file, in the application's folder, with what compose would give it and nothing of ours.
func (s migrate) onHost(ctx context.Context, a migrateArgs, name string) (int, string, error) {
	file := filepath.Join(s.cfg.Dir, a.Argv[0])
	cmd := exec.CommandContext(ctx, file, a.Argv[1:]...) //nolint:gosec // The operator's own configuration, a file of the approved commit.
	var said strings.Builder
	cmd.Dir, cmd.Stdout = s.cfg.Dir, &tail{b: &said}
	cmd.Stderr = cmd.Stdout
	cmd.Env = append(hostEnv(), "DOCKER_HOST="+s.cfg.Host, "COMPOSE_PROJECT_NAME="+s.cfg.Project, "PWD="+s.cfg.Dir, markName+"="+name)
	for n, v := range a.Pins {
		cmd.Env = append(cmd.Env, n+"="+v)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // there may be nobody left
		}
		return 0, said.String(), ops.Caused("migration_late", strings.Join(a.Argv, " "), ctx.Err())
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), said.String(), nil
	}
	if err != nil {
		return 0, "", fmt.Errorf("%w: %w", ops.ErrUnchanged, err) // it did not even start
	}
	return 0, said.String(), nil
}

// Look implements ops.Doer. A migration that still runs is waited for: to begin another beside it would be the worst.
func (s migrate) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	var a migrateArgs
	var rec migrateRecord
	if err := r.Args(&a); err != nil {
		return ops.SeenUnclear, err
	}
	found, err := r.Output(r.Step.Name, &rec)
	switch {
	case err != nil:
		return ops.SeenUnclear, err
	case !found:
		return ops.SeenNotDone, nil
	case rec.Ended && rec.Code == 0:
		return ops.SeenDone, nil
	case rec.Ended:
		return ops.SeenPartly, nil
	case a.Where == "host":
		// Its exit code is lost with whoever waited for it.
		return ops.SeenPartly, waitForMark(ctx, rec.Name)
	}
	c, err := s.docker.OneOff(ctx, rec.Name)
	if errors.Is(err, docker.ErrGone) {
		// It may never have been created. But it may as well have ended, and somebody's prune removed it before its end was recorded: then it would run
		// twice. A person looks.
		return ops.SeenUnclear, fmt.Errorf("the container %s of the migration is gone, and its end was not recorded: %w", rec.Name, err)
	}
	if err != nil {
		return ops.SeenUnclear, err
	}
	if c.State == "created" {
		return ops.SeenNotDone, nil // and never started
	}
	if c, err = s.docker.WaitExit(ctx, c.ID); err != nil {
		return ops.SeenUnclear, err
	}
	if c.ExitCode != 0 {
		return ops.SeenPartly, nil
	}
	return ops.SeenDone, nil
}

// Undo implements ops.Doer. It is never asked: the plan has no way back for a migration.
func (migrate) Undo(context.Context, *ops.Run) error {
	return errors.New("a migration is not taken back by itself: restore a backup")
}

// waitForMark waits until no process of this machine has the mark.
func waitForMark(ctx context.Context, name string) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for marked(name) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the migration still runs: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

func marked(name string) bool {
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return false
	}
	for _, f := range found {
		b, err := os.ReadFile(f) //nolint:gosec // The kernel's own list.
		if err == nil && strings.Contains("\x00"+string(b), "\x00"+markName+"="+name+"\x00") {
			return true
		}
	}
	return false
}

// hostEnv is what programs need, and nothing that holds a secret of ours.
func hostEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "DOCKER_CONFIG"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// tail keeps the last of what is written.
type tail struct{ b *strings.Builder }

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	const most = 64 << 10
	t.b.Write(p)
	if t.b.Len() > 2*most {
		kept := t.b.String()[t.b.Len()-most:]
		t.b.Reset()
		t.b.WriteString(kept)
	}
	return len(p), nil
}
