package backup

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"
)

const (
	// mostManifest bounds a manifest, in bytes. It grows with the tables of the database: some 60 bytes each.
	mostManifest = 8 << 20
	// mostBytes is more than any part or any state of files has, so that sums of some hundred of them do not overflow.
	mostBytes = 1 << 50
)

// stampLayout is how an id tells its moment.
const stampLayout = "20060102T150405Z"

// timeOf is the moment that an id names; zero: it is none.
func timeOf(id string) time.Time {
	at, err := time.Parse(stampLayout, id[:min(len(id), len(stampLayout))])
	if err != nil {
		return time.Time{}
	}
	return at
}

// readManifest reads what claims to be the manifest of a set. Whoever may write where it lay decides what is in it: why says what is wrong.
func readManifest(b []byte, id string) (m *Manifest, why string) {
	m = &Manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, "its manifest cannot be read: " + err.Error()
	}
	return m, m.odd(id)
}

// odd says what is wrong with a manifest. What stands in it names files, says how much room they need, and when it was.
func (m *Manifest) odd(id string) string {
	switch {
	case m.Format != format:
		return fmt.Sprintf("its manifest has the format %d, this program reads %d", m.Format, format)
	case m.ID != id:
		return fmt.Sprintf("its manifest is that of %q", m.ID)
	case !m.At.Truncate(time.Second).Equal(timeOf(id)):
		return fmt.Sprintf("its manifest is of another moment, %s", m.At.UTC().Format(time.RFC3339))
	case len(m.Parts) == 0:
		return "its manifest names no parts"
	case m.Files.Count < 0 || m.Files.Changed < 0 || m.Files.Bytes < 0 || m.Files.Bytes > mostBytes:
		return fmt.Sprintf("its manifest counts %d files of %d bytes", m.Files.Count, m.Files.Bytes)
	}
	names := map[string]bool{}
	for _, p := range m.Parts {
		if !p.sane() || names[p.Part] {
			return fmt.Sprintf("its manifest names the part %q", p.Name)
		}
		names[p.Part] = true
	}
	if m.Index.Name != "" && (m.Index.Name != indexName || !m.Index.sane()) {
		return fmt.Sprintf("its manifest names the index %q", m.Index.Name)
	}
	for i, c := range m.Chain {
		if !idPattern.MatchString(c) || c == id || slices.Contains(m.Chain[:i], c) {
			return fmt.Sprintf("its manifest builds on %q", c)
		}
	}
	if (m.Kind == Incremental) != (len(m.Chain) > 0) || len(m.Chain) > longestChain {
		return fmt.Sprintf("its manifest is %s and builds on %d sets", m.Kind, len(m.Chain))
	}
	return ""
}

var (
	partName   = regexp.MustCompile(`^[a-z]+\.[a-z]+\.zst(\.age)?$`)
	sumPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// sane tells whether what a manifest says of a part could be of one of ours.
func (p Part) sane() bool {
	name := p.Part + ".zst"
	if p.Encrypted {
		name += ".age"
	}
	return p.Name == name && partName.MatchString(p.Name) && sumPattern.MatchString(p.SHA256) &&
		p.Size >= 0 && p.Size <= mostBytes && p.Raw >= 0 && p.Raw <= mostBytes && p.Entries >= 0
}

// hasFiles tells whether the archive of the files lies where the manifest does.
func (m *Manifest) hasFiles() bool {
	return slices.ContainsFunc(m.stored(), func(p Part) bool { return p.Part == PartFiles })
}
