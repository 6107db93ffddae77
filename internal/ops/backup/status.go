package backup

import (
	"context"
	"time"
)

// Loss says how the promise stands that at most so much work is lost.
type Loss string

// How it stands.
const (
	LossNone  Loss = "none"   // there is no proven set at all
	LossOK    Loss = "ok"     //
	LossLate  Loss = "late"   // three quarters of the time are over: one run was missed
	LossBreak Loss = "breach" // more would be lost than was promised
)

// warnAfter is when people are told before the promise is broken, in hundredths of it.
const warnAfter = 75

// Status is how the backups stand.
type Status struct {
	Newest *Set // proven; nil: there is none
	Sets   int
	Proven int
	Bytes  int64 // of all sets

	Loss  Loss
	Age   time.Duration // of what would be lost now
	RPO   time.Duration
	Next  time.Time // when the clock takes the next one, at the latest
	Every time.Duration

	Free   Space
	Daily  int64         // bytes that the sets of a day take; zero: not known yet
	Lasts  time.Duration // until the disk is full, at that pace
	Short  bool          // that is before as many are kept as were promised
	Keep   time.Duration // how long they are to be kept
	Spare  []*Set        // where it is short and nothing is thinned: what would go if it were, of what lies here now
	Remote bool          // there is a second place
	Copied time.Time     // of the newest set that has a copy there
	Plain  bool          // secrets lie here in plain
}

// Status looks at the folder.
func (s *Sets) Status() (Status, error) {
	sets, err := s.List()
	if err != nil {
		return Status{}, err
	}
	return s.statusOf(sets)
}

func (s *Sets) statusOf(sets []*Set) (st Status, err error) {
	st = Status{RPO: s.cfg.RPO, Every: s.cfg.Every, Sets: len(sets), Remote: s.remote != nil, Plain: len(s.recipients) == 0}
	for _, set := range sets {
		st.Bytes += set.Size()
		if set.Proven() {
			st.Proven++
		}
		if set.Upload.Set == set.ID && set.At.After(st.Copied) {
			st.Copied = set.At
		}
	}
	now := s.now()
	st.Newest = newestProven(sets)
	st.Next = s.next(st.Newest, now)
	if st.Loss = s.loss(st.Newest, now); st.Newest != nil {
		st.Age = max(0, now.Sub(st.Newest.At))
	}
	if st.Free, err = SpaceAt(s.cfg.Dir); err != nil {
		return st, s.folderProblem(err)
	}
	s.foresee(&st, sets, now)
	return st, nil
}

const (
	aDay = 24 * time.Hour
	// leastPace is how long sets must have been taken before their pace tells anything.
	leastPace = 3 * time.Hour
	// usualThin is what people are told to set where the disk is too small for all sets.
	usualThin = 2 * aDay
)

// foresee tells whether the disk has room for as many sets as are to be kept, at the pace of the last day. Sets beyond the newest are thinned
// where that is configured, and the oldest go once they are kept long enough: then each new one takes the room of an old one.
func (s *Sets) foresee(st *Status, sets []*Set, now time.Time) {
	if len(sets) < 2 || st.Newest == nil {
		return
	}
	oldest := sets[len(sets)-1].At
	span := min(aDay, now.Sub(oldest))
	if span < leastPace {
		return
	}
	for _, set := range sets {
		if now.Sub(set.At) <= span {
			st.Daily += set.Size()
		}
	}
	st.Daily = int64(float64(st.Daily) * float64(aDay) / float64(span))
	free := st.Free.Bytes - spare*st.Newest.Size() // which the next one asks for
	st.Keep = s.cfg.Retention
	if st.Daily == 0 {
		return
	}
	days := func(d time.Duration) float64 { return float64(max(0, d)) / float64(aDay) }
	st.Lasts = time.Duration(float64(max(0, free)) / float64(st.Daily) * float64(aDay))
	if s.cfg.Thin == 0 {
		st.Short = float64(free) < days(s.cfg.Retention-now.Sub(oldest))*float64(st.Daily)
	} else {
		single := max(st.Newest.Size(), 1) // about what stays of a day
		st.Short = float64(free) < days(s.cfg.Thin-now.Sub(oldest))*float64(st.Daily)+days(s.cfg.Retention-max(s.cfg.Thin, now.Sub(oldest)))*float64(single)
	}
	if st.Short && s.cfg.Thin == 0 {
		st.Spare = Expired(sets, Keep{All: s.cfg.Retention, Thin: usualThin}, now)
	}
}

// loss judges the age of the newest proven set.
func (s *Sets) loss(newest *Set, now time.Time) Loss {
	if newest == nil {
		return LossNone
	}
	switch age := now.Sub(newest.At); {
	case age > s.cfg.RPO:
		return LossBreak
	case age > s.cfg.RPO*warnAfter/100:
		return LossLate
	}
	return LossOK
}

// next is when the next set is due: at once where there is none, or where the newest is of a time that has not come.
func (s *Sets) next(newest *Set, now time.Time) time.Time {
	if newest == nil || newest.At.After(now.Add(time.Minute)) {
		return now
	}
	return newest.At.Add(s.cfg.Every)
}

// LastBackup gives the id of the newest proven set and the moment that it stands for; empty: there is none.
func (s *Sets) LastBackup(context.Context) (id string, at time.Time, err error) {
	set, err := s.Newest()
	if err != nil || set == nil {
		return "", time.Time{}, err
	}
	return set.ID, set.At, nil
}
