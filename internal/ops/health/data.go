package health

import (
	"context"
	"errors"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Database is the application's database. The errors that mean something are those of package postgres.
type Database interface {
	Service() string // of the compose file; empty: it runs elsewhere
	Facts(ctx context.Context) (*postgres.Facts, error)
}

func databaseService(d Database) string {
	if d == nil {
		return ""
	}
	return d.Service()
}

// What of a database is a warning.
const (
	manyConnections = 80 // percent of those that are not reserved
	fullConnections = 95
	farBehind       = time.Minute
	longIdle        = 10 * time.Minute
	keptByASlot     = 10 << 30 // bytes
)

func lookPostgres(ctx context.Context, s *scene) []Check {
	k := check{name: "postgres", service: databaseService(s.Database)}
	if s.Database == nil {
		return []Check{k.unchecked("off", Facts{Word: "database.service"})}
	}
	f, err := s.Database.Facts(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return []Check{k.unchecked("slow", Facts{Took: s.Within})}
	case err != nil && wayDown(err) != "":
		return []Check{k.one(Failed, "postgres.down", Facts{Word: wayDown(err), Text: s.text(err.Error(), shortText)})}
	case err != nil:
		return []Check{k.trouble(s, err)}
	}
	most := f.MaxConnections - f.Reserved
	share := 0
	if most > 0 {
		share = 100 * f.Used() / most
	}
	st := OK
	switch {
	case share >= fullConnections:
		st = Failed
	case share >= manyConnections:
		st = Warning
	}
	ck := k.one(st, "postgres.up", Facts{Took: f.Took, Count: f.Used(), Total: most, Percent: share, Bytes: f.Size, Word: f.Version})
	add := func(st State, code string, f Facts) { ck.Findings = append(ck.Findings, Finding{st, code, f}) }
	if f.Standby && f.Behind != nil {
		add(late(*f.Behind), "postgres.behind", Facts{Age: *f.Behind})
	}
	for _, r := range f.Replicas {
		st := late(r.Behind)
		if r.State != "streaming" {
			st = Warning
		}
		add(st, "postgres.replica", Facts{Word: s.text(r.Name, 60), Text: r.State, Age: r.Behind, Bytes: r.Bytes})
	}
	for _, sl := range f.Slots {
		if !sl.Active && sl.Keeps > keptByASlot {
			add(Warning, "postgres.slot", Facts{Word: s.text(sl.Name, 60), Bytes: sl.Keeps})
		}
	}
	if f.OldestIdle > longIdle {
		add(Warning, "postgres.idle", Facts{Age: f.OldestIdle})
	}
	if f.Waiting > 0 {
		add(OK, "postgres.waiting", Facts{Count: f.Waiting})
	}
	return []Check{ck}
}

// wayDown names how a database is not there; empty: that is not known.
func wayDown(err error) string {
	switch {
	case errors.Is(err, postgres.ErrNoDatabase):
		return "no_database"
	case errors.Is(err, postgres.ErrRefused):
		return "refused"
	case errors.Is(err, postgres.ErrAway), errors.Is(err, docker.ErrNotRunning):
		return "away"
	}
	return ""
}

func late(d time.Duration) State {
	if d > farBehind {
		return Warning
	}
	return OK
}

// Backup tells of the newest backup set that is proven.
type Backup interface {
	// LastBackup gives its id and when what it holds was read; empty: there is none.
	LastBackup(ctx context.Context) (id string, at time.Time, err error)
}

// lookBackup holds the age of the newest proven set against the promise: what was written since is lost when everything burns now.
func lookBackup(ctx context.Context, s *scene) []Check {
	k := check{name: "backup"}
	if s.Backup == nil {
		return []Check{k.unchecked("off", Facts{Word: "backup.dir"})}
	}
	id, at, err := s.Backup.LastBackup(ctx)
	switch {
	case err != nil:
		return []Check{k.trouble(s, err)}
	case id == "":
		return []Check{k.one(Failed, "backup.none", Facts{})}
	}
	f := Facts{Word: id, At: at, Age: s.Now().Sub(at), Took: s.RPO}
	st := OK
	switch {
	case s.RPO > 0 && f.Age > s.RPO:
		st = Failed
	case s.RPO > 0 && f.Age > s.RPO*3/4:
		st = Warning
	}
	return []Check{k.one(st, "backup", f)}
}
