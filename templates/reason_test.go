package templates

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

func TestEveryReasonHasWords(t *testing.T) {
	eachLocale(t, func(t *testing.T, _ string, w *Templates) {
		for _, code := range append(ops.Reasons(), operationReasons...) {
			said := w.Reason(ops.Reason{Code: code, Name: "U02BBBB", Names: []string{"one"}, Count: 1, Total: 2, Text: "text"})
			if said == "" || w.set.Lookup("op.reason."+code) == nil {
				t.Errorf("of %s it says %q", code, said)
			}
		}
		if said := w.Reason(ops.Reason{Code: "brand_new", Name: "x", Text: "y"}); said != "brand_new x: y" {
			t.Errorf("what has no words is said as %q", said)
		}
	})
}

// TestNoOperationGivesACodeThatHasNoWords reads the code of all operations: who writes a new code finds out here.
func TestNoOperationGivesACodeThatHasNoWords(t *testing.T) {
	t.Parallel()
	w := words(t, English)
	known := func(at token.Position, prefix, code string) {
		if w.set.Lookup(prefix+code) == nil {
			t.Errorf("%s: %s%s has no words", at, prefix, code)
		}
	}
	found := 0
	err := filepath.WalkDir("../internal/ops", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if called(n.Fun) == "Caused" && len(n.Args) > 0 {
					if code, ok := literal(n.Args[0]); ok {
						found++
						known(files.Position(n.Pos()), "op.reason.", code)
					}
				}
			case *ast.CompositeLit:
				prefix := map[string]string{"Reason": "op.reason.", "Problem": "op.problem."}[called(n.Type)]
				for _, e := range n.Elts {
					kv, ok := e.(*ast.KeyValueExpr)
					if !ok || prefix == "" || called(kv.Key) != "Code" {
						continue
					}
					if code, ok := literal(kv.Value); ok {
						found++
						known(files.Position(kv.Pos()), prefix, code)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil || found < 40 {
		t.Errorf("%d codes were found, %v", found, err)
	}
}

// called is the last name of an expression such as ops.Caused.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(b.Value)
	return s, err == nil
}
