package backup

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// Kind is how much of the files a set holds. Each holds the whole database.
type Kind string

// The kinds of sets.
const (
	Full        Kind = "full"
	Incremental Kind = "incremental"
)

// The names of the parts, without what says how they are stored.
const (
	PartDatabase = "database.dump"
	PartFiles    = "files.tar"
	PartConfig   = "config.tar"
	PartSecrets  = "secrets.tar"
	PartIndex    = "files.index" // of every file, in which set its content is
)

const (
	manifestName = "manifest.json"
	proofName    = "proof.json"
	uploadName   = "upload.json"
	runName      = "run.json" // of a partial: who makes it
	lockName     = "run.lock"
	indexName    = "files.index.zst" // the index that the next incremental reads; it stays on this machine

	partial  = ".partial"
	removing = ".removing"

	format = 1
)

// Part is one file of a set.
type Part struct {
	Name      string `json:"name"` // of the file
	Part      string `json:"part"` // what it is: PartDatabase, …
	SHA256    string `json:"sha256"`
	Size      int64  `json:"size"`    // as it is stored, in bytes
	Raw       int64  `json:"raw"`     // decrypted and decompressed
	Entries   int64  `json:"entries"` // of an archive or an index
	Encrypted bool   `json:"encrypted,omitempty"`
	Took      int64  `json:"took_ms"`
}

// Files is what is said of the files of a set.
type Files struct {
	Count   int64 `json:"count"`   // files in the state that the set stands for
	Changed int64 `json:"changed"` // of them, whose content is in this very set
	Gone    int64 `json:"gone"`    // files, folders and links of the base that are not there any more
	Bytes   int64 `json:"bytes"`   // of all files
	// Read is when reading them began: what changed right before may have the same stamp and other content.
	Read time.Time `json:"read,omitzero"`
}

// Manifest is what a set says of itself. It is written last.
type Manifest struct {
	Format    int       `json:"format"`
	ID        string    `json:"id"`
	Kind      Kind      `json:"kind"`
	Asked     Kind      `json:"asked,omitempty"` // where another kind was asked for: there was nothing to build on
	Chain     []string  `json:"chain,omitempty"` // of an incremental: the sets that it builds on, the full one first
	At        time.Time `json:"at"`              // what was written to the database after it is not in the set
	Committed time.Time `json:"committed"`
	Took      int64     `json:"took_ms"`
	Operation int64     `json:"operation,omitempty"`

	Project string `json:"project,omitempty"`
	Host    string `json:"host,omitempty"`
	Program string `json:"program,omitempty"` // the version that wrote it

	Database DumpInfo            `json:"database,omitzero"`
	Images   map[string][]string `json:"images,omitempty"` // by service
	Commit   string              `json:"commit,omitempty"`
	Compose  string              `json:"compose,omitempty"`

	Parts []Part `json:"parts"`
	Files Files  `json:"files,omitzero"`
	// Index is the index as it is kept here, in plain, for the next incremental. Where it is encrypted as a part it is not uploaded.
	Index Part `json:"index,omitzero"`

	// Without names the parts that lie only in the second place: of a set that was fetched for a restore, what it did not need.
	Without []string `json:"without,omitempty"`

	Missing []string `json:"missing,omitempty"`  // configured, and not there
	LeftOut []string `json:"left_out,omitempty"` // what cannot be kept, and why
	Moving  []string `json:"moving,omitempty"`   // files that never held still while they were read
}

// Part gives a part by what it is.
func (m *Manifest) Part(part string) (Part, bool) {
	i := slices.IndexFunc(m.Parts, func(p Part) bool { return p.Part == part })
	if i < 0 {
		return Part{}, false
	}
	return m.Parts[i], true
}

// Size is how many bytes the set takes where it lies.
func (m *Manifest) Size() int64 {
	var n int64
	for _, p := range m.stored() {
		n += p.Size
	}
	return n
}

// stored lists the files of a set that lie where its manifest does: its parts, and the index that stays here where that is another file.
func (m *Manifest) stored() []Part {
	parts := slices.Clone(m.Parts)
	if m.Index.Name != "" && !slices.ContainsFunc(parts, func(p Part) bool { return p.Name == m.Index.Name }) {
		parts = append(parts, m.Index)
	}
	return slices.DeleteFunc(parts, func(p Part) bool { return slices.Contains(m.Without, p.Name) })
}

// Set is a backup set as it lies in the folder.
type Set struct {
	Manifest
	Proof  Proof
	Upload Upload
	Broken string // why it is no set that could be used; Manifest then holds little
	Far    bool   // it lies in the second place only: nothing of it but the manifest was read
}

// Proven tells whether it was read back whole.
func (s *Set) Proven() bool { return s.readable() && len(s.Without) == 0 }

// readable tells whether all of it that lies here was read back.
func (s *Set) readable() bool { return s.Broken == "" && !s.Far && s.Proof.Good }

var idPattern = regexp.MustCompile(`^\d{8}T\d{6}Z(-\d{1,3})?$`)

// CheckID refuses what is no id of a set. It keeps what people write from being a path.
func CheckID(id string) error {
	if !idPattern.MatchString(id) {
		return &ops.Problem{Code: "backup_id", Name: id}
	}
	return nil
}

// newID is the id for a moment. n tells several of one second apart.
func newID(at time.Time, n int) string {
	id := at.UTC().Format("20060102T150405Z")
	if n > 0 {
		return fmt.Sprintf("%s-%d", id, n)
	}
	return id
}

// List gives all sets, the newest first. Folders with other names are none of ours.
func (s *Sets) List() ([]*Set, error) {
	found, err := os.ReadDir(s.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the backups: %w", err)
	}
	s.lost(found)
	var out []*Set
	for _, d := range found {
		if !d.IsDir() || !idPattern.MatchString(d.Name()) {
			continue
		}
		set, err := s.read(d.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		out = append(out, set)
	}
	slices.SortFunc(out, func(a, b *Set) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID)) })
	return out, nil
}

// Find gives one set. A *ops.Problem says that there is none of that id.
func (s *Sets) Find(id string) (*Set, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	set, err := s.read(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &ops.Problem{Code: "backup_unknown", Name: id}
	}
	return set, err
}

func (s *Sets) read(id string) (*Set, error) {
	if _, err := os.Stat(s.path(id)); err != nil {
		return nil, err
	}
	known, before, err := s.recall(id)
	if known != nil || err != nil {
		return known, err
	}
	set := s.parse(id)
	if set.Broken == "" { // what could not be read may be readable without having changed
		s.remember(set, id, before)
	}
	return set, nil
}

// parse reads what a set says of itself. What cannot be read of it is said by the set.
func (s *Sets) parse(id string) *Set {
	set := &Set{}
	if err := durable.ReadJSON(s.path(id, manifestName), &set.Manifest); err != nil {
		set.Broken = "its manifest cannot be read: " + err.Error()
	} else {
		set.Broken = set.odd(id)
	}
	if set.Broken != "" {
		set.Manifest = Manifest{ID: id, At: timeOf(id)}
		return set
	}
	if err := durable.ReadJSON(s.path(id, proofName), &set.Proof); err != nil && !errors.Is(err, fs.ErrNotExist) {
		set.Proof = Proof{} // it is proven anew
	}
	if set.Proof.Set != id {
		set.Proof = Proof{}
	}
	if err := durable.ReadJSON(s.path(id, uploadName), &set.Upload); err != nil {
		set.Upload = Upload{}
	}
	return set
}
