package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

const (
	// A configuration has some hundred lines; what is larger is another file by mistake.
	maxConfigBytes = 256 << 10
	maxSecretBytes = 64 << 10
)

// errConfigFile marks a configuration that could not be read at all.
var errConfigFile = errors.New("configuration")

// loadConfig reads, decodes and validates a configuration file. Its error is a *configError when the content is wrong.
func loadConfig(path string) (*Config, error) {
	b, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return parseConfig(path, b, os.LookupEnv)
}

// loadWithoutSecrets is loadConfig for those who need no secret: all of them are left empty, and none is missed.
func loadWithoutSecrets(path string) (*Config, error) {
	b, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	d := newDecoder(path, os.LookupEnv)
	d.withoutSecrets = true
	return d.config(b)
}

// loadForTerminal is loadConfig where the service's environment may not be there: variables that are not set are empty and are named.
func loadForTerminal(path string) (*Config, []string, error) {
	b, err := readConfig(path)
	if err != nil {
		return nil, nil, err
	}
	d := newDecoder(path, os.LookupEnv)
	d.unset = &[]string{}
	cfg, err := d.config(b)
	slices.Sort(*d.unset)
	return cfg, slices.Compact(*d.unset), err
}

func readConfig(path string) ([]byte, error) {
	b, err := readSmall(path, maxConfigBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfigFile, err)
	}
	return b, nil
}

// parseConfig decodes and validates a configuration. Relative `_file` names start at the folder of path.
func parseConfig(path string, content []byte, env func(string) (string, bool)) (*Config, error) {
	return newDecoder(path, env).config(content)
}

func newDecoder(path string, env func(string) (string, bool)) *decoder {
	return &decoder{file: path, dir: filepath.Dir(path), env: env, lines: map[string]int{}}
}

func (d *decoder) config(content []byte) (*Config, error) {
	cfg, path := defaultConfig(), d.file
	cfg.File = path
	root := d.parse(content)
	if len(d.problems) > 0 { // nothing could be read: what is missing would be noise
		return nil, &configError{file: path, problems: d.problems}
	}
	if root != nil {
		d.decode(cfg, root)
	}
	cfg.lines, cfg.SecretFiles, cfg.InlineSecrets = d.lines, d.secretFiles, d.inline
	// What could not be decoded left a default behind, so validation adds no second error to the same key.
	d.validate(cfg)
	if len(d.problems) > 0 {
		e := &configError{file: path, problems: d.problems}
		e.sort()
		return nil, e
	}
	return cfg, nil
}

// syntaxError takes the line out of an error of the YAML parser.
var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// parse turns the text into a tree: one document, plain values alone.
func (d *decoder) parse(content []byte) *yaml.Node {
	if len(content) > maxConfigBytes {
		d.fail(0, "", "the file is too large", fmt.Sprintf("at most %d KiB", maxConfigBytes>>10))
		return nil
	}
	docs := yaml.NewDecoder(bytes.NewReader(content))
	var doc, second yaml.Node
	switch err := docs.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil // nothing in it: what is missing is said by validate
	case err != nil:
		line, message := 0, err.Error()
		if m := syntaxError.FindStringSubmatch(message); m != nil {
			line, _ = strconv.Atoi(m[1])
			message = m[2]
		}
		d.fail(line, "", "not readable as YAML: "+message, "")
		return nil
	}
	if err := docs.Decode(&second); !errors.Is(err, io.EOF) {
		d.fail(second.Line, "", "a second document", "one document in a file")
		return nil
	}
	if len(doc.Content) != 1 || !d.plain(doc.Content[0]) {
		return nil
	}
	return doc.Content[0]
}

// plain refuses anchors, aliases, merges and tags: nothing in a configuration needs them, and a few lines of them can grow
// without end. How deep a tree can be is bounded by the parser.
func (d *decoder) plain(n *yaml.Node) bool {
	switch {
	case n.Anchor != "" || n.Kind == yaml.AliasNode || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!merge":
		d.fail(n.Line, "", "an anchor, alias or merge", "write the value out")
		return false
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n.Line, "", "a YAML tag", "plain values only")
		return false
	}
	for _, child := range n.Content {
		if !d.plain(child) {
			return false
		}
	}
	return true
}

// readSmall reads a regular file that must not be larger than most.
func readSmall(path string, most int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file: that is what a configuration is
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s is larger than %d KiB", path, most>>10)
	}
	return b, nil
}
