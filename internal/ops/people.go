package ops

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/access"
)

// AccessPeople answers from the configuration and from what the chat tells of people. Who asked from a terminal is asked of the
// terminal's own Access, so that nothing waits for a chat that is down; without one they may nothing.
type AccessPeople struct {
	*access.Access
	Terminal *access.Access
}

var _ People = AccessPeople{}

// MayRun implements People.
func (a AccessPeople) MayRun(ctx context.Context, p Person, word string) error {
	return a.of(p).Allow(ctx, p.ID, p.Team, word)
}

// MayApprove implements People.
func (a AccessPeople) MayApprove(ctx context.Context, p Person, word string) error {
	return a.of(p).MayApprove(ctx, p.ID, p.Team, word)
}

// MayActAlone implements People.
func (a AccessPeople) MayActAlone(ctx context.Context, p Person, word string) error {
	return a.of(p).MayActAlone(ctx, p.ID, p.Team, word)
}

// AtTerminal tells whether somebody acts from a terminal, where nobody vouches for who they say they are.
func (p Person) AtTerminal() bool { return p.Team == access.TerminalTeam }

func (a AccessPeople) of(p Person) *access.Access {
	if p.AtTerminal() && a.Terminal != nil {
		return a.Terminal
	}
	return a.Access // which takes somebody of a terminal for a stranger
}
