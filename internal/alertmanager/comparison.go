package alertmanager

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/template"

	"github.com/ai-notebook/notebookbot/incidents"
)

// comparison compares with one Alertmanager, and remembers from one look to the next.
type comparison struct {
	cluster cluster
	rules   rules
	store   Lister
	to      Receiver
	settle  time.Duration
	now     func() time.Time
	log     *slog.Logger

	memory       memory
	failingSince time.Time
	ended, fired int // since they were counted last
}

// memory is what the looks before have seen. Each look makes a new one, so that what is over is forgotten.
type memory struct {
	gone     map[memberID]time.Time // alerts of incidents that are not listed: since when
	silenced map[memberID]bool      // alerts of incidents that were silenced when they were listed last
	untold   map[untoldID]untold    // alerts that are listed and of which no message came
}

// memberID is one beginning of one alert of an incident.
type memberID struct {
	incident    int64
	fingerprint string
	starts      int64
}

type untoldID struct {
	group       groupName
	fingerprint string
}

type untold struct {
	since time.Time
	given bool // it was told already: whoever took it knows why it is no news
}

const (
	comparePage = 200
	// maxUnshown bounds how many alerts of one group are taken from the list: more are no help to anybody on a card.
	maxUnshown = 2000
)

// look compares once, and gives when a difference that it has seen would count; zero: there is none. What fails is tried at the
// next look; what was found before that is kept.
func (c *comparison) look(ctx context.Context) (again time.Time, err error) {
	now := c.now()
	l, err := c.cluster.list(ctx)
	if err != nil {
		return again, err
	}
	v := &verdict{comparison: c, listing: l, now: now, next: memory{map[memberID]time.Time{}, map[memberID]bool{}, map[untoldID]untold{}}}
	v.routes, v.claimed, v.wanted = map[string]map[string]bool{}, map[groupName]bool{}, map[groupName]map[string]bool{}
	v.keys, v.open = map[groupName]incidents.Group{}, map[groupName]*incidents.Incident{}
	if err := v.incidents(ctx); err != nil {
		return again, err
	}
	v.unclaimed()
	err = v.tell(ctx)
	c.memory = v.next
	return v.again, err
}

// verdict is one look.
type verdict struct {
	*comparison
	listing *listing
	now     time.Time
	next    memory

	routes  map[string]map[string]bool // the routes that messages of a receiver came by
	claimed map[groupName]bool         // groups that an open incident is of
	wanted  map[groupName]map[string]bool
	keys    map[groupName]incidents.Group
	open    map[groupName]*incidents.Incident // whose alerts are wanted
	errs    []error
	again   time.Time // when the first difference that was seen counts
}

// pending says that a difference counts from then on.
func (v *verdict) pending(at time.Time) {
	if v.again.IsZero() || at.Before(v.again) {
		v.again = at
	}
}

// incidents goes through the open incidents, and those that were resolved while their alerts fired.
func (v *verdict) incidents(ctx context.Context) error {
	for before := int64(0); ; {
		page, err := v.store.List(ctx, incidents.Filter{Open: true, Before: before, Limit: comparePage})
		if err != nil {
			return err
		}
		for _, in := range page {
			v.incident(ctx, in)
		}
		if len(page) < comparePage {
			break
		}
		before = page[len(page)-1].Number
	}
	lately, err := v.store.List(ctx, incidents.Filter{Limit: comparePage})
	if err != nil {
		return err
	}
	for _, in := range lately {
		if !in.State.Open() {
			v.incident(ctx, in)
		}
	}
	return nil
}

func (v *verdict) incident(ctx context.Context, in *incidents.Incident) {
	if in.Group.Key == "" || in.Group.Alertmanager != v.cluster.name {
		return
	}
	name, known := v.listing.name(in.Group)
	if known {
		route, _, _ := splitKey(in.Group.Key)
		if v.routes[in.Group.Receiver] == nil {
			v.routes[in.Group.Receiver] = map[string]bool{}
		}
		v.routes[in.Group.Receiver][route] = true
	}
	if !in.State.Open() && !in.StillFiring {
		return
	}
	ended := v.gone(in)
	w := incidents.Webhook{
		Group: in.Group, Title: in.Title, Channel: in.Channel, ExternalURL: in.ExternalURL, Alerts: ended, Truncated: in.Truncated, Listed: true,
	}
	if known && in.State.Open() {
		v.claimed[name] = true
		unshown := v.unheard(in, name)
		if in.Truncated > 0 && (v.allGone(in, name, len(ended)) || len(v.listing.groups[name]) > 0 && !unshown) {
			w.Truncated = 0
		}
	}
	if len(w.Alerts) > 0 || w.Truncated != in.Truncated {
		v.give(ctx, w)
	}
}

// gone gives the alerts of an incident that have ended, as the list shows.
func (v *verdict) gone(in *incidents.Incident) []incidents.Alert {
	var out []incidents.Alert
	for _, m := range in.Firing() {
		id := memberID{in.Number, m.Fingerprint, m.StartsAt.UnixNano()}
		if s, there := v.listing.present[m.Fingerprint]; there {
			if s.silenced {
				v.next.silenced[id] = true
			}
			continue
		}
		since, again := v.memory.gone[id]
		if !again {
			if !v.listing.settled(v.settle) {
				continue
			}
			since = v.now
		}
		quietly := v.memory.silenced[id]
		v.next.gone[id], v.next.silenced[id] = since, quietly
		if !v.listing.settled(v.settle) {
			continue
		}
		switch {
		case again && quietly || v.now.Sub(since) >= v.patience():
			a := m.Alert
			a.Firing, a.EndsAt = false, since
			out = append(out, a)
		case quietly:
			v.pending(v.now)
		default:
			v.pending(since.Add(v.patience()))
		}
	}
	return out
}

// patience is how long Alertmanager gets to tell of it itself.
func (v *verdict) patience() time.Duration {
	return v.listing.status.Routes.Wait + min(waitMargin, v.listing.status.Routes.Wait)
}

// allGone tells whether of a truncated group nothing fires any more: all that was shown has ended, and nothing else is listed.
func (v *verdict) allGone(in *incidents.Incident, name groupName, ended int) bool {
	return len(v.listing.groups[name]) == 0 && ended == len(in.Firing()) && v.listing.settled(v.settle)
}

// unheard looks for alerts of an incident's group that no message told of, or showed.
func (v *verdict) unheard(in *incidents.Incident, name groupName) (unshown bool) {
	listed := v.listing.groups[name]
	for f, s := range listed {
		if m := in.Members[f]; !s.active || m != nil && m.Firing {
			continue // what is silenced or inhibited is nobody's trouble, and keeps no incident from recovering
		}
		unshown = true
		if in.Truncated > 0 && len(listed) <= maxUnshown { // a message has told of it, but did not show it
			v.want(name, f, in.Group, in)
			continue
		}
		v.maybe(name, f, s, in.Group, in)
	}
	return unshown
}

// unclaimed looks at groups that no incident is open of. Their key is known where all messages of their receiver came by one route.
func (v *verdict) unclaimed() {
	for name, listed := range v.listing.groups {
		routes := v.routes[name.receiver]
		if v.claimed[name] || name.labels == "" || len(routes) != 1 || !v.listing.status.Routes.Webhooks[name.receiver] {
			continue
		}
		var route string
		for route = range routes {
		}
		g := incidents.Group{Alertmanager: v.cluster.name, Receiver: name.receiver, Key: groupKey(route + ":" + name.labels)}
		for f, s := range listed {
			v.maybe(name, f, s, g, nil)
		}
	}
}

// maybe wants an alert once Alertmanager has had the time to tell of it.
func (v *verdict) maybe(name groupName, fingerprint string, s sighting, g incidents.Group, in *incidents.Incident) {
	if !s.active {
		return
	}
	id := untoldID{name, fingerprint}
	u, again := v.memory.untold[id]
	if !again {
		u.since = v.now
	}
	if again && !u.given && v.now.Sub(u.since) >= v.patience() {
		u.given = true
		v.want(name, fingerprint, g, in)
	}
	if !u.given {
		v.pending(u.since.Add(v.patience()))
	}
	v.next.untold[id] = u
}

func (v *verdict) want(name groupName, fingerprint string, g incidents.Group, in *incidents.Incident) {
	if v.wanted[name] == nil {
		v.wanted[name] = map[string]bool{}
	}
	v.wanted[name][fingerprint] = true
	v.keys[name], v.open[name] = g, in
}

// tell fetches what is wanted, and gives it on.
func (v *verdict) tell(ctx context.Context) error {
	if len(v.wanted) > 0 {
		found, err := v.cluster.fetch(ctx, v.wanted)
		if err != nil {
			v.errs = append(v.errs, err)
		}
		for name, wanted := range v.wanted {
			g := found[name]
			told := g != nil && v.give(ctx, v.webhook(name, g))
			for f := range wanted {
				id := untoldID{name, f}
				if u, counted := v.next.untold[id]; counted && !(told && slices.ContainsFunc(g.Alerts, func(a listedAlert) bool { return a.Fingerprint == f })) {
					u.given = false // the next look tries it again
					v.next.untold[id] = u
				}
			}
		}
	}
	return errors.Join(v.errs...)
}

// webhook is what Alertmanager would have told of the alerts.
func (v *verdict) webhook(name groupName, g *listedGroup) incidents.Webhook {
	m := &message{}
	m.GroupLabels, m.Receiver = g.Labels, g.Receiver.Name
	for _, a := range g.Alerts {
		m.Alerts = append(m.Alerts, template.Alert{
			Status: firing, Fingerprint: a.Fingerprint, Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt, GeneratorURL: a.GeneratorURL,
		})
	}
	m.CommonLabels = common(m.Alerts, func(a template.Alert) template.KV { return a.Labels })
	m.CommonAnnotations = common(m.Alerts, func(a template.Alert) template.KV { return a.Annotations })
	w := v.rules.group(v.cluster.name, m, v.now)
	w.Group, w.Listed = v.keys[name], true
	if in := v.open[name]; in != nil && in.Truncated > 0 && len(v.wanted[name]) > len(w.Alerts) {
		w.Truncated = min(in.Truncated, len(v.wanted[name])-len(w.Alerts))
	}
	return w
}

// common gives what all of them share, as Alertmanager does for its messages.
func common(alerts template.Alerts, of func(template.Alert) template.KV) template.KV {
	out := maps.Clone(of(alerts[0]))
	for _, a := range alerts[1:] {
		maps.DeleteFunc(out, func(k, text string) bool { return of(a)[k] != text })
	}
	return out
}

// give gives on what was found, and tells whether it was committed.
func (v *verdict) give(ctx context.Context, w incidents.Webhook) bool {
	slices.SortFunc(w.Alerts, func(a, b incidents.Alert) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	within, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	if err := v.to.Receive(within, w); err != nil {
		v.errs = append(v.errs, err)
		return false
	}
	for _, a := range w.Alerts {
		if a.Firing {
			v.fired++
		} else {
			v.ended++
		}
	}
	v.log.InfoContext(ctx, "Alertmanager's list differs from what it told", "group", w.Group.ID()[:8], "alerts", len(w.Alerts))
	return true
}
