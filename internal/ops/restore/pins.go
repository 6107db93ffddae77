package restore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

const envName = ".env"

var (
	imageLine = regexp.MustCompile(`(?m)^\s*image:.*$`)
	variable  = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)
)

// keepPins carries the versions that run now over into a .env that comes out of a set: which images run is the deploys' matter, and a
// restore of passwords must not bring an old version back.
func (k *Kind) keepPins(ctx context.Context, beside string) error {
	old := filepath.Join(beside, envName)
	text, err := os.ReadFile(old) //nolint:gosec // Below a folder of ours.
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	live, err := os.ReadFile(filepath.Join(k.Config.Root, envName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	project, err := k.Engine.Project(ctx)
	if err != nil {
		return target.Explain(err)
	}
	pins := map[string]bool{}
	for _, name := range project.Files {
		b, err := os.ReadFile(name) //nolint:gosec // The compose file.
		if err != nil {
			return err
		}
		for _, line := range imageLine.FindAllString(string(b), -1) {
			for _, m := range variable.FindAllStringSubmatch(line, -1) {
				pins[m[1]] = true
			}
		}
	}
	f, err := os.OpenFile(old, os.O_WRONLY|os.O_TRUNC, 0) //nolint:gosec // Its owner and rights stay.
	if err != nil {
		return err
	}
	_, err = f.WriteString(withPins(string(text), string(live), pins))
	return errors.Join(err, f.Sync(), f.Close())
}

// env is the hash of the live .env; empty: there is none.
func (k *Kind) env() (string, error) {
	b, err := os.ReadFile(filepath.Join(k.Config.Root, envName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// withPins is a .env with the lines of some variables as another one has them.
func withPins(text, live string, pins map[string]bool) string {
	name := func(line string) string {
		n, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if n = strings.TrimSpace(n); ok && pins[n] {
			return n
		}
		return ""
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if name(line) == "" {
			b.WriteString(line)
		}
	}
	if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteString("\n")
	}
	for line := range strings.Lines(live) {
		if name(line) != "" {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return b.String()
}
