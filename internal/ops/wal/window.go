package wal

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Span is a stretch of time to any moment of which the database can be brought back: from From, and before To.
type Span struct {
	From, To time.Time
}

// chain is a copy with the log that follows it without a gap.
type chain struct {
	*Base
	cluster *cluster
	last    segment
	to      time.Time
	gap     bool // there is more log, but not all of it
}

// chains lists what each copy is good for, the newest first.
func (a *Archive) chains() ([]chain, error) {
	clusters, err := a.clusters()
	if err != nil {
		return nil, err
	}
	var out []chain
	for _, c := range clusters {
		bases, err := a.bases(c)
		if err != nil {
			return nil, err
		}
		have, err := a.stock(c)
		if err != nil {
			return nil, err
		}
		for _, b := range bases {
			last, ok := have.reach(segment{b.Timeline, at(b.From, c.Segment)})
			if !ok || last.Number < at(b.Until, c.Segment) {
				out = append(out, chain{Base: b, cluster: c, gap: true})
				continue
			}
			ch := chain{Base: b, cluster: c, last: last, to: c.To, gap: have.beyond(last)}
			if ch.gap || c.Mark != 0 && (last.Number < at(c.Mark, c.Segment) || last.Timeline != c.Timeline) {
				ch.gap, ch.to = true, a.written(c, last)
			}
			out = append(out, ch)
		}
	}
	slices.SortFunc(out, func(x, y chain) int { return y.At.Compare(x.At) })
	return out, nil
}

// written is when a file of the log was written last: what was committed later is not in it.
func (a *Archive) written(c *cluster, s segment) time.Time {
	name := s.name(c.Segment)
	var newest time.Time
	for _, path := range []string{
		a.path(c.System, logDir, name+".zst"), a.path(c.System, logDir, name+".zst.age"), a.path(c.System, logDir, name+partial+".zst"),
		a.path(c.System, logDir, name+partial+".zst.age"), a.path(c.System, receivingDir, name), a.path(c.System, receivingDir, name+partial),
	} {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest.UTC()
}

// Window lists the stretches of time that can be come back to, in their order. None: there is no copy yet.
func (a *Archive) Window() ([]Span, error) {
	chains, err := a.chains()
	if err != nil {
		return nil, err
	}
	return spans(chains), nil
}

func spans(chains []chain) []Span {
	var out []Span
	for _, ch := range chains {
		if !ch.to.After(ch.At) {
			continue
		}
		// Copies whose log goes on into the same end are one stretch.
		if i := slices.IndexFunc(out, func(s Span) bool { return s.To.Equal(ch.to) }); i >= 0 {
			if ch.At.Before(out[i].From) {
				out[i].From = ch.At
			}
			continue
		}
		out = append(out, Span{ch.At, ch.to})
	}
	slices.SortFunc(out, func(x, y Span) int { return cmp.Or(x.From.Compare(y.From), x.To.Compare(y.To)) })
	return out
}

// Standing is how the archive stands now.
type Standing struct {
	State
	Spans []Span
	Bases int       // copies of the cluster
	Base  time.Time // the newest
	Bytes int64     // of all that is kept

	Lag  time.Duration // how old what is archived is
	Late bool          // people were told that it is too old, or soon are

	Trial *Trial // the last one; nil: there was none
}

// TroubleKeeper says that nobody looked for long, and TroubleStarting that nothing is archived yet.
const (
	TroubleKeeper   = "keeper"
	TroubleStarting = "starting"
)

// Stand looks at the folder. A keeper of another process may have written what it says.
func (a *Archive) Stand() (*Standing, error) {
	s, err := a.State()
	if err != nil {
		return nil, err
	}
	chains, err := a.chains()
	if err != nil {
		return nil, err
	}
	out := &Standing{State: *s, Spans: spans(chains), Bases: len(chains)}
	if len(chains) > 0 {
		out.Base = chains[0].At
	}
	if out.Bytes, err = a.bytes(); err != nil {
		return nil, err
	}
	if out.Trial, err = a.LastTrial(); err != nil {
		return nil, err
	}
	from := s.To
	if from.IsZero() {
		from = s.Since
	}
	if !from.IsZero() {
		out.Lag = a.now().Sub(from)
	}
	out.Late = out.Lag > LateAfter
	switch {
	case s.Looked.IsZero() || a.now().Sub(s.Looked) > LateAfter:
		out.Trouble, out.Text = TroubleKeeper, ""
	case s.Trouble == "" && s.To.IsZero():
		out.Trouble = TroubleStarting
	}
	return out, nil
}

// bytes is how much the archive takes.
func (a *Archive) bytes() (int64, error) {
	var n int64
	err := filepath.WalkDir(a.cfg.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // it went meanwhile
			}
			return err
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n, err
}

// Choice is the copy from which a moment is reached.
type Choice struct {
	Base  *Base
	Files int   // of the log that are replayed at most
	Bytes int64 // of the copy and of these files
}

// Choose finds the copy from which the database is brought to a moment. A *ops.Problem says why it cannot.
func (a *Archive) Choose(moment time.Time) (*Choice, error) {
	chains, err := a.chains()
	if err != nil {
		return nil, err
	}
	ch, err := choose(chains, moment, a.now())
	if err != nil {
		return nil, err
	}
	// What nobody here can open is refused now and not in the middle of a restore.
	in, err := a.seal.Unseal(a.path(ch.System, ch.ID), ch.Part)
	if err != nil {
		return nil, err
	}
	if err := in.Close(); err != nil {
		return nil, err
	}
	n := int(ch.last.Number-at(ch.From, ch.cluster.Segment)) + 1 //nolint:gosec // Files on a disk.
	return &Choice{Base: ch.Base, Files: n, Bytes: ch.Part.Raw + int64(n)*ch.cluster.Segment}, nil
}

func choose(chains []chain, moment, now time.Time) (*chain, error) {
	for i := range chains {
		if ch := &chains[i]; !moment.Before(ch.At) && moment.Before(ch.to) {
			return ch, nil
		}
	}
	where := spans(chains)
	p := &ops.Problem{Name: moment.UTC().Format(time.RFC3339)}
	for _, s := range where {
		p.Names = append(p.Names, s.From.UTC().Format(time.RFC3339Nano), s.To.UTC().Format(time.RFC3339Nano))
	}
	switch {
	case moment.After(now):
		p.Code = "wal_future"
	case len(where) == 0:
		p.Code = "wal_empty"
	case moment.Before(where[0].From):
		p.Code = "wal_before"
	case slices.ContainsFunc(where, func(s Span) bool { return s.To.After(moment) }) || chains[0].gap:
		p.Code = "wal_gap"
	default:
		p.Code = "wal_after"
	}
	return nil, p
}
