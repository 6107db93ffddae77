package security

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

const (
	wtmp    = "/var/log/wtmp"
	btmp    = "/var/log/btmp"
	authLog = "/var/log/auth.log"

	// mostRecords is how many records are read: a machine in the internet collects millions of failed logins.
	mostRecords = 200_000
	// shownLogins is how many the guide looks at.
	shownLogins = 10
	// manyFailures of one source are no mistyped password.
	manyFailures = 20
)

// attempt is a login, or one that failed.
type attempt struct {
	user, from string
	at         time.Time
}

// journal is what one or several files tell of a time.
type journal struct {
	list []attempt // the newest first
	file string    // which it was read from
	bad  int       // records that are none
	more bool      // there were older ones that were not read
}

// logins tells who logged in lately, and whether root or somebody who guessed before was among them.
func (s *scene) logins(ctx context.Context) []health.Finding {
	j, err := s.records(ctx, wtmp, func(r record) bool { return r.kind == userKind })
	if err != nil {
		return []health.Finding{s.unread(wtmp, err)}
	}
	var found []health.Finding
	guessed := map[string]int{}
	if b, err := s.failures(ctx); err == nil {
		guessed = b.bySource()
	}
	var told []string
	for _, a := range j.list {
		f := health.Facts{Account: a.user, Where: a.from, At: a.at, Count: guessed[a.from]}
		switch key := a.user + " " + a.from; {
		case slices.Contains(told, key):
			continue
		case a.from != "" && guessed[a.from] >= manyFailures:
			found, told = append(found, failed("logins.guessed", f)), append(told, key)
		case a.user == "root" && a.from != "":
			found, told = append(found, warn("logins.root", f)), append(told, key)
		}
	}
	for _, a := range j.list[:min(len(j.list), shownLogins)] {
		found = append(found, ok("logins.one", health.Facts{Account: a.user, Where: a.from, At: a.at}))
	}
	found = few(found)
	found = append([]health.Finding{ok("logins.count", health.Facts{Count: len(j.list), Age: lately})}, found...)
	if j.bad > 0 {
		found = append(found, warn("logins.damaged", health.Facts{Count: j.bad, Word: wtmp}))
	}
	return found
}

// failedLogins counts the failed logins by where they came from.
func (s *scene) failedLogins(ctx context.Context) []health.Finding {
	j, err := s.failures(ctx)
	if err != nil {
		return []health.Finding{s.unread(btmp, err)}
	}
	by := j.bySource()
	sources := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Or(by[b]-by[a], strings.Compare(a, b)) })
	count := health.Facts{Count: len(j.list), Total: len(sources), Age: lately, Word: j.file}
	code := "failed_logins.count"
	if j.more {
		code = "failed_logins.least"
	}
	found := []health.Finding{ok(code, count)}
	for _, from := range sources[:min(len(sources), shown)] {
		f := health.Facts{Where: from, Count: by[from], Names: s.tried(j, from)}
		if by[from] >= manyFailures {
			found = append(found, warn("failed_logins.source", f))
		} else {
			found = append(found, ok("failed_logins.source", f))
		}
	}
	if j.bad > 0 {
		found = append(found, warn("logins.damaged", health.Facts{Count: j.bad, Word: j.file}))
	}
	return found
}

// tried are the first names that a source tried.
func (s *scene) tried(j *journal, from string) []string {
	const most = 3
	var names []string
	for _, a := range j.list {
		if a.from == from && !slices.Contains(names, a.user) && len(names) < most {
			names = append(names, s.text(a.user, 40))
		}
	}
	return names
}

// bySource counts by where it came from.
func (j *journal) bySource() map[string]int {
	out := map[string]int{}
	for _, a := range j.list {
		out[a.from]++
	}
	return out
}

// failures are the failed logins since a week: of btmp, else of auth.log, else of the journal.
func (s *scene) failures(ctx context.Context) (*journal, error) {
	j, err := s.records(ctx, btmp, func(r record) bool { return r.kind == loginKind || r.kind == userKind })
	if !errors.Is(err, fs.ErrNotExist) {
		return j, err
	}
	j, err = s.authLog(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return j, err
	}
	return s.sshJournal(ctx)
}

// records reads a file of records and, where that does not reach back far enough, the one before it.
func (s *scene) records(ctx context.Context, name string, wanted func(record) bool) (*journal, error) {
	j := &journal{file: name}
	for i, file := range []string{name, name + ".1"} {
		list, bad, more, old, err := s.read(file)
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if wanted(r) {
				j.list = append(j.list, attempt{user: r.user, from: r.host, at: r.at})
			}
		}
		j.bad += bad
		j.more = more
		if old || more || ctx.Err() != nil {
			break
		}
	}
	return j, ctx.Err()
}

func (s *scene) read(name string) (list []record, bad int, more, old bool, err error) {
	f, err := os.Open(s.path(name))
	if err != nil {
		return nil, 0, false, false, err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	info, err := f.Stat()
	if err != nil {
		return nil, 0, false, false, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, false, false, fmt.Errorf("%s is no file", name)
	}
	return recordsSince(f, info.Size(), s.now.Add(-lately), mostRecords)
}

// unread says why logins could not be read.
func (s *scene) unread(name string, err error) health.Finding {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return unchecked("slow", health.Facts{Took: s.cfg.Within})
	case errors.Is(err, fs.ErrNotExist) && name == btmp:
		return unchecked("failed_logins.absent", health.Facts{Names: []string{btmp, authLog, "journald"}})
	case errors.Is(err, fs.ErrNotExist):
		return unchecked("logins.absent", health.Facts{Word: name})
	case errors.Is(err, fs.ErrPermission):
		return unchecked("forbidden", health.Facts{Word: name})
	}
	return unchecked("unseen", health.Facts{Text: err.Error()})
}
