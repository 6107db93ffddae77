package commands_test

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/access"
	operations "github.com/ai-notebook/notebookbot/internal/ops"
)

// hanging is an application behind a Docker engine that takes every call and answers none, while it hangs.
type hanging struct {
	servant
	hangs atomic.Bool
}

func (h *hanging) wait(ctx context.Context) error {
	if !h.hangs.Load() {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h *hanging) Plan(ctx context.Context, req operations.Request) (operations.Plan, error) {
	if err := h.wait(ctx); err != nil {
		return operations.Plan{}, err
	}
	p, err := h.servant.Plan(ctx, req)
	p.Target = operations.Fingerprint{Commit: "abc"}
	return p, err
}

func (h *hanging) Fingerprint(ctx context.Context, _ operations.Plan) (operations.Fingerprint, error) {
	return operations.Fingerprint{Commit: "abc"}, h.wait(ctx)
}

// A request that takes longer than a try may would be tried for ever, and with it everything else that its person asks.
func TestWhatHangsIsSaidAndKeepsNothingElseWaiting(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for real deadlines")
	}
	t.Parallel()
	h := newHouse(t, "en")
	app := &hanging{}
	people := access.New(access.Config{Operators: []string{kim, lee}, Commanders: []string{lee, boss}, Team: team}, directory{}, h.clock)
	h.cfg.Access = people
	h.cfg.Operations = operations.NewService(h.store, operations.Config{
		Kinds: []operations.Kind{app}, Target: app, People: operations.AccessPeople{Access: people}, Ops: opsRoom, Now: h.clock,
	}, slog.New(slog.DiscardHandler))
	h.runner = commands.New(h.cfg)
	h.say(kim, "restart backend")
	op := h.operation(1)
	app.hangs.Store(true)
	run(t, h.cfg)
	h.accept(commands.Request{User: kim, Channel: opsRoom, Text: "restart backend"})
	h.accept(commands.Request{User: boss, Channel: opsRoom, Source: commands.Action, Action: "approval.approve", Value: op.Key() + "/" + op.Hash})
	h.idle()
	said := map[string]string{}
	for _, n := range h.deliver() {
		if n.User != "" {
			said[n.User] += string(n.Message)
		}
	}
	for _, user := range []string{kim, boss} {
		if !strings.Contains(said[user], "Docker") && !strings.Contains(said[user], "look") {
			t.Errorf("%s heard %q", user, said[user])
		}
	}
	if got := h.operation(1); got.State != operations.Planned || len(got.Votes) != 0 {
		t.Errorf("%s with %d votes", got.State, len(got.Votes))
	}
}
