package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/templates"
)

// rendering is a message and what it shows.
type rendering struct {
	templates.Message
	shown time.Time // when what it shows was changed last; zero: it is nothing that changes
	state string    // of the operation; empty: it is about none
}

// render builds the message of a notice from what is true now.
func (o *Outbox) render(ctx context.Context, n incidents.Notice) (rendering, error) {
	if len(n.Message) > 0 {
		var m templates.Message
		if err := json.Unmarshal(n.Message, &m); err != nil {
			return rendering{}, fmt.Errorf("message of %s: %w: %w", n.Key, errNeverRendered, err)
		}
		return rendering{Message: m}, nil
	}
	if n.Operation != 0 {
		return o.operation(ctx, n)
	}
	var in *incidents.Incident
	var r rendering
	if n.Incident != 0 {
		var err error
		if in, err = o.inc.Find(ctx, n.Incident); err != nil {
			return rendering{}, fmt.Errorf("incident of %s: %w", n.Key, err)
		}
		r.shown = in.Updated
	}
	switch n.Kind {
	case incidents.CardPost, incidents.CardEdit:
		if in == nil {
			return r, fmt.Errorf("notice %s: a card without an incident: %w", n.Key, errNeverRendered)
		}
		r.Message = o.words.Card(templates.CardView{Incident: in, Now: o.cfg.Now()})
		return r, nil
	}
	v := templates.ReplyView{Notice: n, Incident: in, Told: o.told(n)}
	if n.Kind == incidents.Paged && o.cfg.Link != nil {
		if at, ok, err := o.store.Posted(ctx, incidents.Key(n.Incident)+"/card"); err == nil && ok {
			v.Link = o.cfg.Link(at)
		}
	}
	var err error
	if r.Message, err = o.words.Reply(v); err != nil {
		return r, fmt.Errorf("words of %s: %w", n.Key, err)
	}
	return r, nil
}

// operation builds what is told of an operation.
func (o *Outbox) operation(ctx context.Context, n incidents.Notice) (rendering, error) {
	op, err := o.inc.FindOperation(ctx, n.Operation)
	if err != nil {
		return rendering{}, fmt.Errorf("operation of %s: %w", n.Key, err)
	}
	r := rendering{shown: op.Updated, state: op.State.Told()}
	v := templates.OperationView{Operation: op, Now: o.cfg.Now(), Approvers: targets(o.people.ListTarget(op.Policy.Approve))}
	switch n.Kind {
	case incidents.OperationCard, incidents.OperationEdit:
		r.Message = o.words.Operation(v)
	case incidents.OperationResult:
		link := ""
		if o.cfg.Link != nil && n.Root != op.CardKey() {
			if at, ok, err := o.store.Posted(ctx, op.CardKey()); err == nil && ok {
				link = o.cfg.Link(at)
			}
		}
		r.Message = o.words.OperationResult(v, link)
	case incidents.OperationAlone:
		r.Message = o.words.OperationAlone(v, n)
	case incidents.OperationWaits:
		r.Message = o.words.OperationWaits(v)
	case incidents.OperationReview:
		r.Message = o.words.OperationReview(v)
	default:
		return r, fmt.Errorf("notice %s of kind %q: %w", n.Key, n.Kind, errNeverRendered)
	}
	return r, nil
}

// errNeverRendered says that a notice will never have words.
var errNeverRendered = errors.New("cannot be said")

// told resolves the names of a notice to the people behind them at this moment.
func (o *Outbox) told(n incidents.Notice) []templates.Target {
	var out []templates.Target
	for _, name := range n.Fact.Names {
		out = append(out, targets(o.people.Target(name))...)
	}
	return out
}

// targets gives who stands behind a name to the words.
func targets(t access.Target) []templates.Target {
	return []templates.Target{{Name: t.Name, Users: slices.Clone(t.Users), Groups: slices.Clone(t.Groups), Mail: t.Mail}}
}
