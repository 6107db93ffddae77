package web

import (
	_ "embed"
	"net/http"
)

//go:embed front.html
var frontPage []byte

// front tells who comes here by chance what this is.
func front(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(frontPage) // who is gone does not read it
}
