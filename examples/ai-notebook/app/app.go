// Package app is the sample application's program: a backend with notes in PostgreSQL, a frontend that shows them, and what breaks
// them for whoever wants to see how it is mended.
package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	address = ":8080"
	answer  = 2 * time.Second // within which a part must answer
)

var errUsage = errors.New("usage: [backend], frontend, check, or break hang|errors|leak|exit")

// Run is the program, until it is told to end. Without a word it is the backend.
func Run(args []string, out io.Writer) error {
	switch {
	case len(args) == 0 || args[0] == "backend":
		return backend(out)
	case args[0] == "frontend":
		return frontend(out)
	case args[0] == "check":
		return ask(http.MethodGet, "/health", out)
	case args[0] == "break" && len(args) == 2: //nolint:mnd // The word and what to do.
		return ask(http.MethodPost, "/break/"+args[1], out)
	}
	return errUsage
}

// ask asks the server of this container.
func ask(method, path string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), answer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+address+path, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // Read as far as it matters.
	const enough = 4 << 10
	if _, err := io.Copy(out, io.LimitReader(res.Body, enough)); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status) //nolint:err113 // Read by people.
	}
	return nil
}

func version() string { return os.Getenv("VERSION") }

// serve answers until SIGTERM; requests that run then are still answered.
func serve(h http.Handler, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServe() }()
	fmt.Fprintln(out, "version", version(), "listens at", address) //nolint:errcheck // Its log.
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(last); errors.Is(err, context.DeadlineExceeded) {
		return s.Close() // one that hangs is not waited for
	} else if err != nil {
		return err
	}
	return nil
}

func reply(w http.ResponseWriter, code int, state any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(state) // the asker may have gone away
}
