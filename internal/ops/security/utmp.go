package security

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"
)

// The form of wtmp and btmp: struct utmp of glibc on the systems where it has 384 bytes.
const (
	recordSize = 384
	lineAt     = 8
	userAt     = 44
	hostAt     = 76
	timeAt     = 340

	mostUsed  = 9 // the highest kind of a record
	loginKind = 6 // somebody is asked who he is; a failed login in btmp
	userKind  = 7 // somebody logged in
)

// record is an entry of wtmp or btmp. Its texts were chosen by whoever tried to log in.
type record struct {
	kind int
	user string
	line string
	host string // where from; empty: this machine
	at   time.Time
}

// errRecord says that bytes are no record.
var errRecord = errors.New("not a record of wtmp")

// parseRecord reads one record. A record of zeros is what some leave who wipe their traces, and no record.
func parseRecord(b []byte) (record, error) {
	if len(b) != recordSize {
		return record{}, fmt.Errorf("%w: %d bytes", errRecord, len(b))
	}
	kind := int(int16(binary.LittleEndian.Uint16(b)))                //nolint:gosec // It is signed there.
	seconds := int64(int32(binary.LittleEndian.Uint32(b[timeAt:])))  //nolint:gosec // Likewise.
	micros := int64(int32(binary.LittleEndian.Uint32(b[timeAt+4:]))) //nolint:gosec // Likewise.
	switch {
	case kind < 1 || kind > mostUsed:
		return record{}, fmt.Errorf("%w: its kind is %d", errRecord, kind)
	case seconds <= 0 || micros < 0 || micros >= 1e6:
		return record{}, fmt.Errorf("%w: its time is %d.%06d", errRecord, seconds, micros)
	}
	r := record{kind: kind, at: time.Unix(seconds, micros*1000)}
	for _, f := range []struct {
		into   *string
		at, to int
	}{{&r.line, lineAt, lineAt + 32}, {&r.user, userAt, userAt + 32}, {&r.host, hostAt, hostAt + 256}} {
		*f.into = word(b[f.at:f.to])
	}
	return r, nil
}

// word is a text that ends at its first zero byte, in letters that are harmless to show.
func word(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(bytes.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, b))
}

// recordsSince reads records from the end of a file until they are older than since, at most so many. They come the newest first. Bad counts
// what is no record; more says that there are older ones that were not read; old that the file reaches back to since.
func recordsSince(f io.ReaderAt, size int64, since time.Time, most int) (list []record, bad int, more, old bool, err error) {
	if size%recordSize != 0 {
		bad++ // a part of a record, which somebody cut off or writes just now
	}
	const chunk = 256
	buf := make([]byte, chunk*recordSize)
	for left := size / recordSize; left > 0; {
		n := min(left, chunk)
		left -= n
		part := buf[:n*recordSize]
		if _, err := f.ReadAt(part, left*recordSize); err != nil {
			return nil, bad, false, false, err
		}
		for i := n - 1; i >= 0; i-- {
			if len(list)+bad >= most {
				return list, bad, true, false, nil
			}
			r, err := parseRecord(part[i*recordSize : (i+1)*recordSize])
			switch {
			case err != nil:
				bad++
			case r.at.Before(since):
				return list, bad, false, true, nil
			default:
				list = append(list, r)
			}
		}
	}
	return list, bad, false, false, nil
}
