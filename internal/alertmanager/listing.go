package alertmanager

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	"github.com/ai-notebook/notebookbot/incidents"
)

// listing is what the members of one Alertmanager list together, kept small: a storm has a hundred thousand alerts.
type listing struct {
	present map[string]sighting // by fingerprint, in whatever group
	groups  map[groupName]map[string]sighting
	status  serverStatus // of the member that runs the longest
}

// sighting is one listed alert.
type sighting struct {
	active   bool // every member that lists it speaks of it
	silenced bool
}

// groupName is how a group is called by the list, which does not give its key: receiver and labels. Groups of two routes to one
// receiver may share it; then it names both.
type groupName struct{ receiver, labels string }

func nameOf(g *listedGroup) groupName {
	return groupName{cut(clean(g.Receiver.Name), maxName), labelText(g.Labels)}
}

// labelText writes labels as a group's key ends with them. A label whose name only new versions of Alertmanager take is written in
// more than one way: such a group is not known again, and gets the empty text.
func labelText(of map[string]string) string {
	set := make(model.LabelSet, len(of))
	for k, v := range of {
		if !model.LegacyValidation.IsValidLabelName(k) {
			return ""
		}
		set[model.LabelName(k)] = model.LabelValue(v)
	}
	return set.String()
}

// splitKey parts a group's key into its route's and its labels: "{}/{team=\"data\"}:{alertname=\"Down\"}". False when it is not
// written so.
func splitKey(key string) (route, labelled string, ok bool) {
	for at := 0; ; {
		i := strings.Index(key[at:], ":{")
		if i < 0 {
			return "", "", false
		}
		at += i + 1
		if of, ok := readLabels(key[at:]); ok && labelText(of) == key[at:] {
			return key[:at-1], key[at:], true
		}
	}
}

// readLabels reads what labelText wrote.
func readLabels(text string) (map[string]string, bool) {
	if text == "{}" {
		return nil, true
	}
	ms, err := parse.Matchers(text)
	if err != nil {
		return nil, false
	}
	out := make(map[string]string, len(ms))
	for _, m := range ms {
		if m.Type != labels.MatchEqual {
			return nil, false
		}
		out[m.Name] = m.Value
	}
	return out, true
}

// name gives how the list calls the group of an incident.
func (l *listing) name(g incidents.Group) (groupName, bool) {
	_, of, ok := splitKey(g.Key)
	return groupName{g.Receiver, of}, ok
}

// list asks all members, and fails when none answers.
func (c cluster) list(ctx context.Context) (*listing, error) {
	type view struct {
		status serverStatus
		groups map[groupName]map[string]sighting
	}
	views := make([]view, len(c.members))
	_, err := c.ask(func(i int, a *api) (err error) {
		v := view{groups: map[groupName]map[string]sighting{}}
		if v.status, err = a.status(ctx); err != nil {
			return err
		}
		err = a.groups(ctx, func(g *listedGroup) {
			seen := make(map[string]sighting, len(g.Alerts))
			for i := range g.Alerts {
				a := &g.Alerts[i]
				seen[a.Fingerprint] = sighting{active: a.isActive(), silenced: len(a.Status.SilencedBy) > 0}
			}
			merge(v.groups, nameOf(g), seen)
		})
		if err == nil {
			views[i] = v
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &listing{present: map[string]sighting{}, groups: map[groupName]map[string]sighting{}}
	for _, v := range views {
		if v.groups == nil {
			continue
		}
		if v.status.Up >= out.status.Up {
			out.status = v.status
		}
		for name, seen := range v.groups {
			merge(out.groups, name, seen)
			for f, s := range seen {
				out.present[f] = s.and(out.present, f)
			}
		}
	}
	return out, nil
}

func merge(into map[groupName]map[string]sighting, name groupName, seen map[string]sighting) {
	known := into[name]
	if known == nil {
		into[name] = seen
		return
	}
	for f, s := range seen {
		known[f] = s.and(known, f)
	}
}

// and joins what two members say of one alert.
func (s sighting) and(known map[string]sighting, fingerprint string) sighting {
	if k, ok := known[fingerprint]; ok {
		return sighting{active: s.active && k.active, silenced: s.silenced && k.silenced}
	}
	return s
}

// fetch gives the wanted alerts of groups whole, as a webhook would tell of them, as far as they are listed still.
func (c cluster) fetch(ctx context.Context, wanted map[groupName]map[string]bool) (map[groupName]*listedGroup, error) {
	found := make([]map[groupName]*listedGroup, len(c.members))
	_, err := c.ask(func(i int, a *api) error {
		mine := map[groupName]*listedGroup{}
		err := a.groups(ctx, func(g *listedGroup) {
			name := nameOf(g)
			for _, one := range g.Alerts {
				if !wanted[name][one.Fingerprint] {
					continue
				}
				if mine[name] == nil {
					mine[name] = &listedGroup{Labels: g.Labels, Receiver: g.Receiver}
				}
				mine[name].Alerts = append(mine[name].Alerts, one)
			}
		})
		if err == nil {
			found[i] = mine
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := map[groupName]*listedGroup{}
	for _, one := range found {
		for name, g := range one {
			if out[name] == nil || len(g.Alerts) > len(out[name].Alerts) {
				out[name] = g
			}
		}
	}
	return out, nil
}

// settled tells whether an Alertmanager runs long enough to have been told of all that fires: it keeps no alerts over a restart.
func (l *listing) settled(after time.Duration) bool { return l.status.Up >= after }
