package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// swapArgs are those of the exchange of databases. What the people who approve it think of is bound by what PostgreSQL calls it, since
// another one may come under its name.
type swapArgs struct {
	From string `json:"from,omitempty"` // a database that was put aside; empty: the one that this operation has filled
	Next string `json:"next,omitempty"` // the OID of From
	Live string `json:"live,omitempty"` // the OID of the live database, or postgres.NoOID
}

// swapStep makes the new database the live one.
type swapStep struct{ k *Kind }

// exchange gives the database that becomes the live one, and the name under which the live one is put aside.
func (s swapStep) exchange(r *ops.Run) (postgres.Exchange, error) {
	var a swapArgs
	var x postgres.Exchange
	err := r.Args(&a)
	if err != nil {
		return x, err
	}
	x.Next, x.NextOID, x.LiveOID = a.From, a.Next, a.Live
	if x.Next == "" {
		if x.Next, err = s.k.DB.Made("new", r.Operation.Key()); err != nil {
			return x, err
		}
		var v verified
		if _, err := r.Output(stepVerify, &v); err != nil {
			return x, err
		}
		x.NextOID = v.OID
	}
	x.Aside, err = s.k.DB.Made("before", r.Operation.Key())
	return x, err
}

// Do implements ops.Doer. It is one transaction: when it fails nothing was done, unless nobody could see its end.
func (s swapStep) Do(ctx context.Context, r *ops.Run) error {
	x, err := s.exchange(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	if err := r.Held(ctx); err != nil {
		return err
	}
	took, err := s.k.DB.Swap(ctx, x)
	if m, ok := errors.AsType[*postgres.MovedError](err); ok {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, moved(m))
	}
	switch {
	case errors.Is(err, postgres.ErrBusy):
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ops.ErrUnclear, err)
	}
	return r.Record(ctx, swapped{Aside: x.Aside, Took: took.Milliseconds()})
}

// moved tells people of a database that is not the one that was approved, or verified.
func moved(m *postgres.MovedError) error {
	known := func(oid string) string { return strings.TrimPrefix(oid, postgres.NoOID) }
	return &ops.MovedError{Changed: []ops.Difference{{What: "database", Name: m.Name, Was: known(m.Was), Is: known(m.Is)}}}
}

// swapped is what the exchange of databases records.
type swapped struct {
	Aside string `json:"aside"`
	Took  int64  `json:"took_ms"`
}

// Look implements ops.Doer.
func (s swapStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	x, err := s.exchange(r)
	if err != nil {
		return "", err
	}
	how, err := s.k.DB.LookSwapped(ctx, x)
	switch {
	case how == postgres.SwappedLost:
		return ops.SeenUnclear, err
	case err != nil:
		return "", err
	case how == postgres.SwappedDone:
		return ops.SeenDone, nil
	}
	return ops.SeenNotDone, nil
}

// Undo implements ops.Doer.
func (s swapStep) Undo(ctx context.Context, r *ops.Run) error {
	x, err := s.exchange(r)
	if err != nil {
		return err
	}
	how, err := s.k.DB.LookSwapped(ctx, x)
	if err != nil || how == postgres.SwappedNot {
		return err
	}
	if err := r.Held(ctx); err != nil {
		return err
	}
	_, err = s.k.DB.Unswap(ctx, x)
	return err
}
