// Command backend is the sample application's backend and, with the word frontend, its frontend. With the word check it is their
// healthcheck.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	address = ":8080"
	answer  = 2 * time.Second
)

func main() {
	word := strings.Join(os.Args[1:], " ")
	run := backend
	switch word {
	case "frontend":
		run = frontend
	case "check":
		run = check
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check asks the server of this container.
func check() error {
	ctx, cancel := context.WithTimeout(context.Background(), answer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+address+"/health", http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	fmt.Print(line)
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return err
}

// part is something that the backend needs.
type part struct {
	name, addr string
	ask        func(net.Conn) error
}

func backend() error {
	parts := []part{{"postgres", os.Getenv("POSTGRES"), askPostgres}, {"redis", os.Getenv("REDIS"), askRedis}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		state, code := map[string]string{"version": os.Getenv("VERSION")}, http.StatusOK
		for _, p := range parts {
			state[p.name] = "ok"
			if err := p.look(r.Context()); err != nil {
				state[p.name], code = err.Error(), http.StatusServiceUnavailable
			}
		}
		reply(w, code, state)
	})
	mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"version": os.Getenv("VERSION")})
	})
	return serve(mux)
}

func frontend() error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"version": os.Getenv("VERSION")})
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html><title>AI Notebook</title><h1>AI Notebook</h1><p>%s\n", os.Getenv("VERSION")) //nolint:errcheck // A browser may go away.
	})
	return serve(mux)
}

func serve(h http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServe() }()
	fmt.Println("version", os.Getenv("VERSION"), "listens at", address)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.Shutdown(last) // requests that run are answered
}

func reply(w http.ResponseWriter, code int, state map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(state) // the asker may have gone away
}

func (p part) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // Nothing is written that matters.
	if err := conn.SetDeadline(time.Now().Add(answer)); err != nil {
		return err
	}
	return p.ask(conn)
}

// askPostgres asks whether the server speaks TLS, which it answers with one letter before it asks for a password.
func askPostgres(conn net.Conn) error {
	const sslRequest = 80877103
	if err := binary.Write(conn, binary.BigEndian, []uint32{8, sslRequest}); err != nil {
		return err
	}
	var b [1]byte
	if _, err := conn.Read(b[:]); err != nil {
		return err
	}
	if b[0] != 'N' && b[0] != 'S' {
		return fmt.Errorf("it answers %q", b[0])
	}
	return nil
}

func askRedis(conn net.Conn) error {
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+PONG") {
		err = fmt.Errorf("it answers %q", line)
	}
	return err
}
