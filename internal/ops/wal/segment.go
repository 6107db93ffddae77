package wal

import (
	"fmt"
	"regexp"
	"strconv"
)

// segment is one file of the log.
type segment struct {
	Timeline uint32
	Number   uint64 // from the log's beginning
}

var segmentName = regexp.MustCompile(`^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$`)

// parseSegment reads the name of a file of the log whose files have that size. False: it is none.
func parseSegment(name string, size int64) (segment, bool) {
	m := segmentName.FindStringSubmatch(name)
	if m == nil || !saneSize(size) {
		return segment{}, false
	}
	var part [3]uint64
	for i := range part {
		n, err := strconv.ParseUint(m[i+1], 16, 32)
		if err != nil {
			return segment{}, false
		}
		part[i] = n
	}
	if part[0] == 0 || part[2] >= perLog(size) {
		return segment{}, false
	}
	return segment{uint32(part[0]), part[1]*perLog(size) + part[2]}, true //nolint:gosec // Parsed with 32 bits.
}

// name is what PostgreSQL calls it.
func (s segment) name(size int64) string {
	return fmt.Sprintf("%08X%08X%08X", s.Timeline, s.Number/perLog(size), s.Number%perLog(size))
}

// at is the segment's number that has a place of the log.
func at(place uint64, size int64) uint64 { return place / uint64(size) } //nolint:gosec // A sane size.

// perLog is how many files make up 4 GiB, which is where PostgreSQL counts its names on.
func perLog(size int64) uint64 { return (1 << 32) / uint64(size) } //nolint:gosec // A sane size.

// saneSize tells whether files of the log may have that size: a power of two from 1 MiB to 1 GiB.
func saneSize(size int64) bool { return size >= 1<<20 && size <= 1<<30 && size&(size-1) == 0 }

var placeText = regexp.MustCompile(`^([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})$`)

// parsePlace reads a place of the log such as 0/16B3748.
func parsePlace(s string) (uint64, bool) {
	m := placeText.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	high, err := strconv.ParseUint(m[1], 16, 32)
	if err != nil {
		return 0, false
	}
	low, err := strconv.ParseUint(m[2], 16, 32)
	return high<<32 | low, err == nil
}

// stock is which files of the log there are.
type stock map[segment]bool

// reach follows the log of one timeline from a segment on as long as there are no gaps, and gives the last segment. False: not even the first
// is there. Where the server has begun another timeline, it may have gone back in time: what is on it needs a copy of its own.
func (s stock) reach(from segment) (segment, bool) {
	if !s[from] {
		return segment{}, false
	}
	last := from
	for s[segment{last.Timeline, last.Number + 1}] {
		last.Number++
	}
	return last, true
}

// beyond tells whether there is log after a segment, or on a later timeline.
func (s stock) beyond(last segment) bool {
	for have := range s {
		if have.Timeline > last.Timeline || have.Timeline == last.Timeline && have.Number > last.Number {
			return true
		}
	}
	return false
}
