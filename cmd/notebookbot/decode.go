package main

import (
	"encoding"
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder fills a Config from a YAML tree by the yaml tags of its fields. It goes on after an error, so that one run tells
// everything that is wrong, and keeps the line of each key for those who validate.
type decoder struct {
	file string
	dir  string
	env  func(string) (string, bool)
	// withoutSecrets leaves every secret alone: the manifest is asked for before Slack has given any token.
	withoutSecrets bool
	// unset collects the variables that are not set and are left empty, instead of refusing them; nil: they are refused. Somebody who
	// was just woken has a terminal, and seldom the service's environment.
	unset *[]string

	problems    []problem
	lines       map[string]int
	secretFiles []SecretFile
	inline      []string
}

// nodeDecoder is implemented by types that are written in more than one way.
type nodeDecoder interface {
	decodeNode(d *decoder, n *yaml.Node, path string)
}

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

func (d *decoder) fail(line int, key, found, allowed string) {
	d.problems = append(d.problems, problem{line: line, key: key, found: found, allowed: allowed})
}

func (d *decoder) decode(cfg *Config, root *yaml.Node) {
	d.value(reflect.ValueOf(cfg).Elem(), root, "")
}

// value decodes one node into v. A null leaves what stands there: the default.
func (d *decoder) value(v reflect.Value, n *yaml.Node, path string) {
	if isNull(n) {
		return
	}
	if nd, ok := reflect.TypeAssert[nodeDecoder](v.Addr()); ok {
		nd.decodeNode(d, n, path)
		return
	}
	switch {
	case v.Kind() == reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.value(p.Elem(), n, path)
		v.Set(p)
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		d.mapping(v, n, path)
	case v.Kind() == reflect.Slice:
		d.list(v, n, path)
	case v.Kind() == reflect.Map:
		d.keyed(v, n, path)
	default:
		d.scalar(v, n, path)
	}
}

// pair is a key and its value.
type pair struct {
	key   string
	line  int
	value *yaml.Node
}

// pairs gives the keys and values of a mapping, each key once.
func (d *decoder) pairs(n *yaml.Node, path string) ([]pair, bool) {
	if n.Kind != yaml.MappingNode {
		d.fail(n.Line, path, "found "+kindOf(n), "a mapping (key: value)")
		return nil, false
	}
	var out []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			d.fail(key.Line, path, "found "+kindOf(key)+" as a key", "a word")
			continue
		}
		at := join(path, key.Value)
		if slices.ContainsFunc(out, func(p pair) bool { return p.key == key.Value }) {
			d.fail(key.Line, at, fmt.Sprintf("given again (first on line %d)", d.lines[at]), "each key once")
			continue
		}
		d.lines[at] = key.Line
		out = append(out, pair{key.Value, key.Line, n.Content[i+1]})
	}
	return out, true
}

// mapping decodes into a struct.
func (d *decoder) mapping(v reflect.Value, n *yaml.Node, path string) {
	pairs, ok := d.pairs(n, path)
	if !ok {
		return
	}
	fields, known := fieldsOf(v.Type())
	given := map[string]bool{}
	for _, p := range pairs {
		given[p.key] = true
	}
	for _, p := range pairs {
		key := p.key
		if i, ok := fields[key]; ok {
			d.value(v.Field(i), p.value, join(path, key))
			continue
		}
		name, isFile := strings.CutSuffix(key, "_file")
		if i, ok := fields[name]; isFile && ok && v.Field(i).Type() == secretType {
			if given[name] {
				d.fail(p.line, join(path, key), "given beside "+name, "one of the two")
				continue
			}
			d.secretFile(v.Field(i), p.value, join(path, key))
			continue
		}
		d.fail(p.line, join(path, key), "unknown key "+shown(key), allowedKeys(key, known))
	}
}

// fieldsOf gives the keys of a struct with their fields' indexes, and all keys that are known at that place.
func fieldsOf(t reflect.Type) (fields map[string]int, known []string) {
	fields = map[string]int{}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("yaml")
		if tag == "" || tag == "-" {
			continue
		}
		fields[tag] = i
		known = append(known, tag)
		if f.Type == secretType {
			known = append(known, tag+"_file")
		}
	}
	return fields, known
}

// secretFile reads a secret from the file that a `_file` key names.
func (d *decoder) secretFile(v reflect.Value, n *yaml.Node, path string) {
	var name string
	d.value(reflect.ValueOf(&name).Elem(), n, path)
	if name == "" || d.withoutSecrets {
		return
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(d.dir, name)
	}
	d.secretFiles = append(d.secretFiles, SecretFile{Key: path, Path: name})
	b, err := readSmall(name, maxSecretBytes)
	if err != nil {
		d.fail(n.Line, path, err.Error(), "a readable file with the secret alone in it")
		return
	}
	secret := strings.TrimRight(string(b), "\r\n")
	if secret == "" {
		d.fail(n.Line, path, "the file is empty", "a file with the secret alone in it")
		return
	}
	v.SetString(secret)
}

// list decodes a sequence; it replaces the default.
func (d *decoder) list(v reflect.Value, n *yaml.Node, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n.Line, path, "found "+kindOf(n), "a list [a, b]")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, e := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = e.Line
		if isNull(e) {
			d.fail(e.Line, at, "nothing", "a value")
			continue
		}
		d.value(out.Index(i), e, at)
	}
	v.Set(out)
}

// keyed decodes a mapping whose keys are free; it replaces the default.
func (d *decoder) keyed(v reflect.Value, n *yaml.Node, path string) {
	pairs, ok := d.pairs(n, path)
	if !ok {
		return
	}
	out := reflect.MakeMap(v.Type())
	for _, p := range pairs {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(e, p.value, join(path, p.key))
		out.SetMapIndex(reflect.ValueOf(p.key), e)
	}
	v.Set(out)
}

// harmlessAddress tells whether an address that may hold a password holds none.
func harmlessAddress(s string) bool {
	if strings.HasPrefix(s, "sqlite:") {
		return true
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return false
	}
	_, password := u.User.Password()
	return !password && !u.Query().Has("password")
}

// scalar decodes a single value.
func (d *decoder) scalar(v reflect.Value, n *yaml.Node, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n.Line, path, "found "+kindOf(n), "a single value")
		return
	}
	raw := n.Value
	if d.withoutSecrets && v.Type() == secretType {
		return
	}
	text, ok := d.expand(raw, n.Line, path)
	if !ok {
		return
	}
	found := "found " + shown(raw) // what stands in the file, never what a variable holds
	bad := func(allowed string) { d.fail(n.Line, path, found, allowed) }

	if v.Type() == secretType {
		if raw == text && text != "" && !harmlessAddress(text) {
			d.inline = append(d.inline, path)
		}
		v.SetString(text)
		return
	}
	switch v.Type() {
	case durationType:
		t, err := time.ParseDuration(text)
		if err != nil || t < 0 {
			bad("a duration such as 90s, 15m or 720h")
			return
		}
		v.SetInt(int64(t))
		return
	case timeType:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			bad("a time such as 2026-01-05T09:00:00+08:00")
			return
		}
		v.Set(reflect.ValueOf(t))
		return
	}
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			bad(allowedBy(v.Type()))
		}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if !slices.Contains([]string{"true", "false"}, text) {
			bad("true or false")
			return
		}
		v.SetBool(text == "true")
	case reflect.Int:
		i, err := strconv.Atoi(text)
		if err != nil {
			bad("a whole number")
			return
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != f || f-f != 0 {
			bad("a number")
			return
		}
		v.SetFloat(f)
	default:
		panic("configuration: no decoding for " + v.Type().String()) // a field was added without one; every test would see it
	}
}
