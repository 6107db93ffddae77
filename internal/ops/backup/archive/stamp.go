package archive

import (
	"io/fs"
	"time"
)

// Stamp is what a file system says of a file whose content may have changed. Two that are equal, and older than the moment at which the
// first was taken by more than the clock's grain, are of the same content: no program can set the time of the last change.
type Stamp struct {
	Inode  uint64 `json:"inode,omitempty"`
	Change int64  `json:"change,omitempty"` // nanoseconds since 1970; zero: this system does not tell
}

// grain is more than what file systems round times to.
const grain = 2 * time.Second

// Same tells whether content that was read at the moment read, when the stamp was s, is still the content under the stamp now.
func (s Stamp) Same(now Stamp, read time.Time) bool {
	return s.Change != 0 && s == now && time.Unix(0, s.Change).Add(grain).Before(read)
}

func entryOf(at string, info fs.FileInfo) (Entry, Stamp) {
	e := Entry{Path: at, Size: info.Size(), Mode: info.Mode() & rights, Mod: info.ModTime()}
	var s Stamp
	e.UID, e.GID, s = stat(info)
	return e, s
}
