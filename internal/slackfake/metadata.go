package slackfake

import (
	"fmt"
	"regexp"
)

var eventType = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,255}$`)

// readMetadata checks a message's metadata. An empty object clears it.
func (s *Server) readMetadata(a args) (md *Metadata, present bool, no *refusal) {
	v, present, err := a.value("metadata")
	if err != nil {
		return nil, true, faulty("invalid_metadata_format", err.Error())
	}
	if !present {
		return nil, false, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, true, faulty("invalid_metadata_format", "metadata is no object")
	}
	name, _ := m["event_type"].(string)
	payload, isObject := m["event_payload"].(map[string]any)
	// slack-go sends an empty event_type and a null payload where there is no metadata.
	if name == "" && len(payload) == 0 {
		return nil, true, nil
	}
	if len(encode(v)) > s.cfg.Limits.Metadata {
		return nil, true, faulty("metadata_too_large")
	}
	for k := range m {
		if k != "event_type" && k != "event_payload" {
			return nil, true, faulty("invalid_metadata_schema", "invalid additional property: "+k)
		}
	}
	if !eventType.MatchString(name) {
		return nil, true, faulty("invalid_metadata_schema", fmt.Sprintf("event_type %q", name))
	}
	if !isObject {
		return nil, true, faulty("invalid_metadata_schema", "event_payload is no object")
	}
	for k, v := range payload {
		if !plain(v, 2) {
			return nil, true, faulty("invalid_metadata_schema",
				"event_payload."+k+" is neither plain nor an object or list of flat objects")
		}
	}
	return &Metadata{EventType: name, Payload: payload}, true, nil
}

// plain is true for strings, numbers and booleans, and for objects and lists of them down to depth.
func plain(v any, depth int) bool {
	switch v := v.(type) {
	case nil:
		return false
	case map[string]any:
		for _, x := range v {
			if depth == 0 || !plain(x, depth-1) {
				return false
			}
		}
	case []any:
		for _, x := range v {
			if depth == 0 || !plain(x, depth-1) {
				return false
			}
		}
	}
	return true
}
