package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

// Exchange is which database becomes the live one, and the name under which the live one is put aside. A name alone does not say that it
// is still the database that somebody looked at: what PostgreSQL itself calls them (OID) does. Empty: it may be any.
type Exchange struct {
	Next, Aside      string
	NextOID, LiveOID string
}

// NoOID is instead of the OID of a database that is not there.
const NoOID = "none"

// MovedError says that a name leads to another database than the one that was looked at, and that nothing was done.
type MovedError struct {
	Name    string
	Was, Is string // OIDs, or NoOID
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("the database %s is another one by now (its number was %s and is %s)", e.Name, e.Was, e.Is)
}

// sqlOID gives what PostgreSQL calls a database, which a rename does not change and a new one of the same name does not have.
const sqlOID = `coalesce((select oid::text from pg_database where datname = %s), '` + NoOID + `')`

// OID gives what PostgreSQL itself calls the database of that name; NoOID: there is none.
func (d *Database) OID(ctx context.Context, name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	return d.ask(ctx, d.upkeep(), "select "+fmt.Sprintf(sqlOID, ":'name'")+";", map[string]string{"name": name})
}

// sqlSwap renames both databases in one transaction. The lock on the catalog holds off whoever connects: they are not refused but wait for
// the end and find the new database. Whoever is connected is ended. When this psql dies at any point, nothing has happened. Where there
// is no live database, because somebody dropped it, there is nothing to put aside; where there is no new one, the live one is only put aside
// when that is what was asked for. Under the lock it is looked once more whether the names lead to the databases that were looked at: a live
// one that is gone loses nothing by the exchange, another one would.
var sqlSwap = `set client_min_messages = warning; set lock_timeout = '5s'; set statement_timeout = '10s'; set idle_in_transaction_session_timeout = '5s';
begin;
lock table pg_database in access exclusive mode;
select ` + fmt.Sprintf(sqlOID, ":'live'") + ` as live_is, ` + fmt.Sprintf(sqlOID, ":'new'") + ` as new_is \gset
select :'live_was' not in ('', :'live_is') and :'live_is' <> '` + NoOID + `' as live_moved, :'new_was' not in ('', :'new_is') as new_moved \gset
\if :live_moved
rollback;
select 'live', :'live_is';
\quit
\endif
\if :new_moved
rollback;
select 'new', :'new_is';
\quit
\endif
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

// Swap makes the database Next the live one and puts the live one aside, both at once. It gives how long nobody could connect. A
// *MovedError says that it is not those two any more. The comment that an administrator gave the live database goes with the old one.
func (d *Database) Swap(ctx context.Context, x Exchange) (time.Duration, error) {
	return d.swap(ctx, x, false)
}

// Unswap takes an exchange back: the live database gets the name Next again, and the one that was put aside, where there was one, is live.
func (d *Database) Unswap(ctx context.Context, x Exchange) (time.Duration, error) {
	_, there, err := d.mark(ctx, x.Aside)
	if err != nil {
		return 0, err
	}
	back := Exchange{Next: x.Aside, Aside: x.Next, NextOID: x.LiveOID, LiveOID: x.NextOID}
	switch {
	case there:
	case x.LiveOID != "" && x.LiveOID != NoOID:
		return 0, &MovedError{Name: x.Aside, Was: x.LiveOID, Is: NoOID} // the restored one is better than none
	default:
		back.NextOID = ""
	}
	return d.swap(ctx, back, !there)
}

func (d *Database) swap(ctx context.Context, x Exchange, leave bool) (time.Duration, error) {
	for _, name := range []string{x.Next, x.Aside} {
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
	said, err := d.ask(ctx, d.upkeep(), sqlSwap, map[string]string{
		"live": d.cfg.Name, "new": x.Next, "aside": x.Aside, "mark": markKept + time.Now().UTC().Format(time.RFC3339), "leave": strconv.FormatBool(leave),
		"live_was": x.LiveOID, "new_was": x.NextOID,
	})
	if err != nil {
		if p, ok := errors.AsType[*ProgramError](err); ok && p.Err == nil {
			p.Err = ErrBusy
		}
		return 0, fmt.Errorf("exchange %s for %s: %w", d.cfg.Name, x.Next, err)
	}
	for line := range strings.Lines(said) { // there are lines of the ended connections as well
		switch which, is, _ := strings.Cut(strings.TrimSpace(line), "|"); which {
		case "live":
			return 0, &MovedError{Name: d.cfg.Name, Was: x.LiveOID, Is: is}
		case "new":
			return 0, &MovedError{Name: x.Next, Was: x.NextOID, Is: is}
		}
	}
	return time.Since(begin), nil
}

// LookSwapped tells how an exchange stands.
func (d *Database) LookSwapped(ctx context.Context, x Exchange) (Swapped, error) {
	if err := CheckName(x.Next); err != nil {
		return "", err
	}
	there := map[string]string{}
	err := d.read(ctx, d.upkeep(), `select coalesce(json_object_agg(datname, oid::text), '{}') from pg_database where datname in (:'live', :'new');`,
		map[string]string{"live": d.cfg.Name, "new": x.Next}, &there)
	if err != nil {
		return "", err
	}
	live, next := there[d.cfg.Name], there[x.Next]
	switch {
	case x.NextOID == "" && next != "", x.NextOID != "" && next == x.NextOID:
		return SwappedNot, nil
	case x.NextOID == "" && live != "", x.NextOID != "" && live == x.NextOID:
		return SwappedDone, nil
	case next != "":
		return SwappedLost, fmt.Errorf("neither %s nor %s is the database that was restored", d.cfg.Name, x.Next)
	}
	return SwappedLost, fmt.Errorf("there is neither %s nor %s", d.cfg.Name, x.Next)
}
