package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A database that this package makes says so in its comment: what has no such comment is never dropped by it.
const (
	markFilling = "notebookbot: is being filled"
	markFilled  = "notebookbot: filled"
	markKept    = "notebookbot: kept since " // and when
)

// Filled tells how far a database that Fill makes is.
type Filled string

// How far it is.
const (
	FilledNot    Filled = "not"    // it does not exist
	FilledPartly Filled = "partly" // it is being filled, or that was cut off
	FilledWhole  Filled = "whole"
)

// ErrForeign says that a database was not made by this package, or is in use under its own name, and stays as it is.
var ErrForeign = errors.New("the database is not one that the bot made")

// sqlCreate makes an empty database as the live one is made (owner, encoding, collation, its settings and rights), or as the server
// makes one where there is no live one. %L and %I are PostgreSQL's own quoting. Settings that are lists are quoted already where they are
// kept: they are set for the session and taken from there.
const sqlCreate = `set statement_timeout = 0; set lock_timeout = '30s'; set client_min_messages = warning;
select format('create database %I template template0 owner %I encoding %L lc_collate %L lc_ctype %L%s tablespace %I connection limit %s',
    :'new', pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,
    case when to_jsonb(d) ->> 'datlocprovider' = 'i'
      then format(' locale_provider icu icu_locale %L', coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')) else '' end,
    t.spcname, d.datconnlimit)
  from pg_database d join pg_tablespace t on t.oid = d.dattablespace where d.datname = :'live'
union all select format('create database %I template template0', :'new') where not exists (select from pg_database where datname = :'live')
\gexec
comment on database :"new" is :'mark';
select format('revoke all on database %I from public, %I', :'new', pg_get_userbyid(datdba)) from pg_database where datname = :'live' and datacl is not null
\gexec
select format('grant %s on database %I to %s%s', a.privilege_type, :'new', case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
    case when a.is_grantable then ' with grant option' else '' end)
  from pg_database d, aclexplode(d.datacl) a where d.datname = :'live'
\gexec
select unnest(case when x.name in ('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries')
    then array[format('select set_config(%L, %L, false)', x.name, x.value), format('alter %s set %I from current', x.what, x.name), format('reset %I', x.name)]
    else array[format('alter %s set %I to %L', x.what, x.name, x.value)] end)
  from (select split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value,
      case when s.setrole = 0 then format('database %I', :'new') else format('role %I in database %I', pg_get_userbyid(s.setrole), :'new') end as what
    from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) c where d.datname = :'live') x
\gexec
`

// Fill restores a dump (pg_dump -Fc) into a new database of that name, made as the live one is, and gathers its statistics, so that
// it is as fast as the live one from its first query. What an earlier Fill left under the name is dropped first. An error means
// that the database is not whole. progress, which may be nil, is told the bytes that were read.
func (d *Database) Fill(ctx context.Context, name string, r io.Reader, progress func(done int64)) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dumpWithin)
		defer cancel()
	}
	if strings.HasPrefix(name, d.cfg.Name+"_before_") {
		return fmt.Errorf("fill %s: %w", name, ErrForeign)
	}
	if err := d.Drop(ctx, name); err != nil {
		return err
	}
	at, err := d.find(ctx)
	if err != nil {
		return err
	}
	if err := d.create(ctx, name); err != nil {
		return fmt.Errorf("create the database %s: %w", name, err)
	}
	_, err = d.stream(ctx, at, "pg_restore", func(file string) []string {
		return from(file, "--format=custom", "--exit-on-error", "--single-transaction",
			// What is not yet on disk when the server dies is filled anew; the commits of the exchange put all on disk before it counts.
			"--dbname=dbname="+name+" options='-c synchronous_commit=off -c statement_timeout=0'")
	}, &through{r: r, progress: progress}, nil)
	if err != nil {
		return fmt.Errorf("restore into %s: %w", name, d.explain(ctx, at, "", err))
	}
	if err := d.finish(ctx, name); err != nil {
		return fmt.Errorf("finish the database %s: %w", name, err)
	}
	return nil
}

func (d *Database) create(ctx context.Context, name string) error {
	_, err := d.ask(ctx, d.upkeep(), sqlCreate, map[string]string{"new": name, "live": d.cfg.Name, "mark": markFilling})
	return err
}

// finish gathers statistics and marks the database as whole.
func (d *Database) finish(ctx context.Context, name string) error {
	_, err := d.ask(ctx, name, "set statement_timeout = 0; analyze; comment on database :\"name\" is :'mark';", map[string]string{"name": name, "mark": markFilled})
	return err
}

// LookFilled tells how far the database of that name is.
func (d *Database) LookFilled(ctx context.Context, name string) (Filled, error) {
	mark, there, err := d.mark(ctx, name)
	switch {
	case err != nil:
		return "", err
	case !there:
		return FilledNot, nil
	case mark == markFilled, strings.HasPrefix(mark, markKept): // the latter was live for a while
		return FilledWhole, nil
	case mark == markFilling, mark == "":
		return FilledPartly, nil // without a mark: it was just created
	}
	return "", fmt.Errorf("%s: %w", name, ErrForeign)
}

// mark reads the comment of a database.
func (d *Database) mark(ctx context.Context, name string) (mark string, there bool, err error) {
	if err := CheckName(name); err != nil {
		return "", false, err
	}
	var found []string
	err = d.read(ctx, d.upkeep(), `select coalesce(json_agg(coalesce(shobj_description(oid, 'pg_database'), '')), '[]') from pg_database where datname = :'name';`,
		map[string]string{"name": name}, &found)
	if err != nil || len(found) == 0 {
		return "", false, err
	}
	return found[0], true, nil
}

// made is what databases that this package makes are called: the live one's name, what it is for, and which operation it belongs to.
func (d *Database) made(name string) bool {
	rest, ok := strings.CutPrefix(name, d.cfg.Name+"_")
	return ok && (strings.HasPrefix(rest, "new_") || strings.HasPrefix(rest, "before_") || strings.HasPrefix(rest, "scratch_"))
}

// Made gives the name of a database for a purpose (new, before, scratch) of an operation, and refuses one that would be too long.
func (d *Database) Made(purpose, operation string) (string, error) {
	name := d.cfg.Name + "_" + purpose + "_" + strings.ToLower(strings.ReplaceAll(operation, "-", ""))
	if err := CheckName(name); err != nil {
		return "", err
	}
	if !d.made(name) {
		return "", fmt.Errorf("%q: %w", name, ErrForeign)
	}
	return name, nil
}

// Drop drops a database that this package made, ending the connections to it. One that is not there is no error; one that is not
// ours is ErrForeign.
func (d *Database) Drop(ctx context.Context, name string) error {
	if !d.made(name) {
		return fmt.Errorf("drop %s: %w", name, ErrForeign)
	}
	mark, there, err := d.mark(ctx, name)
	switch {
	case err != nil:
		return fmt.Errorf("drop %s: %w", name, err)
	case !there:
		return nil
	case mark != "" && mark != markFilling && mark != markFilled && !strings.HasPrefix(mark, markKept):
		return fmt.Errorf("drop %s: %w", name, ErrForeign)
	}
	_, err = d.ask(ctx, d.upkeep(), `set statement_timeout = 0; set lock_timeout = '30s'; set client_min_messages = warning;
select pg_terminate_backend(pid) is null from pg_stat_activity where datname = :'name' and pid <> pg_backend_pid();
drop database if exists :"name";`, map[string]string{"name": name})
	if err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	return nil
}

// Kept is a database that an exchange put aside.
type Kept struct {
	Name string    `json:"name"`
	Size int64     `json:"size"` // bytes on disk
	At   time.Time `json:"at"`   // when it was put aside
}

// Kept lists the databases that were put aside, the newest first.
func (d *Database) Kept(ctx context.Context) ([]Kept, error) {
	var found []struct {
		Kept
		Mark string `json:"mark"`
	}
	err := d.read(ctx, d.upkeep(), `select coalesce(json_agg(x), '[]') from (
  select datname as name, pg_database_size(oid) as size, shobj_description(oid, 'pg_database') as mark from pg_database
  where starts_with(datname, :'prefix') and shobj_description(oid, 'pg_database') like 'notebookbot: kept since %') x;`,
		map[string]string{"prefix": d.cfg.Name + "_before_"}, &found)
	if err != nil {
		return nil, err
	}
	var out []Kept
	for _, k := range found {
		if at, err := time.Parse(time.RFC3339, strings.TrimPrefix(k.Mark, markKept)); err == nil {
			k.At = at
			out = append(out, k.Kept)
		}
	}
	return out, nil
}

// through counts what is read.
type through struct {
	r        io.Reader
	done     int64
	progress func(done int64)
}

func (t *through) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.done += int64(n)
	if t.progress != nil {
		t.progress(t.done)
	}
	return n, err
}
