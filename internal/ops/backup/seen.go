package backup

import (
	"io/fs"
	"os"
	"time"
)

// seen is what was read of the small files of a set, and of which files: a month has more than a thousand sets, the clock looks at all of them three
// times a minute, and what does not change need not be read and parsed again. Each of these files is replaced by a rename, never written to.
type seen struct {
	files [3]stamp
	set   Set
}

// stamp tells one file from another that took its place.
type stamp struct {
	info os.FileInfo // nil: it was not there
	size int64
	at   time.Time
}

func (s stamp) same(other stamp) bool {
	if s.info == nil || other.info == nil {
		return s.info == other.info
	}
	return s.size == other.size && s.at.Equal(other.at) && os.SameFile(s.info, other.info)
}

// look stamps the files that say what a set is.
func (s *Sets) look(id string) (out [3]stamp, err error) {
	for i, name := range []string{manifestName, proofName, uploadName} {
		info, err := os.Stat(s.path(id, name))
		switch {
		case err == nil:
			out[i] = stamp{info, info.Size(), info.ModTime()}
		case !os.IsNotExist(err):
			return out, err
		}
	}
	return out, nil
}

// recall gives what was read of a set, if its files are still the same; before: what they are now.
func (s *Sets) recall(id string) (set *Set, before [3]stamp, err error) {
	if before, err = s.look(id); err != nil {
		return nil, before, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was, ok := s.known[id]
	if !ok || !was.files[0].same(before[0]) || !was.files[1].same(before[1]) || !was.files[2].same(before[2]) {
		return nil, before, nil
	}
	out := was.set
	return &out, before, nil
}

// remember keeps what was read of a set whose files were these before it was read: one that was replaced meanwhile is read anew.
func (s *Sets) remember(set *Set, id string, before [3]stamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[id] = seen{before, *set}
}

// lost drops what was kept of sets that are not there any more.
func (s *Sets) lost(found []fs.DirEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) <= len(found) {
		return
	}
	there := map[string]bool{}
	for _, d := range found {
		there[d.Name()] = true
	}
	for id := range s.known {
		if !there[id] {
			delete(s.known, id)
		}
	}
}
