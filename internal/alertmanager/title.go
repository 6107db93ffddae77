package alertmanager

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/ai-notebook/notebookbot/incidents"
)

// maxInstances is how many instances a title names.
const maxInstances = 3

// title is how people call the group: the summary that its alerts share, else what they are called and where they are.
func title(m *message, alerts []incidents.Alert) string {
	if t := line(m.CommonAnnotations["summary"]); t != "" {
		return t
	}
	name := cmp.Or(line(m.CommonLabels[model.AlertNameLabel]), line(m.GroupLabels[model.AlertNameLabel]))
	if name == "" {
		name = cmp.Or(labelled(m.GroupLabels), line(alerts[0].Labels[model.AlertNameLabel]), "alert "+alerts[0].Fingerprint)
	}
	at := instances(alerts)
	if len(at) == 0 {
		return name
	}
	shown := strings.Join(at[:min(len(at), maxInstances)], ", ")
	if more := len(at) - maxInstances; more > 0 {
		shown += fmt.Sprintf(" (+%d)", more)
	}
	return line(name + " " + shown)
}

// instances of the alerts that fire, or of all where none fires.
func instances(alerts []incidents.Alert) []string {
	anyFires := slices.ContainsFunc(alerts, func(a incidents.Alert) bool { return a.Firing })
	set := map[string]bool{}
	for _, a := range alerts {
		if i := line(a.Labels[model.InstanceLabel]); i != "" && a.Firing == anyFires {
			set[i] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// labelled names a group that has no alertname by the labels it is grouped by.
func labelled(in map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(in)) {
		out = append(out, name+"="+in[name])
	}
	return line(strings.Join(out, ", "))
}
