package restore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Kept is what an earlier restore has replaced and what can still be put back.
type Kept struct {
	Operation int64     `json:"operation"`
	At        time.Time `json:"at"`                 // when it was replaced
	Database  string    `json:"database,omitempty"` // its name now
	Size      int64     `json:"size,omitempty"`     // of the database, in bytes
	Parts     []string  `json:"parts,omitempty"`    // of the files
}

// Kept lists what can be put back, the newest first.
func (k *Kind) Kept(ctx context.Context) ([]Kept, error) {
	by := map[int64]*Kept{}
	at := func(n int64, when time.Time) *Kept {
		if by[n] == nil {
			by[n] = &Kept{Operation: n, At: when}
		}
		return by[n]
	}
	databases, err := k.DB.Kept(ctx)
	if err != nil && !errors.Is(err, postgres.ErrAway) { // the files can be put back all the same
		return nil, err
	}
	for _, d := range databases {
		if n, ok := number(strings.TrimPrefix(d.Name, k.DB.Name()+"_before_")); ok {
			e := at(n, d.At)
			e.Database, e.Size = d.Name, d.Size
		}
	}
	folders, err := os.ReadDir(k.Config.Root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range folders {
		n, ok := number(strings.TrimPrefix(f.Name(), folderPrefix))
		if !ok || !f.IsDir() || !strings.HasPrefix(f.Name(), folderPrefix) {
			continue
		}
		for _, part := range parts[1:] {
			var x exchange
			if ok, err := readJSON(exchangeMark(filepath.Join(k.Config.Root, f.Name()), part), &x); err != nil {
				return nil, err
			} else if ok {
				e := at(n, x.At)
				e.Parts = append(e.Parts, part)
			}
		}
	}
	var out []Kept
	for _, e := range by {
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Kept) int { return int(b.Operation - a.Operation) })
	return out, nil
}

// number reads the op7 of a name.
func number(s string) (int64, bool) {
	rest, ok := strings.CutPrefix(s, "op")
	n, err := strconv.ParseInt(rest, 10, 64)
	return n, ok && err == nil && n > 0
}

// planUndo plans the way back of an earlier restore. What is live now is put aside in the same way, so that this too can be taken back.
func (k *Kind) planUndo(ctx context.Context, words []string) (ops.Plan, error) {
	kept, err := k.Kept(ctx)
	if err != nil {
		return ops.Plan{}, err
	}
	kept = slices.DeleteFunc(kept, func(e Kept) bool { return k.now().Sub(e.At) > KeptFor })
	var keys []string
	for _, e := range kept {
		keys = append(keys, ops.Key(e.Operation))
	}
	if len(words) != 1 {
		return ops.Plan{}, &ops.Problem{Code: "restore_undo_which", Names: keys}
	}
	n, err := ops.ParseKey(words[0])
	if err != nil {
		return ops.Plan{}, &ops.Problem{Code: "restore_undo_which", Name: words[0], Names: keys, Err: err}
	}
	i := slices.IndexFunc(kept, func(e Kept) bool { return e.Operation == n })
	if i < 0 {
		return ops.Plan{}, &ops.Problem{Code: "restore_nothing_kept", Name: ops.Key(n), Names: keys}
	}
	e := kept[i]
	d := Details{Undoes: ops.Key(n), At: e.At}
	if e.Database != "" {
		d.Parts, d.Size = append(d.Parts, partDatabase), e.Size
	}
	d.Parts = append(d.Parts, e.Parts...)
	p, err := k.begin(ctx, d.Parts)
	if err != nil {
		return p, err
	}
	p.Args = []string{"undo", ops.Key(n)}
	if e.Database != "" {
		if d.Now, err = k.DB.Size(ctx); err != nil && !errors.Is(err, postgres.ErrNoDatabase) {
			return p, err
		}
		a := swapArgs{From: e.Database}
		if a.Next, err = k.DB.OID(ctx, e.Database); err != nil {
			return p, err
		}
		if a.Live, err = k.DB.OID(ctx, k.DB.Name()); err != nil {
			return p, err
		}
		p.Steps = append(p.Steps, ops.StepPlan{Name: stepSwap, Args: args(a), Changes: true, Undo: "restore_old_database", Deadline: shortStep})
	}
	for _, part := range e.Parts {
		var x exchange
		if _, err := readJSON(exchangeMark(k.folder(ops.Key(n)), part), &x); err != nil {
			return p, err
		}
		var paths []string
		for _, pr := range x.Pairs {
			paths = append(paths, pr.Path)
		}
		d.Paths = append(d.Paths, paths...)
		p.Steps = append(p.Steps, ops.StepPlan{
			Name: stepExchange + ":" + part, Args: args(exchangeArgs{Paths: paths, From: ops.Key(n)}), Changes: true, Undo: "restore_old_files", Deadline: exchangeWithin,
		})
	}
	return k.end(ctx, p, d, d.Parts)
}

// KeptFor is how long what was replaced can be put back: long enough to be noticed on a weekday, short enough for the disk.
const KeptFor = 7 * 24 * time.Hour

// expireAfter is how much longer it stays, so that nobody plans to put back what is dropped in this very moment.
const expireAfter = time.Hour

// Expire drops what was replaced longer ago than KeptFor, and gives the operations whose restore it was. It holds no lock: no restore may
// be open meanwhile.
func (k *Kind) Expire(ctx context.Context) ([]string, error) {
	kept, err := k.Kept(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range kept {
		if k.now().Sub(e.At) <= KeptFor+expireAfter {
			continue
		}
		if e.Database != "" {
			if err := k.DB.Drop(ctx, e.Database); err != nil {
				return out, err
			}
		}
		if len(e.Parts) > 0 {
			if err := os.RemoveAll(k.folder(ops.Key(e.Operation))); err != nil {
				return out, err
			}
		}
		out = append(out, ops.Key(e.Operation))
	}
	return out, nil
}
