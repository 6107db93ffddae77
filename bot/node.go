package bot

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// node is a piece of JSON that may be anything. Slack leaves fields out, sends null for them, or changes their type; a reader
// that insists on one shape refuses a person's click over a field that nobody needs.
type node struct{ value any }

// parse reads JSON; what is none gives an empty node.
func parse(b []byte) node {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var n node
	if d.Decode(&n.value) != nil {
		return node{}
	}
	return n
}

// at gives a field of an object; an empty node when there is none.
func (n node) at(keys ...string) node {
	for _, k := range keys {
		m, _ := n.value.(map[string]any)
		n = node{m[k]}
	}
	return n
}

func (n node) exists() bool { return n.value != nil }

// text gives a text, or a number as it was written; empty for anything else.
func (n node) text() string {
	switch v := n.value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func (n node) number() int64 {
	i, err := strconv.ParseInt(n.text(), 10, 64)
	if err != nil {
		return 0
	}
	return i
}

// yes reads a bool that may come as a text.
func (n node) yes() bool { return n.value == true || n.text() == "true" }

func (n node) list() []node {
	l, _ := n.value.([]any)
	out := make([]node, len(l))
	for i, v := range l {
		out[i] = node{v}
	}
	return out
}

// keys gives the names of an object's fields in order.
func (n node) keys() []string {
	m, _ := n.value.(map[string]any)
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// first gives the first text that is not empty.
func first(nodes ...node) string {
	for _, n := range nodes {
		if t := n.text(); t != "" {
			return t
		}
	}
	return ""
}
