package sample

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/sample/images"
)

// Host is the engine of this machine: that of DOCKER_HOST, else the system's, else that of the user alone (rootless).
func Host() string {
	if h := os.Getenv("DOCKER_HOST"); h != "" {
		return h
	}
	system := strings.TrimPrefix(docker.DefaultHost, "unix://")
	own := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "docker.sock")
	if !exists(system) && os.Getenv("XDG_RUNTIME_DIR") != "" && exists(own) {
		return "unix://" + own
	}
	return docker.DefaultHost
}

// remote tells of an engine that may be on another machine, where neither our files nor our loopback address are.
func remote(host string) bool { return !strings.HasPrefix(host, "unix://") }

func exists(path string) bool {
	_, err := os.Stat(path) //nolint:gosec // A socket of whoever runs us.
	return err == nil
}

// lockName is the file that tells two demos on one engine of each other.
func lockName(host string) string {
	const enough = 6
	sum := sha256.Sum256([]byte(host))
	return filepath.Join(os.TempDir(), Project+"-"+hex.EncodeToString(sum[:enough])+".lock")
}

// probe looks whether the application can be started.
func (s *Sample) probe(ctx context.Context) {
	missing := s.missing(ctx)
	var parts []Part
	if len(missing) == 0 {
		var err error
		if parts, err = s.parts(ctx); err != nil {
			missing = []Missing{{Code: "docker", Text: err.Error()}}
		}
	}
	if ctx.Err() != nil {
		return // nothing that was seen means anything
	}
	s.change(func(st *State) {
		st.Phase, st.Missing, st.Parts = Offered, missing, parts
		if len(missing) > 0 {
			st.Phase = Absent
		}
	})
}

func (s *Sample) missing(ctx context.Context) []Missing {
	if runtime.GOOS != "linux" {
		return []Missing{{Code: "linux", Text: runtime.GOOS}} // the images are made of this machine's programs
	}
	if remote(s.cfg.Host) {
		return []Missing{{Code: "remote", Text: s.cfg.Host}}
	}
	var out []Missing
	if _, err := exec.LookPath("git"); err != nil {
		out = append(out, Missing{Code: "git"})
	}
	_, err := s.engine.Ping(ctx)
	switch {
	case errors.Is(err, docker.ErrForbidden):
		return append(out, Missing{Code: "rights", Text: err.Error()})
	case err != nil:
		return append(out, Missing{Code: "docker", Text: err.Error()})
	}
	if _, err := s.engine.ComposeVersion(ctx); errors.Is(err, docker.ErrNoCompose) {
		return append(out, Missing{Code: "compose"})
	}
	if others, err := s.others(ctx); err != nil {
		out = append(out, Missing{Code: "docker", Text: err.Error()})
	} else if others != "" {
		out = append(out, Missing{Code: "other", Text: others})
	}
	if !s.lock.Locked() {
		free, err := s.lock.TryLock()
		switch {
		case err != nil:
			out = append(out, Missing{Code: "busy", Text: err.Error()})
		case !free:
			out = append(out, Missing{Code: "busy"})
		default:
			if err := s.lock.Unlock(); err != nil { // whoever starts it takes it
				out = append(out, Missing{Code: "busy", Text: err.Error()})
			}
		}
	}
	if !s.portFree(ctx) {
		out = append(out, Missing{Code: "port", Text: strconv.Itoa(s.cfg.Port)})
	}
	return out
}

func (s *Sample) portFree(ctx context.Context) bool {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(s.cfg.Port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// parts tells of what the images would be made.
func (s *Sample) parts(ctx context.Context) ([]Part, error) {
	var out []Part
	for _, p := range images.Parts {
		from, err := p.From(ctx, s.cfg.Host)
		if err != nil {
			return nil, err
		}
		out = append(out, Part{Name: p.Name, From: string(from), Image: p.Official})
	}
	return out, nil
}
