// Package web is what the bot shows on its own address: webhooks in, health, readiness, metrics, pages.
//
// It knows no other part by name: what is asked of them comes in as functions. It stays up while Slack is away, since alerts
// must still come in, and it ends within five seconds without cutting off a webhook that is being stored.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/notify"
)

const (
	headerWithin = 5 * time.Second
	readWithin   = 15 * time.Second // handlers of large bodies set their own
	writeWithin  = 60 * time.Second
	idleFor      = 2 * time.Minute // longer than Alertmanager's group_interval is seldom worth a connection
	maxHeader    = 64 << 10
	endWithin    = 4 * time.Second // of the contract's five; the store closes after us
)

// Config is what a Server shows.
type Config struct {
	Listen   string       // host:port; port 0 takes a free one
	Webhooks http.Handler // all below /webhooks/
	Store    Store
	Outbox   Outbox
	Parts    []Part               // for /readyz, after the store
	Registry *prometheus.Registry // gets Go's, the process's and the store's figures
}

// Store is what is asked of the store.
type Store interface {
	// Healthy makes a write and tells how it went.
	Healthy(ctx context.Context) error
	CountOpen(ctx context.Context) ([len(incidents.Levels)]int, error)
}

// Outbox tells what waits to be sent.
type Outbox interface {
	Depth(ctx context.Context) (notify.Depth, error)
}

// Server is the HTTP server on `listen`.
type Server struct {
	listen string
	mux    *http.ServeMux
	log    *slog.Logger
}

// New makes a Server. More pages come in through Handle, before it serves.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{store: cfg.Store, outbox: cfg.Outbox, log: log},
	} {
		if err := cfg.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	s := &Server{listen: cfg.Listen, mux: http.NewServeMux(), log: log}
	ready := &readiness{store: cfg.Store, parts: cfg.Parts}
	s.mux.Handle("/webhooks/", cfg.Webhooks)
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, "ok\n") })
	s.mux.HandleFunc("GET /readyz", ready.serve)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // one part that cannot be counted does not hide the others
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Registry:      cfg.Registry,
	}))
	s.mux.HandleFunc("GET /{$}", front)
	return s, nil
}

// Handle adds a page, by a pattern of http.ServeMux.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Run listens and serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return s.Serve(ctx, lis)
}

// Serve serves until ctx ends, then lets what is being answered finish, for four seconds at most. It closes lis.
func (s *Server) Serve(ctx context.Context, lis net.Listener) error {
	srv := &http.Server{
		Handler: s.mux, ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleFor,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(lis) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", lis.Addr(), err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		s.log.WarnContext(ctx, "ending with requests unanswered", "err", err)
		_ = srv.Close() // what hangs longer than that is cut off
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", lis.Addr(), err)
	}
	return nil
}

func text(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(body)) // who is gone does not read it
}
