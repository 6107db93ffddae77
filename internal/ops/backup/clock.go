package backup

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Asker is the part of ops.Service that asks for operations.
type Asker interface {
	Ask(ctx context.Context, req ops.Request) (*ops.Decision, error)
}

// The kinds of trouble that the clock tells in ops. Fact.Titles: the newest set; Fact.After: its age; Fact.Late: how much may be lost.
const (
	TroubleLate   = "backup.late"
	TroubleBreach = "backup.breach"
	TroubleNone   = "backup.none" // After: since when the bot has looked
	TroubleBack   = "backup.back" // After: how long there was none
	// TroubleShort: the disk will be full before as many sets are kept as were promised. After: when; Late: how long they are to be kept.
	TroubleShort = "backup.short"
)

// Clock takes backups by time and tells people when the newest proven one is too old. What it decides follows from the sets in the
// folder and from the store, so that it goes on after a restart: runs that were missed are made up by one, and of several bots
// one asks.
type Clock struct {
	Sets  *Sets
	Asker Asker
	Store ops.Store
	Ops   string // the channel
	Log   *slog.Logger

	since  time.Time // it began to look
	said   string    // the key of what was told last
	short  string    // the week in which it was told that the disk is too small
	logged string    // what was logged last
}

const (
	settle    = time.Minute
	lookEvery = 20 * time.Second
	fullEvery = 24 * time.Hour // what a restore needs is at most the sets of a day
	dayOfTold = 24 * time.Hour
	// turn is the row of the store's locks that says whose turn it was, and when.
	turn = "the backup clock of "
)

// Run looks until ctx ends.
func (c *Clock) Run(ctx context.Context) error {
	// What a dead bot left is adopted first, and who starts a bot to restart something need not wait for a backup.
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(settle):
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := c.Once(ctx)
		switch {
		case err == nil:
			c.logged = ""
		case ctx.Err() == nil && c.logged != err.Error():
			c.logged = err.Error()
			c.Log.WarnContext(ctx, "backups by time", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Once removes what dead runs left, tells what is late, and asks for a backup where one is due.
func (c *Clock) Once(ctx context.Context) error {
	if c.since.IsZero() {
		c.since = c.Sets.now()
	}
	if err := c.Sets.Sweep(ctx); err != nil {
		c.Log.WarnContext(ctx, "removing what dead runs left", "err", err)
	}
	sets, err := c.Sets.List()
	if err != nil {
		return err
	}
	if err := c.tell(ctx, sets); err != nil {
		return fmt.Errorf("tell how old the newest backup is: %w", err)
	}
	if err := c.tellShort(ctx, sets); err != nil {
		return fmt.Errorf("tell that the disk of the backups is too small: %w", err)
	}
	return c.due(ctx, sets)
}

// due asks for a backup when it is time.
func (c *Clock) due(ctx context.Context, sets []*Set) error {
	now := c.Sets.now()
	if c.Sets.next(newestProven(sets), now).After(now) {
		return nil
	}
	if wait, err := c.waits(ctx, now); wait || err != nil {
		return err
	}
	kind := Incremental
	if fullIsDue(sets, now) {
		kind = Full
	}
	d, err := c.Asker.Ask(ctx, ops.Request{
		Word: "backup", Args: []string{string(kind)}, By: ops.Person{Actor: incidents.Actor{Kind: incidents.ByClock}}, Quiet: true,
		Where: ops.Where{Channel: c.Ops},
	})
	if err != nil {
		return fmt.Errorf("ask for a backup: %w", err) // it is tried again soon; people hear when the newest set is too old
	}
	return c.Store.WriteOperations(ctx, d.Want(), func(tx ops.Tx) error {
		l, err := tx.Lock(turn + c.Sets.cfg.Project)
		if err != nil || c.asked(l, now) {
			return err // another bot was faster
		}
		op, _, err := d.In(tx, now)
		if err != nil {
			return err
		}
		l.Project, l.Operation, l.Since, l.Fence = turn+c.Sets.cfg.Project, op.Number, now, l.Fence+1
		return tx.SetLock(l)
	})
}

// waits tells whether the last backup that was asked for is still on its way, or failed so short ago that the next would too.
func (c *Clock) waits(ctx context.Context, now time.Time) (bool, error) {
	l, err := c.Store.LockOf(ctx, turn+c.Sets.cfg.Project)
	if err != nil || l.Operation == 0 {
		return false, err
	}
	op, err := c.Store.FindOperation(ctx, l.Operation)
	if err != nil {
		return false, err
	}
	return !op.State.Over() || c.asked(l, now), nil
}

// asked tells whether it is too early to ask again: half of the interval must have passed, so that a run that failed is made up before the
// promise is broken, and people do not hear of each failure every minute.
func (c *Clock) asked(l ops.Lock, now time.Time) bool {
	return l.Operation != 0 && l.Since.Add(c.Sets.cfg.Every/2).After(now) && !l.Since.After(now)
}

// fullIsDue tells whether the newest full set is older than a day.
func fullIsDue(sets []*Set, now time.Time) bool {
	for _, set := range sets {
		if set.Proven() && set.Kind == Full {
			return now.Sub(set.At) >= fullEvery
		}
	}
	return true
}

// tell says once when the newest proven set gets old, once more when the promise is broken and each day after that, and when there is a new one.
func (c *Clock) tell(ctx context.Context, sets []*Set) error {
	now, rpo := c.Sets.now(), c.Sets.cfg.RPO
	newest := newestProven(sets)
	switch c.Sets.loss(newest, now) {
	case LossNone:
		if since := now.Sub(c.since); since > rpo {
			return c.say(ctx, TroubleNone, now.Format(time.DateOnly), incidents.Fact{After: since, Late: rpo}, now)
		}
	case LossLate:
		return c.say(ctx, TroubleLate, newest.ID, incidents.Fact{Titles: []string{newest.ID}, After: now.Sub(newest.At), Late: rpo}, now)
	case LossBreak:
		age := now.Sub(newest.At)
		days := int((age - rpo) / dayOfTold)
		return c.say(ctx, TroubleBreach, fmt.Sprintf("%s/%d", newest.ID, days), incidents.Fact{Titles: []string{newest.ID}, After: age, Late: rpo}, now)
	case LossOK:
		return c.tellBack(ctx, sets, newest, now)
	}
	return nil
}

// shortBefore is when people hear that the disk fills up: early enough to get a bigger one.
const shortBefore = 7 * aDay

// tellShort says once a week that the disk will be full before as many sets are kept as were promised: then backups fail.
func (c *Clock) tellShort(ctx context.Context, sets []*Set) error {
	st, err := c.Sets.statusOf(sets)
	if err != nil || !st.Short || st.Lasts > shortBefore {
		return nil //nolint:nilerr // A disk that cannot be asked makes backups fail, and that is told.
	}
	now := c.Sets.now()
	year, week := now.ISOWeek()
	key := fmt.Sprintf("%d-%02d", year, week)
	if c.short == key {
		return nil
	}
	f := incidents.Fact{Titles: []string{c.Sets.cfg.Dir}, After: st.Lasts, Late: st.Keep}
	if err := c.say(ctx, TroubleShort, key, f, now); err != nil {
		return err
	}
	c.short = key
	return nil
}

// tellBack says that there is a proven set again after people were told, or would have been had the bot run, that there was none.
func (c *Clock) tellBack(ctx context.Context, sets []*Set, newest *Set, now time.Time) error {
	var before *Set
	for _, set := range sets {
		if set.Proven() && set.At.Before(newest.At) {
			before = set
			break
		}
	}
	if before == nil || newest.Proof.At.Sub(before.At) <= c.Sets.cfg.RPO*warnAfter/100 {
		return nil
	}
	f := incidents.Fact{Titles: []string{newest.ID}, After: newest.Proof.At.Sub(before.At), Late: c.Sets.cfg.RPO}
	return c.say(ctx, TroubleBack, newest.ID, f, now)
}

// say puts a trouble into the outbox. The same key is told once, however often it is said.
func (c *Clock) say(ctx context.Context, what, key string, f incidents.Fact, now time.Time) error {
	f.Text = what
	n := incidents.TroubleNotice("", c.Ops, f, now)
	n.Key = "trouble/" + what + "/" + c.Sets.cfg.Project + "/" + key
	if c.said == n.Key {
		return nil
	}
	err := c.Store.WriteOperations(ctx, ops.Want{}, func(tx ops.Tx) error { return tx.Notify(n) })
	if err == nil {
		c.said = n.Key
	}
	return err
}
