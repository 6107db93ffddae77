package templates

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
)

const (
	maxLinks   = 3    // that the alerts bring
	maxAddress = 2900 // Slack takes 3,000 characters
	hostRunes  = 40
)

// webAddress checks an address and writes it anew: http or https, a host in plain ASCII, no user in front of it. The host is
// what people see, so nothing in it may look like another.
func webAddress(s string) (address, host string, ok bool) {
	if len(s) > maxAddress || clean(s) != s || strings.ContainsAny(s, " \n\t\\\"<>|`^{}") {
		return "", "", false
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Opaque != "" || u.Hostname() == "" {
		return "", "", false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", "", false
	}
	for _, r := range u.Host {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:[]_", r)
		if !plain {
			return "", "", false
		}
	}
	if address = u.String(); len(address) > maxAddress {
		return "", "", false
	}
	return address, strings.ToLower(u.Host), true
}

// cardLinks are the buttons that lead somewhere: the handbook's pages and expressions of the alerts, a new silence, the report.
func (t *Templates) cardLinks(v CardView) []Button {
	in := v.Incident
	var bs []Button
	seen := map[string]bool{}
	add := func(label, address string, limit int) {
		u, host, ok := webAddress(address)
		if !ok || seen[u] || len(bs) >= limit {
			return
		}
		seen[u] = true
		bs = append(bs, Button{Label: t.plain(label, Args{Where: cut(host, hostRunes)}), URL: u})
	}
	members := in.Firing()
	if len(members) == 0 {
		members = in.Quiet()
	}
	for _, m := range members {
		add("button.runbook", m.Annotations["runbook_url"], maxLinks-1)
	}
	for _, m := range members {
		add("button.expression", m.GeneratorURL, maxLinks)
	}
	if in.State.Open() {
		add("button.silence", silenceAddress(in), maxLinks+1)
	}
	add("button.report", v.Report, maxLinks+2)
	return bs
}

// silenceAddress is Alertmanager's page for a new silence, filled in with what all alerts of the incident share. Without such
// a label it would silence everything, so there is none.
func silenceAddress(in *incidents.Incident) string {
	common := commonLabels(in)
	if in.ExternalURL == "" || len(common) == 0 {
		return ""
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var ms []string
	for _, k := range slices.Sorted(maps.Keys(common)) {
		if clean(common[k]) != common[k] || clean(k) != k {
			return ""
		}
		ms = append(ms, k+`="`+quote.Replace(common[k])+`"`)
	}
	filter := strings.ReplaceAll(url.QueryEscape("{"+strings.Join(ms, ",")+"}"), "+", "%20")
	return strings.TrimRight(in.ExternalURL, "/") + "/#/silences/new?filter=" + filter
}
