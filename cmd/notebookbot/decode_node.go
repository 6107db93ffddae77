package main

import (
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ai-notebook/notebookbot/incidents"
)

// variable finds ${NAME} and, so that it can be skipped, $${.
var variable = regexp.MustCompile(`\$?\$\{([^}]*)\}?`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand puts the environment's values in for ${NAME}; $${ stands for ${. The text of a value never becomes YAML again, so
// nothing in the environment can add a key.
func (d *decoder) expand(raw string, line int, path string) (string, bool) {
	ok := true
	text := variable.ReplaceAllStringFunc(raw, func(found string) string {
		if strings.HasPrefix(found, "$$") {
			return found[1:]
		}
		name := strings.TrimSuffix(strings.TrimPrefix(found, "${"), "}")
		if !strings.HasSuffix(found, "}") || !variableName.MatchString(name) {
			ok = false
			d.fail(line, path, "found "+shown(found), "a variable is written ${NAME}; $${ stands for ${ itself")
			return ""
		}
		value, set := d.env(name)
		if !set && d.unset != nil && path != "store" {
			*d.unset = append(*d.unset, name)
			return ""
		}
		if !set {
			ok = false
			hint := "set it, or leave the key out"
			if path == "slack.app_token" || path == "slack.bot_token" {
				hint = "set it, or take the token from a file with " + path + "_file"
			}
			d.fail(line, path, "the environment variable "+name+" is not set", hint)
		}
		return value
	})
	return text, ok
}

// decodeNode takes one Alertmanager or a list of them.
func (a *Alertmanagers) decodeNode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.SequenceNode {
		var all []Alertmanager
		d.value(reflect.ValueOf(&all).Elem(), n, path)
		*a = all
		return
	}
	var one Alertmanager
	d.value(reflect.ValueOf(&one).Elem(), n, path)
	*a = Alertmanagers{one}
}

// decodeNode takes one address or a list of them. An empty address means none.
func (u *URLs) decodeNode(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.SequenceNode {
		var all []string
		d.value(reflect.ValueOf(&all).Elem(), n, path)
		*u = all
		return
	}
	var one string
	d.value(reflect.ValueOf(&one).Elem(), n, path)
	*u = nil
	if one != "" {
		*u = URLs{one}
	}
}

// decodeNode keeps the order of the file, which is the order in which people read the list.
func (c *Contacts) decodeNode(d *decoder, n *yaml.Node, path string) {
	pairs, ok := d.pairs(n, path)
	if !ok {
		return
	}
	*c = Contacts{}
	for _, p := range pairs {
		contact := Contact{Name: p.key}
		d.value(reflect.ValueOf(&contact).Elem(), p.value, join(path, contact.Name))
		*c = append(*c, contact)
	}
}

// allowedBy says what a type that reads itself takes.
func allowedBy(t reflect.Type) string {
	if t == reflect.TypeFor[incidents.Level]() {
		return "P0, P1 or P2"
	}
	return "a value of " + t.Name()
}

// isNull tells whether a key stands there without a value.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kindOf names what stands in the file for an error.
func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	}
	return shown(n.Value)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
