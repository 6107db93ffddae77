package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/templates"
)

// render builds the message of a notice from what is true now, and tells which state of the incident it shows.
func (o *Outbox) render(ctx context.Context, n incidents.Notice) (templates.Message, time.Time, error) {
	if len(n.Message) > 0 {
		var m templates.Message
		if err := json.Unmarshal(n.Message, &m); err != nil {
			return m, time.Time{}, fmt.Errorf("message of %s: %w: %w", n.Key, errNeverRendered, err)
		}
		return m, time.Time{}, nil
	}
	var in *incidents.Incident
	var updated time.Time
	if n.Incident != 0 {
		var err error
		if in, err = o.inc.Find(ctx, n.Incident); err != nil {
			return templates.Message{}, updated, fmt.Errorf("incident of %s: %w", n.Key, err)
		}
		updated = in.Updated
	}
	switch n.Kind {
	case incidents.CardPost, incidents.CardEdit:
		if in == nil {
			return templates.Message{}, updated, fmt.Errorf("notice %s: a card without an incident: %w", n.Key, errNeverRendered)
		}
		return o.words.Card(templates.CardView{Incident: in, Now: o.cfg.Now()}), updated, nil
	}
	v := templates.ReplyView{Notice: n, Incident: in, Told: o.told(n)}
	if n.Kind == incidents.Paged && o.cfg.Link != nil {
		if at, ok, err := o.store.Posted(ctx, incidents.Key(n.Incident)+"/card"); err == nil && ok {
			v.Link = o.cfg.Link(at)
		}
	}
	m, err := o.words.Reply(v)
	if err != nil {
		return m, updated, fmt.Errorf("words of %s: %w", n.Key, err)
	}
	return m, updated, nil
}

// errNeverRendered says that a notice will never have words.
var errNeverRendered = errors.New("cannot be said")

// told resolves the names of a notice to the people behind them at this moment.
func (o *Outbox) told(n incidents.Notice) []templates.Target {
	var out []templates.Target
	for _, name := range n.Fact.Names {
		t := o.people.Target(name)
		out = append(out, templates.Target{Name: name, Users: slices.Clone(t.Users), Groups: slices.Clone(t.Groups), Mail: t.Mail})
	}
	return out
}
