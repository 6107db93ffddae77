package insight

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Trouble is why something of the database cannot be seen.
type Trouble struct {
	Code  string        // away, refused, no_database, no_program, full, slow, locked, right, failed
	Text  string        // what the server or a program said, without secrets: hostile; may be empty
	After time.Duration // how long was waited
	Err   error
}

// TroubleCodes are all codes that a Trouble can have.
var TroubleCodes = []string{"away", "refused", "no_database", "no_program", "full", "slow", "locked", "right", "failed"}

func (t *Trouble) Error() string { return "look at the database: " + t.Code + ": " + t.Text }

func (t *Trouble) Unwrap() error { return t.Err }

// states are the codes of the server that mean something here.
var states = map[string]string{
	"57014": "slow",   // query_canceled: its statement_timeout
	"55P03": "locked", // lock_not_available: its lock_timeout
	"42501": "right",  // insufficient_privilege
	"53300": "full",   // too_many_connections
	"57P03": "away",   // cannot_connect_now: it starts or stops
	"3D000": "no_database",
}

// fromPsql is what psql writes before the server's words.
var fromPsql = regexp.MustCompile(`^psql:\S+:[0-9]+: `)

// longestReason is how many bytes of a reason are kept.
const longestReason = 300

func (d *Database) trouble(ctx context.Context, within time.Duration, err error) *Trouble {
	t := &Trouble{Code: "failed", After: within, Err: err}
	said := err.Error()
	program, _ := errors.AsType[*postgres.ProgramError](err)
	state := ""
	if program != nil {
		said, _, _ = strings.Cut(program.Said, "\n") // the others say where in the server's source it happened
		said, state = fromPsql.ReplaceAllString(said, ""), program.State()
	}
	if remote, ok := errors.AsType[*pgconn.PgError](err); ok {
		said, state = remote.Message, remote.Code
	}
	switch {
	case states[state] != "":
		t.Code = states[state]
	case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
		t.Code = "slow"
	case errors.Is(err, postgres.ErrNoDatabase):
		t.Code = "no_database"
	case errors.Is(err, postgres.ErrNoProgram):
		t.Code = "no_program"
	case errors.Is(err, postgres.ErrRefused):
		t.Code = "refused"
	case errors.Is(err, postgres.ErrAway), errors.Is(err, docker.ErrNotRunning), errors.Is(err, docker.ErrGone):
		t.Code = "away"
	}
	if t.Code != "slow" {
		t.Text = short(d.redact().Text(said), longestReason)
	}
	return t
}
