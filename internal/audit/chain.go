package audit

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// Head is the end of a log: the number of its last entry and that entry's hash. The zero Head is that of an empty log.
type Head struct {
	Seq  int64
	Hash string
}

// first is the prev of the first entry.
var first = strings.Repeat("0", 64)

func (h Head) prev() string {
	if h.Seq == 0 {
		return first
	}
	return h.Hash
}

// Chain puts entries behind the head: it cleans them, numbers them and gives each its hash. The entries that it was given stay
// as they are, so that a lost race can be run again with them.
func (h Head) Chain(entries ...Entry) ([]Entry, Head) {
	out := make([]Entry, len(entries))
	for i, e := range entries {
		e.tidy()
		e.Seq, e.Prev = h.Seq+1, h.prev()
		e.Hash = e.sum()
		h = Head{Seq: e.Seq, Hash: e.Hash}
		out[i] = e
	}
	return out, h
}

// tidy makes the entry one that every store and every JSON keeps byte for byte, of bounded size, without secrets.
func (e *Entry) tidy() {
	if e.Actor == "" {
		e.Actor = Nobody
	}
	for _, t := range e.texts() {
		*t.value = clean(*t.value, t.most)
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	e.Revision = max(0, e.Revision)
}

// Next checks that an entry follows the head unchanged, and gives the head behind it. The error is a *BrokenError.
func (h Head) Next(e Entry) (Head, error) {
	switch {
	case e.Seq > h.Seq+1:
		return h, &BrokenError{Seq: h.Seq + 1, What: Missing}
	case e.Seq < h.Seq+1:
		return h, &BrokenError{Seq: e.Seq, What: Reordered}
	case e.Hash != e.sum():
		return h, &BrokenError{Seq: e.Seq, What: Changed}
	case e.Prev != h.prev():
		return h, &BrokenError{Seq: e.Seq, What: Unchained}
	}
	return Head{Seq: e.Seq, Hash: e.Hash}, nil
}

// Verify goes through a log from its first entry and gives its head, whose Seq is the number of entries. Known are heads that
// were seen before: the log must still have them. A *BrokenError names the first entry that does not fit; another error is the
// iterator's own.
func Verify(entries iter.Seq2[Entry, error], known ...Head) (Head, error) {
	var h Head
	for e, err := range entries {
		if err != nil {
			return h, err
		}
		if h, err = h.Next(e); err != nil {
			return h, err
		}
		for _, k := range known {
			if k.Seq == h.Seq && k.Hash != h.Hash {
				return h, &BrokenError{Seq: k.Seq, What: Rewritten}
			}
		}
	}
	for _, k := range known {
		if k.Seq > h.Seq {
			return h, &BrokenError{Seq: h.Seq + 1, What: Missing}
		}
	}
	return h, nil
}

// Breach is how a log is broken.
type Breach string

// The breaches.
const (
	Changed   Breach = "changed"   // it is not what was written
	Missing   Breach = "missing"   // it is not there
	Reordered Breach = "reordered" // it stands in another place
	Unchained Breach = "unchained" // it does not continue the one before: that one, or both, were written anew
	Rewritten Breach = "rewritten" // its hash is not the one that was told: the log was written anew
)

// BrokenError names the first entry that does not fit.
type BrokenError struct {
	Seq  int64
	What Breach
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("entry %d of the audit log: %s", e.Seq, e.What)
}

// Filter chooses entries for a list. Zero fields do not filter.
type Filter struct {
	Actor   string
	Target  string
	Word    string // this word, or one of its family: "incident" is also "incident.ack"
	Verdict Verdict
	Since   time.Time
	Before  int64 // number below: the next page
	Limit   int   // at most that many, newest first; zero: 20
}
