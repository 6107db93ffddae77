package security

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

const (
	lynisReport = "/var/log/lynis-report.dat"
	// goodIndex is the hardening index from which Lynis itself calls a system green.
	goodIndex = 65
	mostText  = 8 << 20 // bytes of a report
)

// lynisResult is what a report of Lynis says.
type lynisResult struct {
	ended       time.Time
	index       int // of 100; -1: it says none
	warnings    []lynisWarning
	suggestions int
}

type lynisWarning struct{ test, text string }

// parseLynis reads a report: a key and its value a line, lists with [] behind their key and fields between bars.
func parseLynis(text string) lynisResult {
	r := lynisResult{index: -1}
	for line := range strings.Lines(text) {
		key, v, there := strings.Cut(strings.TrimSpace(line), "=")
		if !there {
			continue
		}
		switch key {
		case "hardening_index":
			if n, err := strconv.Atoi(v); err == nil && n >= 0 && n <= 100 {
				r.index = n
			}
		case "report_datetime_end":
			if at, err := time.ParseInLocation(time.DateTime, v, time.Local); err == nil {
				r.ended = at
			}
		case "warning[]":
			test, rest, _ := strings.Cut(v, "|")
			text, _, _ := strings.Cut(rest, "|")
			r.warnings = append(r.warnings, lynisWarning{test, text})
		case "suggestion[]":
			r.suggestions++
		}
	}
	return r
}

// findings of a report. One without its index and end was not finished.
func (r lynisResult) findings() []health.Finding {
	if r.index < 0 {
		return []health.Finding{unchecked("lynis.unfinished", health.Facts{})}
	}
	index := ok("lynis.index", health.Facts{Count: r.index, Total: r.suggestions})
	if r.index < goodIndex {
		index.State = health.Warning
	}
	found := []health.Finding{index}
	for _, w := range r.warnings {
		found = append(found, warn("lynis.warning", health.Facts{Word: w.test, Text: w.text}))
	}
	return few(found)
}

// lynis tells what the last run of Lynis found, whoever started it; without one of this week it is run.
func (s *scene) lynis(context.Context) []health.Finding {
	text, err := s.readFile(lynisReport)
	if err == nil {
		if r := parseLynis(text); r.index >= 0 && s.now.Sub(r.ended) < lately {
			return append(r.findings(), ok("scan.at", health.Facts{At: r.ended}))
		}
	}
	if _, missing := find("lynis"); missing != nil {
		if errors.Is(err, fs.ErrPermission) {
			return []health.Finding{unchecked("forbidden", health.Facts{Word: lynisReport})}
		}
		return []health.Finding{unchecked("absent", health.Facts{Word: "lynis"})}
	}
	if os.Geteuid() != 0 {
		return []health.Finding{unchecked("not_root", health.Facts{Word: "lynis"})}
	}
	return s.scanned("lynis", scanFresh, runLynis)
}

func runLynis(ctx context.Context) []health.Finding {
	dir, err := os.MkdirTemp("", "notebookbot-lynis-")
	if err != nil {
		return []health.Finding{unchecked("unseen", health.Facts{Text: err.Error()})}
	}
	defer os.RemoveAll(dir) //nolint:errcheck // It is a folder of ours below the temporary one.
	report := filepath.Join(dir, "report.dat")
	_, err = run(ctx, "lynis", "audit", "system", "--cronjob", "--report-file", report, "--logfile", filepath.Join(dir, "log"))
	text, unread := os.ReadFile(report) //nolint:gosec // In a folder of ours.
	if r := parseLynis(string(text)); unread == nil && r.index >= 0 {
		return r.findings() // it ends with an error where it found something
	}
	if err == nil {
		err = errors.Join(unread, errors.New("lynis wrote no report"))
	}
	return []health.Finding{unchecked("unseen", health.Facts{Text: err.Error()})}
}

// readFile reads a file of the machine up to a length that is more than enough.
func (s *scene) readFile(name string) (string, error) {
	f, err := os.Open(s.path(name))
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	b, err := io.ReadAll(io.LimitReader(f, mostText))
	return string(b), err
}
