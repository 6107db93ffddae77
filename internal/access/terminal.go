package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// TerminalTeam is the workspace of people who ask from a terminal. It is none of Slack's, so that nobody from there is taken for
// somebody whom Slack has vouched for, nor the other way round.
const TerminalTeam = "terminal"

var (
	// ErrGroups says that a user group cannot be looked up from a terminal: its members are known to the chat alone.
	ErrGroups = errors.New("user groups cannot be looked up from a terminal")
	// ErrNotVouched says that nobody vouches at the terminal for a person who does not stand in break_glass by user id.
	ErrNotVouched = errors.New("not in break_glass by user id")
)

// Terminal makes an Access for the day the chat is down: the same rules, but nobody is looked up. The configuration itself vouches
// for the people who stand in break_glass by user id, and for nobody else.
func Terminal(cfg Config, clock func() time.Time) *Access {
	cfg.Team = TerminalTeam
	return New(cfg, vouched(cfg.Vouched()), clock)
}

// Away makes an Access for where the chat cannot be asked: nobody may anything, and nobody is refused for good.
func Away(cfg Config, clock func() time.Time) *Access {
	cfg.Team = ""
	return New(cfg, vouched(nil), clock)
}

// Vouched are the users who may ask from a terminal at all: those of break_glass that are no groups.
func (c Config) Vouched() []string {
	var out []string
	for _, id := range c.BreakGlass {
		if id != "" && !isGroup(id) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// vouched is the directory of the terminal.
type vouched []string

var _ Directory = vouched(nil)

// Person implements Directory.
func (v vouched) Person(_ context.Context, id string) (Person, error) {
	if !slices.Contains(v, id) {
		return Person{}, fmt.Errorf("%s: %w", id, ErrNotVouched)
	}
	return Person{ID: id, Team: TerminalTeam}, nil
}

// Members implements Directory.
func (vouched) Members(_ context.Context, group string) ([]string, error) {
	return nil, fmt.Errorf("%s: %w", group, ErrGroups)
}
