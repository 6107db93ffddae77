package security

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// errAbsent says that a program is not installed.
var errAbsent = errors.New("it is not installed")

// places are where programs for root lie, which a service's PATH may not name.
var places = []string{"/usr/sbin", "/sbin", "/usr/local/sbin"}

// find gives the path of a program that is installed.
func find(name string) (string, error) {
	if file, err := exec.LookPath(name); err == nil {
		return file, nil
	}
	for _, dir := range places {
		if file, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, errAbsent)
}

// mostOutput is how much of what a program writes is read.
const mostOutput = 32 << 20

// run runs a program with these arguments, as the argument list that they are, and gives what it wrote. It ends with ctx. The program gets
// none of the bot's own environment, which holds secrets.
func run(ctx context.Context, name string, args ...string) (string, error) {
	return runWith(ctx, nil, name, args...)
}

// runWith is run with more of an environment.
func runWith(ctx context.Context, env []string, name string, args ...string) (string, error) {
	file, err := find(name)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, file, args...) //nolint:gosec // Names and arguments are ours.
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH") + ":" + strings.Join(places, ":"), "HOME=" + os.Getenv("HOME")}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "TMPDIR"} {
		if v, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.WaitDelay = time.Second
	out, said := limited{most: mostOutput}, limited{most: 64 << 10}
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return out.String(), fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(said.String()))
	case out.cut:
		return "", fmt.Errorf("%s wrote more than %d bytes", name, mostOutput)
	}
	return out.String(), nil
}

// limited keeps the first of what a program writes and drops the rest.
type limited struct {
	bytes.Buffer
	most int
	cut  bool
}

func (l *limited) Write(b []byte) (int, error) {
	room := max(0, l.most-l.Len())
	l.cut = l.cut || len(b) > room
	l.Buffer.Write(b[:min(len(b), room)])
	return len(b), nil
}
