package main

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ai-notebook/notebookbot"

// top is the repository's folder, seen from here.
const top = "../.."

// arrows reads the README's table of who imports whom: package → what it may import of ours. A word that ends in /... stands for
// the folder and all below it.
func arrows(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile("`([^`]+)`")
	out := map[string][]string{}
	inTable := false
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "| package | may import of ours |") {
			inTable = true
			continue
		}
		if !inTable {
			continue
		}
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			break
		}
		var may []string
		for _, m := range word.FindAllStringSubmatch(cells[2], -1) {
			may = append(may, m[1])
		}
		for _, m := range word.FindAllStringSubmatch(cells[1], -1) {
			out[m[1]] = may
		}
	}
	if len(out) == 0 {
		t.Fatal("README.md has no table that begins with | package | may import of ours |")
	}
	return out
}

// sources calls do for every Go file of the repository: its folder and its name.
func sources(t *testing.T, do func(dir, name string)) {
	t.Helper()
	err := filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && p != top && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata"):
			return filepath.SkipDir
		case e.IsDir() || path.Ext(p) != ".go":
			return nil
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		dir, name := path.Split(filepath.ToSlash(rel))
		do(strings.TrimSuffix(dir, "/"), name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func importsOf(t *testing.T, dir, name string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, dir, name), nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// covered tells whether a list of the table speaks of that package.
func covered(list []string, pkg string) bool {
	return slices.ContainsFunc(list, func(word string) bool {
		if folder, all := strings.CutSuffix(word, "/..."); all {
			return pkg == folder || strings.HasPrefix(pkg, folder+"/")
		}
		return pkg == word || word == "all"
	})
}

func TestTheArrowsOfTheReadmeAreTheArrowsOfTheCode(t *testing.T) {
	t.Parallel()
	table := arrows(t)
	seen := map[string]bool{}
	sources(t, func(dir, name string) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		seen[dir] = true
		may, known := table[dir]
		if !known {
			for word, list := range table {
				if strings.HasSuffix(word, "/...") && covered([]string{word}, dir) {
					may, known = list, true
				}
			}
		}
		if !known {
			t.Errorf("%s is not in the README's table of who imports whom", dir)
			return
		}
		for _, p := range importsOf(t, dir, name) {
			ours, ok := strings.CutPrefix(p, module+"/")
			if ok && ours != dir && !covered(may, ours) {
				t.Errorf("%s/%s imports %s: the README allows %v", dir, name, ours, may)
			}
		}
	})
	for word := range table {
		if !strings.HasSuffix(word, "/...") && !seen[word] {
			t.Errorf("the README's table speaks of %s, which is not there", word)
		}
	}
}

func TestTheTableHasNoCircles(t *testing.T) {
	t.Parallel()
	table := arrows(t)
	const doing, done = 1, 2
	state := map[string]int{}
	var walk func(pkg string, trail []string)
	walk = func(pkg string, trail []string) {
		switch state[pkg] {
		case done:
			return
		case doing:
			t.Errorf("a circle: %s", strings.Join(append(trail, pkg), " → "))
			return
		}
		state[pkg] = doing
		for _, next := range table[pkg] {
			if next != "all" && next != pkg {
				walk(next, append(trail, pkg))
			}
		}
		state[pkg] = done
	}
	for pkg := range table {
		walk(pkg, nil)
	}
}

func TestOnlyTheirOwnersImportWhatIsAtTheEdge(t *testing.T) {
	t.Parallel()
	// Which folders may import it; in their tests alone with "test:" before the folder.
	owners := map[string][]string{
		"github.com/slack-go/slack":          {"bot", "test:internal/slackfake"},
		module + "/internal/console":         {"cmd/notebookbot", "test:internal/console"},
		module + "/internal/realparts":       {"internal/e2e", "test:"},
		"modernc.org/sqlite":                 {"internal/store"},
		"github.com/jackc/pgx/v5":            {"internal/store", "internal/store/storetest", "internal/realparts", "internal/ops/health", "internal/ops/postgres/insight", "examples/ai-notebook/app", "test:"},
		"github.com/stretchr/testify":        nil,
		"github.com/prometheus/alertmanager": {"internal/alertmanager", "cmd/notebookbot"},
	}
	sources(t, func(dir, name string) {
		for _, p := range importsOf(t, dir, name) {
			for guarded, folders := range owners {
				if p != guarded && !strings.HasPrefix(p, guarded+"/") {
					continue
				}
				ok := slices.ContainsFunc(folders, func(f string) bool {
					only, inTests := strings.CutPrefix(f, "test:")
					return !inTests && dir == f || inTests && strings.HasSuffix(name, "_test.go") && (only == "" || dir == only)
				})
				if !ok {
					t.Errorf("%s/%s imports %s, which belongs to %v", dir, name, p, folders)
				}
			}
		}
	})
}

func TestEachFileIsOneIdeaOfAtMost400Lines(t *testing.T) {
	t.Parallel()
	const most = 400
	generated := regexp.MustCompile(`^// Code generated .* DO NOT EDIT\.$`)
	sources(t, func(dir, name string) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		f, err := os.Open(filepath.Join(top, dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines, ours := 0, true
		for s := bufio.NewScanner(f); s.Scan(); lines++ {
			ours = ours && !generated.MatchString(s.Text())
		}
		if ours && lines > most {
			t.Errorf("%s/%s has %d lines: at most %d", dir, name, lines, most)
		}
	})
}

func TestNothingNamesAFolderOfOneMachine(t *testing.T) {
	t.Parallel()
	// Written in pieces, so that this file does not name them either.
	machine := regexp.MustCompile(`/w` + `ork/(main|shared|\.library)|/r` + `oot/|/h` + `ome/[a-z]+/|/tmp/` + `bash_jobs`)
	err := filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if skipped := []string{".git", ".cache", "dist"}; slices.Contains(skipped, e.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if e.Name() == ".git" { // in a second work tree it is a file that names the first
			return nil
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 4<<20 {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if text := !slices.Contains(b[:min(len(b), 512)], 0); text {
			if found := machine.Find(b); found != nil {
				t.Errorf("%s names %s", p, found)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keyColumn finds the keys in the first column of the README's configuration table.
var keyColumn = regexp.MustCompile("`([a-z_]+(?:\\.[a-zA-Z0-9_]+)*)`")

func TestBothReadmesNameEveryKeyOfTheConfiguration(t *testing.T) {
	t.Parallel()
	fields, _ := fieldsOf(typeOfConfig)
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		b, err := os.ReadFile(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for line := range strings.Lines(string(b)) {
			if !strings.HasPrefix(line, "| `") {
				continue
			}
			first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
			for _, m := range keyColumn.FindAllStringSubmatch(first, -1) {
				key, _, _ := strings.Cut(m[1], ".")
				named[key] = true
			}
		}
		for key := range fields {
			if !named[key] {
				t.Errorf("%s lacks the key %s", name, key)
			}
		}
	}
}
