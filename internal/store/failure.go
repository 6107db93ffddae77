package store

import (
	"errors"
	"fmt"
)

// ErrUnavailable says that the store cannot be written (or read) now; the error's text says why. It ends by itself when its
// cause does.
var ErrUnavailable error = passing("the store is not available")

// passing is an error that ends by itself.
type passing string

func (p passing) Error() string { return string(p) }

// Temporary tells callers who do not know this package that trying again is worth it.
func (passing) Temporary() bool { return true }

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("the store is closed")

// unavailable is an ErrUnavailable with its reason.
type unavailable struct {
	why fault
	err error
}

func (e *unavailable) Error() string {
	return fmt.Sprintf("%v: %s: %v", ErrUnavailable, e.why.word(), e.err)
}

func (e *unavailable) Unwrap() []error { return []error{ErrUnavailable, e.err} }

// commitError is an error of the commit itself: whether it took effect may be unknown.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// explain gives an error of the driver its word.
func (s *Store) explain(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrClosed) {
		return err
	}
	switch f := s.db.fault(err); f {
	case broken, conflict:
		return fmt.Errorf("store: %w", err)
	case repeat:
		return &unavailable{locked, err}
	default:
		return &unavailable{f, err}
	}
}

// Reason gives one word for a log or a page about an error of this package: full, read-only, locked, gone, damaged, disk or
// overloaded; empty when the store is not to blame.
func Reason(err error) string {
	var u *unavailable
	if !errors.As(err, &u) {
		if errors.Is(err, ErrUnavailable) {
			return "overloaded"
		}
		return ""
	}
	switch u.why {
	case full:
		return "full"
	case readOnly:
		return "read-only"
	case locked:
		return "locked"
	case damaged:
		return "damaged"
	case diskError:
		return "disk"
	case gone, broken, repeat, conflict:
	}
	return "gone"
}
