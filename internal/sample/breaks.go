package sample

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// Breaks are what can be broken: the backend answers errors, hangs, takes memory until it is ended, is killed, deletes every other note;
// the database is stopped.
var Breaks = []string{"errors", "hang", "leak", "kill", "postgres", "forget"}

func (s *Sample) breaks(ctx context.Context, what string) error {
	service := "backend"
	if what == "postgres" {
		service = what
	}
	containers, err := s.engine.Containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if c.Service != service || !c.Running() {
			continue
		}
		switch what {
		case "postgres":
			return s.engine.Stop(ctx, c.ID, 5*time.Second)
		case "kill":
			return s.engine.Kill(ctx, c.ID, "SIGKILL")
		}
		var said bytes.Buffer
		code, err := s.engine.Exec(ctx, c.ID, []string{"/app", "break", what}, nil, &said, &said)
		if err != nil || code != 0 {
			return fmt.Errorf("break the %s: exit code %d, %w: %s", service, code, err, said.Bytes())
		}
		return nil
	}
	return fmt.Errorf("%s does not run: %w", service, ErrNotNow)
}
