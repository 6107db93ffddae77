package wal

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// seenBase is what was found in a copy.
type seenBase struct {
	timeline    uint32
	from, until uint64
	uid, gid    int
	files       int
}

// baseManifest is PostgreSQL's backup_manifest, as far as it is needed.
type baseManifest struct {
	Version int `json:"PostgreSQL-Backup-Manifest-Version"`
	Files   []struct {
		Path      string
		Encoded   string `json:"Encoded-Path"` // in hexadecimal, where the name is no UTF-8
		Size      int64
		Algorithm string `json:"Checksum-Algorithm"`
		Checksum  string
	}
	Ranges []struct {
		Timeline uint32
		Start    string `json:"Start-LSN"`
		End      string `json:"End-LSN"`
	} `json:"WAL-Ranges"`
}

type found struct {
	size int64
	sum  uint32
}

var (
	errBase = errors.New("it is not a whole copy of a cluster")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	labelFrom  = regexp.MustCompile(`(?m)^START WAL LOCATION: ([0-9A-F]{1,8}/[0-9A-F]{1,8}) \(file ([0-9A-F]{24})\)`)
	labelLine  = regexp.MustCompile(`(?m)^START TIMELINE: ([0-9]{1,10})$`)
)

const mostLabel, mostManifest = 64 << 10, 1 << 30

// readBase reads a copy to its end and holds every file against the manifest that PostgreSQL has put into it, as pg_verifybackup does.
func readBase(r io.Reader) (*seenBase, error) {
	s := &seenBase{uid: -1}
	files := map[string]found{}
	var label, manifest []byte
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBase, err)
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg {
			if h.Typeflag == tar.TypeSymlink {
				return nil, fmt.Errorf("%w: it has the link %q: tablespaces of their own are not copied", errBase, name)
			}
			continue
		}
		var keep bytes.Buffer
		sum := crc32.New(castagnoli)
		var to io.Writer = sum
		switch name {
		case "backup_label":
			to = io.MultiWriter(sum, &capped{&keep, mostLabel})
		case "backup_manifest":
			to = &capped{&keep, mostManifest}
		case "PG_VERSION":
			s.uid, s.gid = h.Uid, h.Gid
		}
		if _, err := io.Copy(to, in); err != nil { //nolint:gosec // What is kept is capped.
			return nil, fmt.Errorf("%w: %s: %w", errBase, name, err)
		}
		switch name {
		case "backup_label":
			label = keep.Bytes()
		case "backup_manifest":
			manifest = keep.Bytes()
			continue
		}
		files[name] = found{h.Size, sum.Sum32()}
	}
	s.files = len(files)
	if s.uid < 0 {
		return nil, fmt.Errorf("%w: it has no PG_VERSION", errBase)
	}
	if err := s.compare(manifest, files); err != nil {
		return nil, err
	}
	return s, s.readLabel(label)
}

// compare holds what was found against the manifest.
func (s *seenBase) compare(manifest []byte, files map[string]found) error {
	var m baseManifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return fmt.Errorf("%w: its manifest: %w", errBase, err)
	}
	if len(m.Files) == 0 || len(m.Ranges) == 0 {
		return fmt.Errorf("%w: its manifest names no files", errBase)
	}
	for _, f := range m.Files {
		name := f.Path
		if f.Encoded != "" {
			b, err := hex.DecodeString(f.Encoded)
			if err != nil {
				return fmt.Errorf("%w: its manifest: %w", errBase, err)
			}
			name = string(b)
		}
		have, ok := files[path.Clean(name)]
		switch {
		case !ok:
			return fmt.Errorf("%w: %q is missing", errBase, name)
		case have.size != f.Size:
			return fmt.Errorf("%w: %q has %d bytes instead of %d", errBase, name, have.size, f.Size)
		case f.Algorithm == "CRC32C" && !strings.EqualFold(f.Checksum, hexSum(have.sum)):
			return fmt.Errorf("%w: %q is not what was copied", errBase, name)
		}
	}
	last := m.Ranges[len(m.Ranges)-1]
	until, ok := parsePlace(last.End)
	if !ok {
		return fmt.Errorf("%w: its manifest has the place %q", errBase, last.End)
	}
	s.until = until
	return nil
}

// hexSum writes a sum as the server has it in memory, which is how it stands in the manifest.
func hexSum(sum uint32) string {
	return hex.EncodeToString(binary.NativeEndian.AppendUint32(nil, sum))
}

// readLabel finds where the log must be replayed from.
func (s *seenBase) readLabel(label []byte) error {
	from, line := labelFrom.FindSubmatch(label), labelLine.FindSubmatch(label)
	if from == nil || line == nil {
		return fmt.Errorf("%w: its label cannot be read", errBase)
	}
	place, ok := parsePlace(string(from[1]))
	timeline, err := strconv.ParseUint(string(line[1]), 10, 32)
	if !ok || err != nil || timeline == 0 {
		return fmt.Errorf("%w: its label cannot be read", errBase)
	}
	s.from, s.timeline = place, uint32(timeline)
	if s.until < s.from {
		return fmt.Errorf("%w: it ends before it begins", errBase)
	}
	return nil
}

// capped refuses to keep more than it may.
type capped struct {
	b    *bytes.Buffer
	most int
}

func (c *capped) Write(p []byte) (int, error) {
	if c.b.Len()+len(p) > c.most {
		return 0, errors.New("it is too long")
	}
	return c.b.Write(p)
}
