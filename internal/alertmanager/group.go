package alertmanager

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"

	"github.com/ai-notebook/notebookbot/incidents"
)

const (
	// maxKey is how long a group's key may be, in bytes; a longer one is shortened to its beginning and its hash.
	maxKey = 4096
	// skew is how far a clock may be ahead. What is further ahead is no time: it would keep an alert from ever ending.
	skew = 24 * time.Hour
	// maxFingerprint is how long a fingerprint may be. Alertmanager's have 16 characters.
	maxFingerprint = 64
)

// group makes what the domain takes of what Alertmanager sent.
func (r rules) group(name string, m *message, now time.Time) incidents.Webhook {
	w := incidents.Webhook{
		Group:       incidents.Group{Alertmanager: name, Receiver: cut(clean(m.Receiver), maxName), Key: groupKey(m.GroupKey)},
		ExternalURL: address(m.ExternalURL),
		Alerts:      make([]incidents.Alert, 0, len(m.Alerts)),
		Truncated:   int(min(m.TruncatedAlerts, math.MaxInt32)),
	}
	seen := make(map[string]int, len(m.Alerts))
	for i := range m.Alerts {
		a := r.alert(&m.Alerts[i], now)
		if at, twice := seen[a.Fingerprint]; twice {
			if newer(a, w.Alerts[at]) {
				w.Alerts[at] = a
			}
			continue
		}
		seen[a.Fingerprint] = len(w.Alerts)
		w.Alerts = append(w.Alerts, a)
	}
	w.Title = title(m, w.Alerts)
	w.Channel = r.channel(w.Alerts)
	return w
}

func (r rules) alert(in *template.Alert, now time.Time) incidents.Alert {
	a := incidents.Alert{
		Fingerprint:  in.Fingerprint,
		Firing:       in.Status == firing,
		StartsAt:     moment(in.StartsAt, now),
		GeneratorURL: address(in.GeneratorURL),
		Level:        r.level(in.Labels), // before anything is cut
		Labels:       pairs(in.Labels, maxLabel),
		Annotations:  pairs(in.Annotations, maxAnnotation),
	}
	if !a.Firing {
		a.EndsAt = moment(in.EndsAt, now)
	}
	if !isFingerprint(a.Fingerprint) {
		a.Fingerprint = derive(in)
	}
	return a
}

// newer tells which of two members with one fingerprint counts. Alertmanager sends each once; should somebody else not: the one
// that began later, and of the same beginning the one that fires, since a false end is worse than a late one.
func newer(a, than incidents.Alert) bool {
	if c := a.StartsAt.Compare(than.StartsAt); c != 0 {
		return c > 0
	}
	return a.Firing && !than.Firing
}

// moment is a time that can be worked with, or zero: one that is not known. In UTC, so that it is written the same way always.
func moment(t, now time.Time) time.Time {
	t = t.UTC()
	if t.Unix() <= 0 || t.After(now.Add(skew)) {
		return time.Time{}
	}
	return t
}

// isFingerprint takes Alertmanager's sixteen hexadecimal digits, and what others use that is as harmless.
func isFingerprint(s string) bool {
	return s != "" && len(s) <= maxFingerprint && !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.:", r)
	})
}

// derive makes the fingerprint that Alertmanager would have: of the labels. A foreign one without labels is hashed.
func derive(in *template.Alert) string {
	if len(in.Labels) == 0 {
		const enough = 8 // bytes, as of Alertmanager's
		sum := sha256.Sum256([]byte(in.Fingerprint))
		return hex.EncodeToString(sum[:enough])
	}
	set := make(model.LabelSet, len(in.Labels))
	for k, v := range in.Labels {
		set[model.LabelName(k)] = model.LabelValue(v)
	}
	return set.Fingerprint().String()
}

func groupKey(key string) string {
	key = clean(key)
	if len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return strings.ToValidUTF8(key[:maxKey/2], "") + "… sha256:" + hex.EncodeToString(sum[:])
}

// pairs takes labels or annotations over, cut where they are too long. It may keep the map that it is given.
func pairs(in template.KV, most int) map[string]string {
	if len(in) == 0 {
		return nil
	}
	if fits(in, most) {
		return in
	}
	out := make(map[string]string, min(len(in), maxPairs+1))
	names := slices.SortedFunc(maps.Keys(in), func(a, b string) int {
		return cmp.Or(cmp.Compare(important(a), important(b)), cmp.Compare(a, b))
	})
	for i, name := range names {
		if i == maxPairs {
			out["…"] = fmt.Sprintf("(+%d)", len(names)-i)
			break
		}
		out[cut(clean(name), maxName)] = cut(clean(in[name]), most)
	}
	return out
}

func fits(in template.KV, most int) bool {
	if len(in) > maxPairs {
		return false
	}
	for k, v := range in {
		if len(k) > maxName || len(v) > most || strings.IndexByte(k, 0) >= 0 || strings.IndexByte(v, 0) >= 0 {
			return false
		}
	}
	return true
}

// important puts the names that cards show before all others.
func important(name string) int {
	switch name {
	case model.AlertNameLabel, model.InstanceLabel, model.JobLabel, "severity", "priority", "summary", "description", "runbook_url":
		return 0
	}
	return 1
}

func address(s string) string {
	if len(s) > maxURL {
		return ""
	}
	return clean(s)
}
