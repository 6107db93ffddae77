package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/template"
)

// What a body may hold. A real Alertmanager stays far below: an alert takes at least 190 bytes of at most 4 MiB.
const (
	maxDepth  = 16     // of objects and lists within one another; version 4 has four
	maxAlerts = 25_000 // more would be alerts without labels, made to cost memory
	perAlert  = 4      // objects that one alert may bring: itself, labels, annotations, and one that we do not know yet
)

// message is the body of a webhook, as Alertmanager's own webhook.Message.
type message struct {
	template.Data

	Version         string `json:"version"`
	GroupKey        string `json:"groupKey"`
	TruncatedAlerts uint64 `json:"truncatedAlerts"`
}

// wrongBody says why a body can never be taken: in one plain sentence, and by what tells one kind of mistake from another
// without what the sender chose.
type wrongBody struct{ kind, text string }

func (w *wrongBody) Error() string { return w.text }

func wrongf(format string, args ...any) *wrongBody {
	return &wrongBody{kind: format, text: fmt.Sprintf(format, args...)}
}

// decode reads a body, or says what is wrong with it.
func decode(body []byte) (*message, *wrongBody) {
	if len(body) == 0 {
		return nil, wrongf("the body is empty; expected Alertmanager's webhook, version 4")
	}
	if depth, objects := measure(body); depth > maxDepth {
		return nil, wrongf("the body is nested %d deep; expected Alertmanager's webhook, version 4", depth)
	} else if objects > maxAlerts*perAlert {
		return nil, wrongf("the body holds %d objects; set max_alerts in Alertmanager's webhook_configs", objects)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, explain(err)
	}
	switch {
	case m.Version != "4":
		return nil, wrongf(`the version is %s; expected "4"`, quote(m.Version))
	case m.GroupKey == "":
		return nil, wrongf("there is no groupKey, so it cannot be told which group this is")
	case len(m.Alerts) == 0:
		return nil, wrongf("there are no alerts in it")
	case len(m.Alerts) > maxAlerts:
		return nil, wrongf("there are %d alerts in it; set max_alerts in Alertmanager's webhook_configs", len(m.Alerts))
	}
	if !isStatus(m.Status) {
		return nil, wrongf("the status is %s; expected firing or resolved", quote(m.Status))
	}
	for i := range m.Alerts {
		a := &m.Alerts[i]
		if !isStatus(a.Status) {
			return nil, wrongf("the status of alert %d is %s; expected firing or resolved", i+1, quote(a.Status))
		}
		if a.Fingerprint == "" && len(a.Labels) == 0 {
			return nil, wrongf("alert %d has neither a fingerprint nor labels, so it cannot be told from another", i+1)
		}
	}
	return &m, nil
}

// The two states of an alert, by exact match: "unresolved" is neither.
const (
	firing   = "firing"
	resolved = "resolved"
)

func isStatus(s string) bool { return s == firing || s == resolved }

// measure counts how deep a body is nested and how many objects and lists it opens, before anything is allocated for them. A
// body that is not JSON gives some number: decoding says what is wrong with it.
func measure(body []byte) (depth, objects int) {
	level := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			objects++
			level++
			depth = max(depth, level)
		case '}', ']':
			level--
		}
	}
	return depth, objects
}

// explain puts the decoder's error into a sentence.
func explain(err error) *wrongBody {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return wrongf("the body is not JSON: %s at byte %d", cut(e.Error(), maxQuote), e.Offset)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		where := "the body"
		if e.Field != "" {
			where = quote(e.Field)
		}
		return wrongf("%s holds a %s where version 4 has something else", where, cut(e.Value, maxQuote))
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok {
		return wrongf("%s is not a time such as 2026-01-05T09:00:00Z", quote(e.Value))
	}
	return wrongf("the body cannot be read: %s", cut(err.Error(), maxQuote))
}
