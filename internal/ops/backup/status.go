package backup

import (
	"context"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
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
	Remote bool      // there is a second place
	Copied time.Time // of the newest set that has a copy there
	Plain  bool      // secrets lie here in plain
}

// Status looks at the folder.
func (s *Sets) Status() (Status, error) {
	sets, err := s.List()
	if err != nil {
		return Status{}, err
	}
	st := Status{RPO: s.cfg.RPO, Every: s.cfg.Every, Sets: len(sets), Remote: s.remote != nil, Plain: len(s.recipients) == 0}
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
	return st, nil
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

// Copies lists the sets whose copies in the second place are whole, the newest first. A *ops.Problem says that there is none.
func (s *Sets) Copies(ctx context.Context) ([]*Manifest, error) {
	if s.remote == nil {
		return nil, &ops.Problem{Code: "backup_no_s3"}
	}
	return s.remote.List(ctx)
}
