package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// part is something that the backend needs.
type part struct {
	name string
	look func(context.Context) error
}

func backend(out io.Writer) error {
	n, err := openNotes()
	if err != nil {
		return err
	}
	defer n.close()
	go n.prepare()
	parts := []part{{"postgres", n.ping}, {"redis", askRedis}}
	f := newFaults(out)
	f.forget = n.forget
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		state, code := map[string]string{"version": version()}, http.StatusOK
		for _, p := range parts {
			ctx, cancel := context.WithTimeout(r.Context(), answer)
			state[p.name] = "ok"
			if err := p.look(ctx); err != nil {
				state[p.name], code = err.Error(), http.StatusServiceUnavailable
			}
			cancel()
		}
		reply(w, code, state)
	})
	mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"version": version()})
	})
	mux.HandleFunc("GET /api/notes", func(w http.ResponseWriter, r *http.Request) {
		list, err := n.newest(r.Context())
		told(w, out, list, err)
	})
	mux.HandleFunc("POST /api/notes", func(w http.ResponseWriter, r *http.Request) {
		// Only JSON: a form of another page cannot send it.
		var in struct{ Text string }
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err == nil {
			err = json.NewDecoder(http.MaxBytesReader(w, r.Body, longest)).Decode(&in)
		}
		if in.Text = strings.TrimSpace(in.Text); err != nil || kind != "application/json" || in.Text == "" {
			http.Error(w, `a note is JSON such as {"text": "buy milk"}, of at most 2000 bytes`, http.StatusBadRequest)
			return
		}
		err = n.add(r.Context(), in.Text)
		told(w, out, map[string]string{"written": "ok"}, err)
	})
	mux.HandleFunc("POST /break/{what}", f.breaks)
	return serve(f.around(mux), out)
}

func told(w http.ResponseWriter, out io.Writer, what any, err error) {
	if err != nil {
		fmt.Fprintln(out, "ERROR notes:", err) //nolint:errcheck // Its log.
		http.Error(w, "the notes cannot be reached", http.StatusServiceUnavailable)
		return
	}
	reply(w, http.StatusOK, what)
}

func askRedis(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", os.Getenv("REDIS"))
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // Nothing is written that matters.
	if err := conn.SetDeadline(time.Now().Add(answer)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+PONG") {
		err = fmt.Errorf("it answers %q", line)
	}
	return err
}
