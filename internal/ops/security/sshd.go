package security

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

const sshdConfig = "/etc/ssh/sshd_config"

// What the guide sets.
const (
	guideTries = 3
	guideIdle  = 600 // seconds until a client that does not answer is let go: ClientAliveInterval times ClientAliveCountMax
)

// sshdDefaults are what sshd does where nothing is set.
var sshdDefaults = map[string]string{
	"permitrootlogin": "prohibit-password", "passwordauthentication": "yes", "pubkeyauthentication": "yes", "maxauthtries": "6",
	"clientaliveinterval": "0", "clientalivecountmax": "3", "port": "22",
}

// sshd holds what sshd does against what the guide sets: what it says itself, else what its file says.
func (s *scene) sshd(ctx context.Context) []health.Finding {
	set, source, err := s.sshdSettings(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []health.Finding{unchecked("absent", health.Facts{Word: "sshd"})}
	case errors.Is(err, fs.ErrPermission):
		return []health.Finding{unchecked("forbidden", health.Facts{Word: sshdConfig})}
	case ctx.Err() != nil:
		return []health.Finding{unchecked("slow", health.Facts{Took: s.cfg.Within})}
	case err != nil:
		return []health.Finding{unchecked("unseen", health.Facts{Text: err.Error()})}
	}
	found := judgeSSHD(set)
	if len(found) == 0 {
		found = append(found, ok("sshd.fine", health.Facts{Word: source, Text: set["port"]}))
	}
	return found
}

// judgeSSHD tells where sshd is not what the guide makes it.
func judgeSSHD(set map[string]string) []health.Finding {
	value := func(key string) string {
		if v, there := set[key]; there {
			return strings.ToLower(v)
		}
		return sshdDefaults[key]
	}
	number := func(key string) int {
		n, err := strconv.Atoi(value(key))
		if err != nil {
			return -1
		}
		return n
	}
	var found []health.Finding
	add := func(f health.Finding) { found = append(found, f) }
	switch v := value("permitrootlogin"); v {
	case "no":
	case "yes":
		add(failed("sshd.root", health.Facts{Text: v}))
	default:
		add(warn("sshd.root", health.Facts{Text: v}))
	}
	if v := value("passwordauthentication"); v != "no" {
		add(warn("sshd.password", health.Facts{Text: v}))
	}
	if v := value("pubkeyauthentication"); v != "yes" {
		add(warn("sshd.keys", health.Facts{Text: v}))
	}
	if n := number("maxauthtries"); n < 0 || n > guideTries {
		add(warn("sshd.tries", health.Facts{Text: value("maxauthtries"), Count: guideTries}))
	}
	if idle := number("clientaliveinterval") * number("clientalivecountmax"); idle <= 0 || idle > guideIdle {
		add(warn("sshd.idle", health.Facts{Text: value("clientaliveinterval") + " × " + value("clientalivecountmax"), Count: guideIdle}))
	}
	return found
}

// sshdSettings asks sshd, which only root can, else reads its file. A machine without either is fs.ErrNotExist.
func (s *scene) sshdSettings(ctx context.Context) (set map[string]string, source string, err error) {
	if s.cfg.Root == "/" && os.Geteuid() == 0 {
		text, err := run(ctx, "sshd", "-T")
		if err == nil {
			list, err := parseSSHD(strings.NewReader(text))
			return settings(list), "sshd -T", err
		}
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		s.cfg.Log.DebugContext(ctx, "sshd does not tell its settings; its file is read", "err", err)
	}
	left := mostIncluded
	list, err := s.sshdFile(sshdConfig, 0, &left)
	return settings(list), sshdConfig, err
}

// How deep files of sshd may include each other, as in sshd itself, and how many of them are read.
const (
	mostIncludes = 16
	mostIncluded = 200
)

// directive is a line of sshd's settings, its key in lower case.
type directive struct{ key, value string }

// sshdFile reads a file of sshd with those that it includes, where they are included. Left is how many more files may be read.
func (s *scene) sshdFile(name string, depth int, left *int) ([]directive, error) {
	if *left--; depth > mostIncludes || *left < 0 {
		return nil, errors.New(sshdConfig + " includes too many files")
	}
	f, err := os.Open(s.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	list, err := parseSSHD(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out []directive
	for _, d := range list {
		if d.key != "include" {
			out = append(out, d)
			continue
		}
		for pattern := range strings.FieldsSeq(d.value) {
			pattern = strings.Trim(pattern, `"`)
			if !filepath.IsAbs(pattern) {
				pattern = filepath.Join(filepath.Dir(sshdConfig), pattern)
			}
			files, _ := filepath.Glob(s.path(pattern)) // a wrong pattern matches nothing there either
			for _, file := range files {
				rel, err := filepath.Rel(filepath.Clean(s.cfg.Root), file)
				if err != nil {
					return nil, err
				}
				inner, err := s.sshdFile("/"+rel, depth+1, left)
				if err != nil {
					return nil, err
				}
				out = append(out, inner...)
			}
		}
	}
	return out, nil
}

// parseSSHD reads sshd's file, or what sshd -T writes: a key and its value a line. What follows a Match holds for some only, and is not read.
func parseSSHD(r io.Reader) ([]directive, error) {
	var out []directive
	in := bufio.NewScanner(r)
	in.Buffer(nil, mostLine)
	for in.Scan() {
		line := strings.TrimSpace(in.Text())
		end := strings.IndexAny(line, " \t=")
		if end <= 0 || line[0] == '#' {
			continue
		}
		key, value := strings.ToLower(line[:end]), strings.Trim(line[end:], " \t=")
		if key == "match" {
			break
		}
		if value != "" {
			out = append(out, directive{key, value})
		}
	}
	return out, in.Err()
}

// settings are the values that hold: the first of each key.
func settings(list []directive) map[string]string {
	set := map[string]string{}
	for _, d := range list {
		if _, there := set[d.key]; !there {
			set[d.key] = strings.Trim(d.value, `"`)
		}
	}
	return set
}
