package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// swapWithin is how long an exchange may take at most: who connects meanwhile waits.
const swapWithin = 15 * time.Second

// Swapped tells how an exchange stands.
type Swapped string

// How it stands.
const (
	SwappedNot  Swapped = "not"  // the new database is still beside
	SwappedDone Swapped = "done" // the new one is live
	SwappedLost Swapped = "lost" // neither: somebody else renamed or dropped one of them
)

// ErrBusy says that something holds on to a database that is to be exchanged: a prepared transaction, or a replication slot.
var ErrBusy = errors.New("the database is held on to")

// sqlSwap renames both databases in one transaction. The lock on the catalog holds off whoever connects: they are not refused but wait for
// the end and find the new database. Whoever is connected is ended. When this psql dies at any point, nothing has happened. Where there
// is no live database, because somebody dropped it, there is nothing to put aside; where there is no new one, the live one is only put aside
// when that is what was asked for.
const sqlSwap = `set client_min_messages = warning; set lock_timeout = '5s'; set statement_timeout = '10s'; set idle_in_transaction_session_timeout = '5s';
begin;
lock table pg_database in access exclusive mode;
select pg_terminate_backend(pid) is null from pg_stat_activity where datname in (:'live', :'new') and pid <> pg_backend_pid() and backend_type <> 'walsender';
select count(*) > 0 as there from pg_database where datname = :'live' \gset
\if :there
alter database :"live" rename to :"aside";
comment on database :"aside" is :'mark';
\endif
\if :leave
\else
alter database :"new" rename to :"live";
comment on database :"live" is null;
\endif
commit;
`

// Swap makes the database next the live one and puts the live one aside under the name aside, both at once. It gives how long nobody
// could connect. The comment that an administrator gave the live database goes with the old one.
func (d *Database) Swap(ctx context.Context, next, aside string) (time.Duration, error) {
	return d.swap(ctx, next, aside, false)
}

// Unswap takes an exchange back: the live database gets the name next again, and the one that was put aside, where there was one, is live.
func (d *Database) Unswap(ctx context.Context, next, aside string) (time.Duration, error) {
	_, there, err := d.mark(ctx, aside)
	if err != nil {
		return 0, err
	}
	return d.swap(ctx, aside, next, !there)
}

func (d *Database) swap(ctx context.Context, next, aside string, leave bool) (time.Duration, error) {
	for _, name := range []string{next, aside} {
		if err := CheckName(name); err != nil {
			return 0, err
		}
		if !d.made(name) {
			return 0, fmt.Errorf("exchange %s for %s: %w", d.cfg.Name, name, ErrForeign)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, swapWithin)
	defer cancel()
	begin := time.Now()
	_, err := d.ask(ctx, d.upkeep(), sqlSwap, map[string]string{
		"live": d.cfg.Name, "new": next, "aside": aside, "mark": markKept + time.Now().UTC().Format(time.RFC3339), "leave": strconv.FormatBool(leave),
	})
	if err != nil {
		if p, ok := errors.AsType[*ProgramError](err); ok && p.Err == nil {
			p.Err = ErrBusy
		}
		return 0, fmt.Errorf("exchange %s for %s: %w", d.cfg.Name, next, err)
	}
	return time.Since(begin), nil
}

// LookSwapped tells how the exchange of the live database for next stands.
func (d *Database) LookSwapped(ctx context.Context, next string) (Swapped, error) {
	if err := CheckName(next); err != nil {
		return "", err
	}
	var there []string
	err := d.read(ctx, d.upkeep(), `select coalesce(json_agg(datname), '[]') from pg_database where datname in (:'live', :'new');`,
		map[string]string{"live": d.cfg.Name, "new": next}, &there)
	switch {
	case err != nil:
		return "", err
	case slices.Contains(there, next):
		return SwappedNot, nil
	case len(there) == 1:
		return SwappedDone, nil
	}
	return SwappedLost, fmt.Errorf("there is neither %s nor %s", d.cfg.Name, next)
}
