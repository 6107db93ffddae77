package security

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"
)

// sshFailure reads what sshd writes of a password that was wrong: "Failed password for [invalid user] NAME from ADDRESS port N ssh2". The name
// is whatever the other side sent, and may hold such words itself, so the line is read from its end.
func sshFailure(line string) (user, from string, is bool) {
	const begin, invalid = "Failed password for ", "invalid user "
	_, rest, there := strings.Cut(line, begin)
	if !there {
		return "", "", false
	}
	at := strings.LastIndex(rest, " from ")
	if at < 0 {
		return "", "", false
	}
	user, rest = rest[:at], rest[at+len(" from "):]
	from, rest, there = strings.Cut(rest, " port ")
	if _, err := netip.ParseAddr(from); err != nil || !there || rest == "" {
		return "", "", false
	}
	user = strings.TrimPrefix(user, invalid)
	return word([]byte(user)), from, true
}

// stamp reads the time at the beginning of a line of syslog or of the journal. The oldest form has no year: it is the last such day
// before now.
func stamp(line string, now time.Time) (time.Time, bool) {
	first, _, _ := strings.Cut(line, " ")
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999-0700"} {
		if at, err := time.Parse(form, first); err == nil {
			return at, true
		}
	}
	if len(line) < len(time.Stamp) {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation(time.Stamp, line[:len(time.Stamp)], now.Location())
	if err != nil {
		return time.Time{}, false
	}
	at = at.AddDate(now.Year(), 0, 0)
	if at.After(now.Add(24 * time.Hour)) {
		at = at.AddDate(-1, 0, 0)
	}
	return at, true
}

// mostLine is how long a line may be, and mostLog how many bytes of a log are read, from its end.
const (
	mostLine = 64 << 10
	mostLog  = 64 << 20
)

// readAuthLog reads failed logins since a time. Lines come the oldest first, what it gives the newest first.
func readAuthLog(ctx context.Context, r io.Reader, now time.Time) ([]attempt, error) {
	var out []attempt
	in := bufio.NewScanner(r)
	in.Buffer(nil, mostLine)
	for in.Scan() && ctx.Err() == nil {
		user, from, is := sshFailure(in.Text())
		if !is {
			continue
		}
		at, dated := stamp(in.Text(), now)
		if dated && now.Sub(at) < lately {
			out = append(out, attempt{user: user, from: from, at: at})
		}
	}
	for i, k := 0, len(out)-1; i < k; i, k = i+1, k-1 {
		out[i], out[k] = out[k], out[i]
	}
	return out, errors.Join(in.Err(), ctx.Err())
}

// authLog reads the log that syslog keeps of logins.
func (s *scene) authLog(ctx context.Context) (*journal, error) {
	f, err := os.Open(s.path(authLog))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	j := &journal{file: authLog, more: info.Size() > mostLog}
	j.list, err = readAuthLog(ctx, io.NewSectionReader(f, max(0, info.Size()-mostLog), mostLog), s.now)
	return j, err
}

// sshJournal asks systemd's journal, where there is one.
func (s *scene) sshJournal(ctx context.Context) (*journal, error) {
	if s.cfg.Root != "/" {
		return nil, fs.ErrNotExist
	}
	out, err := run(ctx, "journalctl", "--quiet", "--no-pager", "--output=short-iso-precise", "--identifier=sshd", "--identifier=sshd-session",
		fmt.Sprintf("--since=@%d", s.now.Add(-lately).Unix()))
	if errors.Is(err, errAbsent) || err == nil && len(out) == 0 && !s.journalKept() {
		return nil, fs.ErrNotExist
	}
	if err == nil && len(out) == 0 && os.Geteuid() != 0 {
		return nil, fmt.Errorf("the journal: %w", fs.ErrPermission) // it shows others nothing, and does not say so
	}
	if err != nil {
		return nil, err
	}
	list, err := readAuthLog(ctx, strings.NewReader(out), s.now)
	return &journal{file: "journald", list: list}, err
}

// journalKept tells whether systemd keeps a journal.
func (s *scene) journalKept() bool {
	for _, dir := range []string{"/var/log/journal", "/run/log/journal"} {
		if _, err := os.Stat(s.path(dir)); err == nil {
			return true
		}
	}
	return false
}
