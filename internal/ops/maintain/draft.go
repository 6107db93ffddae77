package maintain

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Details are what the plan's card shows beside its steps.
type Details struct {
	Size      int64     `json:"size"` // bytes of the database
	Deletes   []Deleted `json:"deletes,omitempty"`
	Leftovers []string  `json:"leftovers,omitempty"`
	Indexes   []Rebuild `json:"indexes,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"` // of the indexes
	Waste     int64     `json:"waste,omitempty"` // of it, as estimated
	Tables    int       `json:"tables"`
}

// Deleted is what goes of a table.
type Deleted struct {
	Table  string    `json:"table"`
	Column string    `json:"column"`
	Rows   int64     `json:"rows"` // when the plan was made; below zero: it took too long to count them
	Before time.Time `json:"before"`
}

// Rebuild is an index that is built anew.
type Rebuild struct {
	Index string `json:"index"`
	Size  int64  `json:"size"`  // bytes
	Waste int64  `json:"waste"` // of it, as estimated; below zero: it cannot be told
}

// pruneArgs are the arguments of a step that deletes rows.
type pruneArgs struct {
	postgres.Prunable

	Before time.Time `json:"before"`
	Count  int64     `json:"count"` // rows when the plan was made; below zero: not known
	Major  int       `json:"major"` // of the server
}

// indexArgs are the arguments of a step that rebuilds an index.
type indexArgs struct {
	Index  postgres.Relation `json:"index"`
	Table  postgres.Relation `json:"table"`
	Size   int64             `json:"size"`
	Within time.Duration     `json:"within"` // one try
}

// tableArgs is a table of the last step.
type tableArgs struct {
	Table  postgres.Relation `json:"table"`
	Size   int64             `json:"size"`
	Within time.Duration     `json:"within"`
}

// leftArgs is an index of the first step.
type leftArgs struct {
	Index postgres.Relation `json:"index"`
	Table postgres.Relation `json:"table"`
}

// draft is a plan that is being made.
type draft struct {
	k    *Kind
	up   *postgres.Upkeep
	all  bool
	plan ops.Plan
	gone map[string]float64 // share of a table's rows that goes, by its OID
	Details
}

func (d *draft) draw(ctx context.Context) error {
	d.Size, d.Tables = d.up.Size, len(d.up.Tables)
	d.step(stepBefore, nil, false, shortStep)
	d.leftovers()
	if err := d.prunes(ctx); err != nil {
		return err
	}
	if d.up.ConcurrentBroken() {
		d.note("maintain_reindex_broken", d.up.Version)
	} else {
		d.rebuilds()
	}
	d.vacuum()
	d.step(stepAfter, nil, false, shortStep)
	var err error
	d.plan.Details, err = json.Marshal(d.Details)
	return err
}

func (d *draft) step(name string, args any, changes bool, deadline time.Duration) {
	st := ops.StepPlan{Name: name, Changes: changes, Deadline: deadline}
	if args != nil {
		st.Args, _ = json.Marshal(args) // names, numbers and times: cannot fail
	}
	d.plan.Steps = append(d.plan.Steps, st)
}

func (d *draft) note(code string, names ...string) {
	if len(names) == 0 {
		return
	}
	const shown = 5
	if over := len(names) - shown; over > 0 {
		names = append(names[:shown:shown], "… +"+strconv.Itoa(over))
	}
	d.plan.Notes = append(d.plan.Notes, code+": "+strings.Join(names, ", "))
}

// leftovers are what cut-off rebuilds have left. Other invalid indexes are somebody's: they are named.
func (d *draft) leftovers() {
	var drop []leftArgs
	var own, building []string
	for _, i := range d.up.Indexes {
		switch {
		case i.Building && !i.Valid:
			building = append(building, i.Shown)
		case i.Leftover && i.Owned:
			drop, d.Leftovers = append(drop, leftArgs{i.Relation, i.Table}), append(d.Leftovers, i.Shown)
		case !i.Valid:
			own = append(own, i.Shown)
		}
	}
	if len(drop) > 0 {
		d.step(stepLeftovers, drop, true, shortStep+time.Duration(len(drop))*2*d.k.cfg.Lock)
	}
	d.note("maintain_own_invalid", own...)
	d.note("maintain_building", building...)
}

// pruneProblems are what may be wrong with a configured table.
var pruneProblems = []struct {
	err  error
	code string
}{
	{postgres.ErrNoTable, "maintain_no_table"},
	{postgres.ErrManyTables, "maintain_many_tables"},
	{postgres.ErrNotPlain, "maintain_not_plain"},
	{postgres.ErrNoColumn, "maintain_no_column"},
	{postgres.ErrNotTime, "maintain_not_time"},
	{postgres.ErrNotAllowed, "maintain_not_allowed"},
}

// countWithin is how long the rows of all tables may be counted while somebody waits for the plan.
const countWithin = 4 * time.Second

func (d *draft) prunes(ctx context.Context) error {
	seen := map[string]bool{}
	for _, c := range d.k.cfg.Delete {
		p, err := d.k.DB.Prunable(ctx, c.Table, c.Column)
		for _, known := range pruneProblems {
			if errors.Is(err, known.err) {
				return &ops.Problem{Code: known.code, Name: c.Table, Names: []string{c.Column}, Err: err}
			}
		}
		if err != nil {
			return d.k.explain(err)
		}
		if seen[p.OID] {
			return &ops.Problem{Code: "maintain_twice", Name: c.Table}
		}
		seen[p.OID] = true
		a := pruneArgs{Prunable: *p, Before: d.k.now().Add(-c.Keep).UTC().Truncate(time.Second), Major: d.up.Major()}
		if a.Count, err = d.k.DB.Older(ctx, p, a.Before, countWithin/time.Duration(len(d.k.cfg.Delete))); err != nil {
			return d.k.explain(err)
		}
		d.Deletes = append(d.Deletes, Deleted{p.Shown, p.Column, a.Count, a.Before})
		if a.Count == 0 {
			continue
		}
		if a.Count > 0 {
			d.gone[p.OID] = float64(a.Count) / max(p.Rows, float64(a.Count))
		}
		d.step(stepPrune+":"+p.Shown, a, true, pruneWithin)
		d.follows(p)
	}
	if slices.ContainsFunc(d.Deletes, func(t Deleted) bool { return t.Rows != 0 }) {
		d.plan.Notes = append(d.plan.Notes, "maintain_no_undo")
	}
	return nil
}

// follows says what a delete sets off besides.
func (d *draft) follows(p *postgres.Prunable) {
	for _, f := range []struct {
		code  string
		names []string
	}{{"maintain_cascades", p.Cascades}, {"maintain_refusing", p.Refusing}, {"maintain_triggers", p.Triggers}} {
		if len(f.names) > 0 {
			d.note(f.code, p.Shown+" → "+strings.Join(f.names, ", "))
		}
	}
}

// rebuilds are the indexes that are worth it, the largest first.
func (d *draft) rebuilds() {
	var exclusion, foreign []string
	unknown, more := 0, 0
	for _, i := range d.up.Indexes {
		if !i.Valid || i.Size < d.k.cfg.Least {
			continue
		}
		waste, known := i.Waste(d.gone[i.Table.OID])
		if !known {
			waste = -1
		}
		switch worth := d.all || waste*100 >= i.Size*wasted; {
		case !known && !d.all:
			unknown++
		case !worth:
		case i.Exclusion:
			exclusion = append(exclusion, i.Shown)
		case !i.Owned:
			foreign = append(foreign, i.Shown)
		case len(d.Indexes) >= maxIndexes:
			more++
		default:
			d.rebuild(&i, waste)
		}
	}
	d.note("maintain_exclusion", exclusion...)
	d.note("maintain_foreign", foreign...)
	if unknown > 0 {
		d.note("maintain_unknown", strconv.Itoa(unknown))
	}
	if more > 0 {
		d.note("maintain_more", strconv.Itoa(more))
	}
}

func (d *draft) rebuild(i *postgres.Index, waste int64) {
	within := min(leastRebuild+time.Duration(i.Size/slowRebuild)*time.Second, maxWithin/2)
	d.step(stepReindex+":"+i.Shown, indexArgs{i.Relation, i.Table, i.Size, within}, true, 2*within+shortStep+4*d.k.cfg.Lock)
	d.Indexes = append(d.Indexes, Rebuild{i.Shown, i.Size, waste})
	d.Bytes, d.Waste = d.Bytes+i.Size, d.Waste+max(0, waste)
}

func (d *draft) vacuum() {
	var tables []tableArgs
	var sum time.Duration
	for _, t := range d.up.Tables {
		within := shortStep + time.Duration(t.Size/slowVacuum)*time.Second
		tables = append(tables, tableArgs{t.Relation, t.Size, within})
		sum += within
	}
	if len(tables) > 0 {
		d.step(stepVacuum, tables, false, min(sum+shortStep, maxWithin))
	}
}
