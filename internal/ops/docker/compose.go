package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	composeWithin = 30 * time.Minute // for a caller without a deadline: a build
	composeGrace  = 5 * time.Second  // compose may put a half-recreated container right when it is asked to end
	composeKeeps  = 64 << 10
	lookAgain     = time.Minute
)

// command is a compose command that is installed.
type command struct {
	argv    []string // docker compose, or docker-compose
	version string
}

func (c command) String() string { return strings.Join(c.argv, " ") + " " + c.version }

// What is ever asked of compose. Whatever shows environments (config), removes more than was approved (down) or follows is not.
var composeVerbs = []string{"build", "create", "images", "ps", "pull", "restart", "rm", "run", "start", "stop", "up", "version"}

// Verbs that touch containers, for which compose must be the one that made them.
var touchesContainers = []string{"create", "restart", "rm", "run", "start", "stop", "up"}

// ComposeError is a compose command that failed. Output is the last of what it wrote; it may hold secrets.
type ComposeError struct {
	Command string // docker-compose up
	Output  string
	Err     error
}

func (c *ComposeError) Error() string { return c.Command + ": " + c.Err.Error() }
func (c *ComposeError) Unwrap() error { return c.Err }

// Compose runs the installed compose command for the project: docker compose, else docker-compose, whichever made the containers
// that are there. args are arguments, never a line for a shell. It gives the last 64 KiB of the output, which may hold secrets, and
// fails with a ComposeError. When ctx ends, the command and all that it started are ended.
func (e *Engine) Compose(ctx context.Context, args ...string) (string, error) {
	return e.ComposeWith(ctx, Call{}, args...)
}

// Call is how compose is run.
type Call struct {
	Env    map[string]string // goes before the configuration's, and before the file .env
	Output io.Writer         // gets the output as it comes, which may hold secrets; it must not fail. May be nil
}

// ComposeWith runs compose as Compose does, with more to it.
func (e *Engine) ComposeWith(ctx context.Context, call Call, args ...string) (string, error) {
	if err := allowed(args); err != nil {
		return "", err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, composeWithin)
		defer cancel()
	}
	var containers []Container
	if slices.Contains(touchesContainers, args[0]) {
		var err error
		if containers, err = e.Containers(ctx); err != nil && !errors.Is(err, ErrNoContainers) {
			return "", err
		}
	}
	cmd, err := e.choose(ctx, containers)
	if err != nil {
		return "", err
	}
	argv := slices.Concat(cmd.argv, []string{"--ansi", "never", "--project-name", e.cfg.Project}, args)
	env := e.environment()
	for name, v := range call.Env {
		env = append(env, name+"="+v) // the last of a name counts
	}
	out, err := run(ctx, e.cfg.Dir, env, argv, call.Output)
	if err != nil {
		return out, &ComposeError{Command: strings.Join(cmd.argv, " ") + " " + args[0], Output: out, Err: err}
	}
	return out, nil
}

func allowed(args []string) error {
	if len(args) == 0 || !slices.Contains(composeVerbs, args[0]) {
		return fmt.Errorf("compose: only these are run: %s", strings.Join(composeVerbs, ", "))
	}
	for _, a := range args[1:] {
		if a == "--volumes" || a == "--renew-anon-volumes" || a == "-V" || args[0] == "rm" && isShort(a, 'v') {
			return fmt.Errorf("compose %s %s: volumes are never removed in this way", args[0], a)
		}
	}
	return nil
}

// isShort tells whether a is, or has among others, that short option.
func isShort(a string, option rune) bool {
	return strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.ContainsRune(a, option)
}

// ComposeVersion names the compose command that operations would use, such as "docker-compose 1.29.2", and refuses where another
// major version made the containers: it would recreate all of them, the database among them.
func (e *Engine) ComposeVersion(ctx context.Context) (string, error) {
	containers, err := e.Containers(ctx)
	if err != nil && !errors.Is(err, ErrNoContainers) {
		return "", err
	}
	c, err := e.choose(ctx, containers)
	if err != nil {
		return "", err
	}
	return c.String(), nil
}

// choose finds the installed command of the major version that made the containers.
func (e *Engine) choose(ctx context.Context, containers []Container) (command, error) {
	installed, err := e.installed(ctx)
	if err != nil {
		return command{}, err
	}
	made := map[string]*Container{} // by major version, one of them
	for i := range containers {
		made[major(containers[i].ComposeVersion)] = &containers[i]
	}
	if len(made) == 0 {
		return installed[0], nil
	}
	if len(made) > 1 {
		var each []string
		for _, c := range made {
			each = append(each, fmt.Sprintf("%s by %s", c.Name, orUnknown(c.ComposeVersion)))
		}
		slices.Sort(each)
		return command{}, say(ErrMixedCompose, "the containers of %s were made by different versions of compose (%s). Recreate all of them with one, "+
			"in a maintenance window (docker compose up -d --force-recreate)", e.cfg.Project, strings.Join(each, ", "))
	}
	for _, cmd := range installed {
		if _, ok := made[major(cmd.version)]; ok {
			return cmd, nil
		}
	}
	var names []string
	for _, cmd := range installed {
		names = append(names, cmd.String())
	}
	for _, c := range made {
		return command{}, say(ErrMixedCompose, "the containers of %s were made by compose %s, installed is %s, which would recreate every container. "+
			"Install compose %s.x for the bot, or recreate all of them with what is installed, in a maintenance window (up -d --force-recreate)",
			e.cfg.Project, orUnknown(c.ComposeVersion), strings.Join(names, " and "), major(orUnknown(c.ComposeVersion)))
	}
	return command{}, nil // unreachable: there is one
}

func orUnknown(version string) string {
	if version == "" {
		return "of an unknown version"
	}
	return version
}

func major(version string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	return first
}

// installed looks which compose commands there are; an update is noticed after a minute.
func (e *Engine) installed(ctx context.Context) ([]command, error) {
	e.mu.Lock()
	found, lookedAt := e.commands, e.lookedAt
	e.mu.Unlock()
	if len(found) > 0 && time.Since(lookedAt) < lookAgain {
		return found, nil
	}
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	found = nil
	for _, argv := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		out, err := run(ctx, os.TempDir(), e.environment(), slices.Concat(argv, []string{"version", "--short"}), nil)
		if err != nil {
			continue // not there, or docker without the plugin
		}
		if v := strings.TrimPrefix(strings.TrimSpace(out), "v"); v != "" && v[0] >= '0' && v[0] <= '9' {
			found = append(found, command{argv, v})
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("look for the compose command: %w", ctx.Err())
	}
	if len(found) == 0 {
		return nil, say(ErrNoCompose, "neither docker compose nor docker-compose is installed where the bot runs: install the one that made the "+
			"application (Debian: apt-get install docker-compose; Docker's own packages: docker-compose-plugin)")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.commands, e.lookedAt = found, time.Now()
	return found, nil
}

// run runs a program in a process group of its own and ends the whole group with ctx. On Linux it also ends with this process,
// however that ends: nobody would know what a compose command does that is left behind.
func run(ctx context.Context, dir string, env, argv []string, also io.Writer) (string, error) {
	runtime.LockOSThread() // the kernel watches the thread that started it
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // Our own words; what is not ours are arguments after them.
	out := &keepWriter{most: composeKeeps}
	cmd.Dir, cmd.Env, cmd.Stdout = dir, append(env, "PWD="+dir), out
	if also != nil {
		cmd.Stdout = io.MultiWriter(out, also)
	}
	cmd.Stderr = cmd.Stdout
	cmd.Stdin = bytes.NewReader(nil) // compose asks nobody
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = composeGrace
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // there may be nobody left
		}
		return out.String(), ctx.Err()
	}
	return out.String(), err
}
