package bot

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// BenchmarkEnvelopeToAck measures the edge alone: the store takes no time. The workspace's own work is in the figure.
func BenchmarkEnvelopeToAck(b *testing.B) {
	s := slackfake.New(slackfake.Default())
	if err := s.Start("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	edge, err := New(fakeConfig(s), acceptFunc(func(context.Context, commands.Request) error { return nil }), prometheus.NewRegistry(),
		slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		if err := edge.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	for len(s.Sockets()) < 2 || edge.Sockets()[1].State != Connected || edge.Sockets()[0].State != Connected {
		if _, err := s.WaitChange(ctx, s.Version()); err != nil {
			b.Fatal(err)
		}
	}
	who := s.User(slackfake.Operator)
	for b.Loop() {
		if _, err := who.Slash(slackfake.Ops, "help").Wait(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRenderCard(b *testing.B) {
	r := renderer{loc: due.Location(), prefix: newPrefix}
	m := card()
	for b.Loop() {
		r.message(m)
	}
}
