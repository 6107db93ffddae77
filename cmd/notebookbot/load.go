package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// A configuration has some hundred lines; what is larger is another file by mistake.
	maxConfigBytes = 256 << 10
	maxSecretBytes = 64 << 10
	// The deepest key of the contract has five steps. The parser recurses, so depth is bounded before it runs.
	maxFlowDepth = 16
	maxColumn    = 200
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
	if root := d.parse(content); root != nil {
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

// parse turns the text into a tree: one document, one mapping, no anchors, no depth that could hurt the parser.
func (d *decoder) parse(content []byte) ast.Node {
	if len(content) > maxConfigBytes {
		d.fail(0, "", "the file is too large", fmt.Sprintf("at most %d KiB", maxConfigBytes>>10))
		return nil
	}
	tokens := lexer.Tokenize(string(content))
	if !d.shallow(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, message := 0, "not readable as YAML"
		// The message of the parser is constant; its long form quotes the lines around, and secrets with them.
		var bad yaml.Error
		if errors.As(err, &bad) {
			message = "not readable as YAML: " + bad.GetMessage()
			if t := bad.GetToken(); t != nil && t.Position != nil {
				line = t.Position.Line
			}
		}
		d.fail(line, "", message, "")
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc == nil || doc.Body == nil {
			continue
		}
		switch doc.Body.(type) {
		case *ast.CommentNode, *ast.CommentGroupNode:
			continue
		}
		if body != nil {
			d.fail(lineOf(doc.Body), "", "a second document", "one document in a file")
			return nil
		}
		body = doc.Body
	}
	return body
}

// shallow refuses what is nested too deep, and anchors, aliases and merges: nothing in a configuration needs them, and a few
// lines of them can grow without end.
func (d *decoder) shallow(tokens token.Tokens) bool {
	depth := 0
	for _, t := range tokens {
		line := t.Position.Line
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			d.fail(line, "", "an anchor, alias or merge", "write the value out")
			return false
		case token.TagType, token.DirectiveType:
			d.fail(line, "", "a YAML tag or directive", "plain values only")
			return false
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			if depth == 0 && t.Position.Column > maxColumn {
				d.fail(line, "", "nested too deep", "the keys of `notebookbot config`")
				return false
			}
		}
		if depth > maxFlowDepth {
			d.fail(line, "", "nested too deep", "the keys of `notebookbot config`")
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

// lineOf gives the line of a node, or 0.
func lineOf(n ast.Node) int {
	if n == nil {
		return 0
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}
