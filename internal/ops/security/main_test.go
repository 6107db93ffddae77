package security

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestMain(m *testing.M) { os.Exit(realparts.Main(m)) }

// now is when the audits of tests with files of their own take place.
var now = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

// sceneOf is an audit that does not wait until processes have an age.
func sceneOf(cfg Config) *scene {
	c := New(cfg)
	c.young = 0
	return &scene{Checker: c, now: c.cfg.Now(), residents: sync.OnceValue(residents), exposures: func(ctx context.Context) ([]docker.Exposure, error) {
		if c.cfg.Engine == nil {
			return nil, errNoEngine
		}
		return c.cfg.Engine.Exposures(ctx)
	}}
}

// machine is a folder with the files of a machine.
func machine(t *testing.T, files map[string]string) *scene {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		put(t, filepath.Join(root, name), text, 0o600)
	}
	return sceneOf(Config{Root: root, Now: func() time.Time { return now }})
}

func put(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// finds gives the finding with a code; nil: there is none.
func finds(found []health.Finding, code string) *health.Finding {
	for i := range found {
		if found[i].Code == code {
			return &found[i]
		}
	}
	return nil
}

// codes are the states and codes of findings, in their order.
func codes(found []health.Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, string(f.State)+" "+f.Code)
	}
	return out
}
