package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
	"github.com/gofrs/flock"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Config says what is backed up and where to.
type Config struct {
	Dir     string // of the sets; made when the first one is taken
	Root    string // the application's folder, below which Files, Config and Secrets stand
	Project string // whose lock an operation holds

	Files   []string
	Config  []string
	Secrets []string

	Recipients   []string // of age; none: nothing is encrypted
	EncryptAll   bool     // not the secrets alone
	IdentityFile string   // of age; lets sets be proven and restored that are encrypted

	Every     time.Duration // how often the clock takes one
	RPO       time.Duration // how much work may be lost at most
	Fresh     time.Duration // a proven set so young is not taken again before an operation
	Retention time.Duration // how long sets are kept
	Thin      time.Duration // of those that are older than this one a day is kept; zero: all of them

	Version string // of this program, for the manifest
	Now     func() time.Time

	// Application tells which images and which commit run, for the manifest. Nil, or an error: the manifest says nothing of it.
	Application func(ctx context.Context) (ops.Fingerprint, error)
	// Alive tells whether an operation may still go on, so that what it left is not removed. Nil: the lock of the folder decides.
	Alive func(ctx context.Context, operation int64) (bool, error)
}

// Database is the part of PostgreSQL that backups use.
type Database interface {
	// Ready is an error when the database does not answer now.
	Ready(ctx context.Context) error
	// Size is about how many bytes a dump will have.
	Size(ctx context.Context) (int64, error)
	// Dump writes a pg_dump -Fc -Z0. An error means that what was written is no dump. progress is told the bytes so far.
	Dump(ctx context.Context, w io.Writer, progress func(done, total int64)) (DumpInfo, error)
	// Prove reads a whole dump as a restore would, and is an error when that could not restore it. It changes nothing.
	Prove(ctx context.Context, r io.Reader) error
}

// DumpInfo is what is known of the database that a dump was taken of.
type DumpInfo struct {
	Name     string           `json:"name,omitempty"`
	Version  string           `json:"version,omitempty"` // of the server
	Rows     map[string]int64 `json:"rows,omitempty"`    // by table, in the moment of the dump
	Warnings string           `json:"warnings,omitempty"`
}

// Sets are the backup sets of one application.
type Sets struct {
	cfg        Config
	db         Database
	remote     *Remote // nil: there is no second place
	log        *slog.Logger
	recipients []age.Recipient

	mu    sync.Mutex
	holds map[string]*hold // of the sets that this process is making
	known map[string]seen  // of the sets that lie here
}

// hold is what a process has while it makes a set.
type hold struct {
	lock *flock.Flock // nil once the set is whole
	// identity opens this one set. It is never written anywhere: it lets the process that wrote an encrypted set prove it, and goes.
	identity  age.Identity
	recipient age.Recipient
}

// Open reads the keys. The folder need not be there yet. db is the application's database, remote a second place or nil.
func Open(cfg Config, db Database, remote *Remote, log *slog.Logger) (*Sets, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sets{cfg: cfg, db: db, remote: remote, log: log, holds: map[string]*hold{}, known: map[string]seen{}}
	for _, r := range cfg.Recipients {
		keys, err := age.ParseRecipients(strings.NewReader(r))
		if err != nil {
			return nil, fmt.Errorf("backup.recipients: %q is no recipient of age such as age1…: %w", r, err)
		}
		s.recipients = append(s.recipients, keys...)
	}
	if cfg.EncryptAll && len(s.recipients) == 0 {
		return nil, errors.New("backup.encrypt is all, but backup.recipients names nobody")
	}
	if _, err := s.identities(); err != nil {
		return nil, err
	}
	return s, nil
}

// identities reads the keys that open sets, anew each time: they may lie on a medium that is there only for a restore.
func (s *Sets) identities() ([]age.Identity, error) {
	if s.cfg.IdentityFile == "" {
		return nil, nil
	}
	f, err := os.Open(s.cfg.IdentityFile)
	if err != nil {
		return nil, fmt.Errorf("backup.identity_file: %w", err)
	}
	defer f.Close() //nolint:errcheck // It was only read.
	ids, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("backup.identity_file %s holds no identity of age", s.cfg.IdentityFile) // the error may quote it
	}
	return ids, nil
}

func (s *Sets) path(elem ...string) string {
	return filepath.Join(append([]string{s.cfg.Dir}, elem...)...)
}

func (s *Sets) now() time.Time { return s.cfg.Now().UTC() }
