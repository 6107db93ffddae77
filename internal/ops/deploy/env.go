package deploy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// was is what a variable of the file .env was: its line's value as it stood there, or that it did not stand there.
type was struct {
	Value string `json:"value,omitempty"`
	Set   bool   `json:"set,omitempty"`
}

var envLine = regexp.MustCompile(`^(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_]*)(\s*=)(.*?)(\s+#[^\n]*?)?(\r?\n?)$`)

// readEnv gives what stands in the text for these names. Of several lines for one name the last counts.
func readEnv(text string, names ...string) map[string]was {
	out := map[string]was{}
	for _, name := range names {
		out[name] = was{}
	}
	for line := range strings.Lines(text) {
		if m := envLine.FindStringSubmatch(line); m != nil && slices.Contains(names, m[2]) {
			out[m[2]] = was{Value: m[4], Set: true}
		}
	}
	return out
}

// writeEnv gives the text with these values instead, and all else as it was: order, comments, line ends. What shall not be set loses its line.
func writeEnv(text string, values map[string]was) string {
	lines := slices.Collect(strings.Lines(text))
	last := map[string]int{}
	for i, line := range lines {
		if m := envLine.FindStringSubmatch(line); m != nil {
			last[m[2]] = i
		}
	}
	var missing []string
	for name, v := range values {
		i, ok := last[name]
		switch {
		case ok && v.Set:
			lines[i] = envLine.ReplaceAllString(lines[i], "${1}${2}${3}"+strings.ReplaceAll(v.Value, "$", "$$")+"${5}${6}")
		case ok:
			lines[i] = ""
		case v.Set:
			missing = append(missing, name)
		}
	}
	out := strings.Join(lines, "")
	slices.Sort(missing)
	for _, name := range missing {
		if out != "" && !strings.HasSuffix(out, "\n") {
			out += "\n"
		}
		out += name + "=" + values[name].Value + "\n"
	}
	return out
}

// envFile is where the application's .env really is: the name may be a link.
func envFile(dir string) (string, error) {
	name := filepath.Join(dir, ".env")
	end, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil
	}
	return end, err
}

// currentEnv reads what the file .env says of these names; without the file they are not set.
func currentEnv(dir string, names ...string) (map[string]was, error) {
	name, err := envFile(dir)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(name) //nolint:gosec // The operator's own file.
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return readEnv(string(b), names...), nil
}

// setEnv changes the file .env at once or not at all. It keeps its rights and, where we may, its owner.
func setEnv(dir string, values map[string]was) (err error) {
	name, err := envFile(dir)
	if err != nil {
		return err
	}
	mode, owner := fs.FileMode(0o600), [2]int{-1, -1}
	b, err := os.ReadFile(name) //nolint:gosec // The operator's own file.
	switch {
	case err == nil:
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		mode, owner = info.Mode().Perm(), ownerOf(info)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	text := writeEnv(string(b), values)
	if text == string(b) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".env.*.partial")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // it is worth nothing
			err = fmt.Errorf("write %s: %w", name, err)
		}
	}()
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if owner[0] >= 0 && (owner[0] != os.Geteuid() || owner[1] != os.Getegid()) {
		if err := os.Chown(f.Name(), owner[0], owner[1]); err != nil {
			return err // the application may not read it otherwise
		}
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(name))
}
