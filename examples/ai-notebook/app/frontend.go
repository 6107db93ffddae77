package app

import (
	_ "embed"
	"html"
	"io"
	"net/http"
	"strings"
)

//go:embed page.html
var page string

func frontend(out io.Writer) error {
	f := newFaults(out)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"version": version()})
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, strings.ReplaceAll(page, "VERSION", html.EscapeString(version()))) // a browser may go away
	})
	mux.HandleFunc("POST /break/{what}", f.breaks)
	return serve(f.around(mux), out)
}
