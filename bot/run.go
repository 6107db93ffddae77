package bot

import (
	"context"
	"sync"
	"time"
)

// Run keeps the sockets open until ctx ends. What had been committed by then is acknowledged.
func (b *Bot) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { b.introduce(ctx) })
	for _, s := range b.sockets {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
	return nil
}

// introduce asks who we are until Slack answers: our own messages are told by it, and nobody may do anything before. It asks
// again as soon as a socket opens, since Slack is back then.
func (b *Bot) introduce(ctx context.Context) {
	back := &backoff{first: b.cfg.timing.retry, longest: b.cfg.timing.retries}
	for {
		_, err := b.identify(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if back.n == 0 {
			b.log.WarnContext(ctx, "slack does not tell who the bot is", "err", err)
		}
		t := time.NewTimer(back.next())
		select {
		case <-ctx.Done():
		case <-b.opened:
		case <-t.C:
		}
		t.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// Sockets tells how the sockets stand.
func (b *Bot) Sockets() []Socket {
	out := make([]Socket, 0, len(b.sockets))
	for _, s := range b.sockets {
		out = append(out, s.State())
	}
	return out
}

// TokenTrouble names what Slack refused the bot's token for the last time it was used; empty when it works.
func (b *Bot) TokenTrouble() string {
	if r := b.web.trouble.Load(); r != nil {
		return *r
	}
	return ""
}
