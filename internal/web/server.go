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
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	Parts    []Part       // for /readyz, in this order
	Registry *prometheus.Registry
}

// Server is the HTTP server on `listen`.
type Server struct {
	cfg Config
	mux *http.ServeMux
	log *slog.Logger
	lis net.Listener
}

// New makes a Server. More pages come in through Handle, before Run.
func New(cfg Config, log *slog.Logger) *Server {
	s := &Server{cfg: cfg, mux: http.NewServeMux(), log: log}
	ready := &readiness{parts: cfg.Parts}
	s.mux.Handle("/webhooks/", cfg.Webhooks)
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, "ok\n") })
	s.mux.HandleFunc("GET /readyz", ready.serve)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, // one part that cannot be counted does not hide the others
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Registry:      cfg.Registry,
	}))
	s.mux.HandleFunc("GET /{$}", front)
	return s
}

// Handle adds a page, by a pattern of http.ServeMux.
func (s *Server) Handle(pattern string, h http.Handler) { s.mux.Handle(pattern, h) }

// Listen takes the address, so that a wrong or busy one is known before anything else starts, and tells which it is.
func (s *Server) Listen(ctx context.Context) (net.Addr, error) {
	lis, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.lis = lis
	return lis.Addr(), nil
}

// Run serves until ctx ends, then lets what is being answered finish, for four seconds at most. It listens first where Listen
// was not called.
func (s *Server) Run(ctx context.Context) error {
	if s.lis == nil {
		if _, err := s.Listen(ctx); err != nil {
			return err
		}
	}
	srv := &http.Server{
		Handler: s.mux, ReadHeaderTimeout: headerWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleFor,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(s.lis) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", s.lis.Addr(), err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		s.log.WarnContext(ctx, "ending with requests unanswered", "err", err)
		_ = srv.Close() // what hangs longer than that is cut off
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", s.lis.Addr(), err)
	}
	return nil
}

func text(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(body)) // who is gone does not read it
}
