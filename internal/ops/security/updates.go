package security

import (
	"context"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// pending are the packages that an upgrade would bring.
type pending struct {
	all, security []string // names
}

// upgrade is a line of apt-get -s upgrade: Inst NAME [INSTALLED] (NEW ARCHIVE, ARCHIVE [ARCHITECTURE]).
var upgrade = regexp.MustCompile(`^Inst ([a-z0-9][a-z0-9+.:-]*) (?:\[[^\]]*\] )?\(\S+ ([^)]*)\)`)

// parseUpgrade reads what apt-get -s upgrade writes.
func parseUpgrade(text string) pending {
	var p pending
	for line := range strings.Lines(text) {
		m := upgrade.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		p.all = append(p.all, m[1])
		if strings.Contains(m[2], "Debian-Security:") || strings.Contains(m[2], "-security") {
			p.security = append(p.security, m[1])
		}
	}
	return p
}

// stale is how old apt's lists may be before what they say means little.
const stale = 7 * 24 * time.Hour

// updatesFresh is how long what apt-get said is good enough; it takes seconds, on a busy machine more than a person waits.
const updatesFresh = 10 * time.Minute

// updates counts the packages that wait to be brought up to date, and those among them that mend security.
func (s *scene) updates(ctx context.Context) []health.Finding {
	if _, err := find("apt-get"); err != nil {
		return []health.Finding{unchecked("absent", health.Facts{Word: "apt-get"})}
	}
	return s.waited(ctx, "apt-get", updatesFresh, s.upgrades)
}

func (s *scene) upgrades(ctx context.Context) []health.Finding {
	text, err := run(ctx, "apt-get", "-s", "-o", "Debug::NoLocking=1", "upgrade")
	switch {
	case ctx.Err() != nil:
		return []health.Finding{unchecked("slow", health.Facts{Took: s.cfg.Patient})}
	case err != nil:
		return []health.Finding{unchecked("unseen", health.Facts{Text: err.Error()})}
	}
	age, known := s.listsAge()
	if !known {
		return []health.Finding{unchecked("updates.no_lists", health.Facts{})}
	}
	p := parseUpgrade(text)
	var found []health.Finding
	if n := len(p.security); n > 0 {
		found = append(found, warn("updates.security", health.Facts{Count: n, Names: p.security[:min(n, shown)]}))
	}
	if age > stale {
		found = append(found, warn("updates.stale", health.Facts{Age: age}))
	}
	if n := len(p.all) - len(p.security); n > 0 {
		found = append(found, ok("updates.others", health.Facts{Count: n}))
	}
	if len(found) == 0 {
		found = append(found, ok("updates.none", health.Facts{Age: age}))
	}
	return found
}

// listsAge is how long ago apt asked what there is. The folder partial changes each time; the lists themselves have the times of their
// servers.
func (s *scene) listsAge() (time.Duration, bool) {
	const lists = "/var/lib/apt/lists"
	entries, err := os.ReadDir(s.path(lists))
	if err != nil {
		return 0, false
	}
	some := false
	for _, e := range entries {
		some = some || e.Type().IsRegular() && e.Name() != "lock"
	}
	info, err := os.Stat(s.path(lists + "/partial"))
	if err != nil || !some {
		return 0, false
	}
	return max(0, s.now.Sub(info.ModTime())), true
}
