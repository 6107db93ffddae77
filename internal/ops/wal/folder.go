package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
)

// The names in the archive's folder. Each cluster has a folder of its own, named by its number: who makes the database anew begins another.
const (
	stateName    = "state.json"
	clusterName  = "cluster.json"
	lockName     = "keeper.lock"
	receivingDir = "receiving" // where pg_receivewal writes
	logDir       = "log"       // what is finished
	sealingDir   = "sealing"   // what is being put away
	manifestName = "manifest.json"
	basePrefix   = "base-"
	partial      = ".partial"
	format       = 1
)

const (
	folderRights = 0o700
	fileRights   = 0o600
)

// cluster is what is known of one cluster, kept beside its log.
type cluster struct {
	Format  int       `json:"format"`
	System  string    `json:"system"`
	Version int       `json:"version"` // of the server, as server_version_num
	Segment int64     `json:"segment"` // bytes of a file of the log
	To      time.Time `json:"to,omitzero"`
	// Mark and Timeline are the place up to which the log must be there for To to hold.
	Mark     uint64 `json:"mark,omitempty"`
	Timeline uint32 `json:"timeline,omitempty"`
}

// Base is a copy of the whole cluster.
type Base struct {
	Format   int               `json:"format"`
	ID       string            `json:"id"`
	System   string            `json:"system"`
	Version  int               `json:"version"`
	Timeline uint32            `json:"timeline"`
	Begun    time.Time         `json:"begun"`
	At       time.Time         `json:"at"`    // the first moment that it can be brought to
	From     uint64            `json:"from"`  // the place of the log from which it is replayed
	Until    uint64            `json:"until"` // and the one at which it is consistent
	Image    string            `json:"image"` // of the server
	Bin      string            `json:"bin,omitempty"`
	Settings map[string]string `json:"settings,omitempty"`
	UID      int               `json:"uid"` // whose files they are
	GID      int               `json:"gid"`
	Files    int               `json:"files"`
	Part     backup.Part       `json:"part"`
	Proven   time.Time         `json:"proven"`
	Took     int64             `json:"took_ms"`
}

var (
	systemPattern = regexp.MustCompile(`^[0-9]{1,20}$`)
	basePattern   = regexp.MustCompile(`^base-\d{8}T\d{6}Z$`)
	historyName   = regexp.MustCompile(`^[0-9A-F]{8}\.history$`)
	partName      = regexp.MustCompile(`^base\.tar\.zst(\.age)?$`)
)

func (a *Archive) path(elem ...string) string {
	return filepath.Join(append([]string{a.cfg.Dir}, elem...)...)
}

// clusters lists the clusters there are.
func (a *Archive) clusters() ([]*cluster, error) {
	found, err := os.ReadDir(a.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*cluster
	for _, d := range found {
		if !d.IsDir() || !systemPattern.MatchString(d.Name()) {
			continue
		}
		c, err := a.cluster(d.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is only just made
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (a *Archive) cluster(system string) (*cluster, error) {
	c := &cluster{}
	if err := durable.ReadJSON(a.path(system, clusterName), c); err != nil {
		return nil, err
	}
	if c.Format != format || c.System != system || !saneSize(c.Segment) {
		return nil, fmt.Errorf("%s is not one that this program can read", a.path(system, clusterName))
	}
	return c, nil
}

// bases lists the whole copies of a cluster, the newest first.
func (a *Archive) bases(c *cluster) ([]*Base, error) {
	found, err := os.ReadDir(a.path(c.System))
	if err != nil {
		return nil, err
	}
	var out []*Base
	for _, d := range found {
		if !basePattern.MatchString(d.Name()) {
			continue
		}
		b := &Base{}
		if err := durable.ReadJSON(a.path(c.System, d.Name(), manifestName), b); err != nil {
			continue // it is being removed, or somebody damaged it: it cannot be used
		}
		if b.Format == format && b.ID == d.Name() && b.System == c.System && partName.MatchString(b.Part.Name) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(x, y *Base) int { return y.At.Compare(x.At) })
	return out, nil
}

// stock lists the files of the log that are there: finished, and still being received.
func (a *Archive) stock(c *cluster) (stock, error) {
	out := stock{}
	for _, dir := range []string{receivingDir, logDir} { // in the order in which files go through them
		found, err := os.ReadDir(a.path(c.System, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, d := range found {
			if s, ok := parseSegment(plain(d.Name()), c.Segment); ok {
				out[s] = true
			}
		}
	}
	return out, nil
}

// plain is the name of a file of the log without what tells how it is stored.
func plain(name string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".age"), ".zst")
	return strings.TrimSuffix(name, partial)
}

// logFile opens a file of the log, wherever it is. Of several forms the finished one is taken.
func (a *Archive) logFile(c *cluster, name string) (io.ReadCloser, error) {
	for _, suffix := range []string{".zst.age", ".zst"} {
		p := backup.Part{Name: name + suffix, Encrypted: suffix == ".zst.age"}
		in, err := a.seal.Unseal(a.path(c.System, logDir), p)
		if !errors.Is(err, fs.ErrNotExist) {
			return in, err
		}
	}
	for _, suffix := range []string{"", partial} {
		in, err := os.Open(a.path(c.System, receivingDir, name+suffix))
		if !errors.Is(err, fs.ErrNotExist) {
			return in, err
		}
	}
	// A file that ended when its cluster's timeline did, or when the receiver began anew.
	for _, suffix := range []string{".zst.age", ".zst"} {
		p := backup.Part{Name: name + partial + suffix, Encrypted: suffix == ".zst.age"}
		in, err := a.seal.Unseal(a.path(c.System, logDir), p)
		if !errors.Is(err, fs.ErrNotExist) {
			return in, err
		}
	}
	return nil, fmt.Errorf("%s of the log: %w", name, fs.ErrNotExist)
}

// histories lists the files that tell where timelines part.
func (a *Archive) histories(c *cluster) ([]string, error) {
	var out []string
	for _, dir := range []string{logDir, receivingDir} {
		found, err := os.ReadDir(a.path(c.System, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, d := range found {
			if name := plain(d.Name()); historyName.MatchString(name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out, nil
}
