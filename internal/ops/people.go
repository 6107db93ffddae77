package ops

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/access"
)

// AccessPeople answers from the configuration and from what the chat tells of people.
type AccessPeople struct{ *access.Access }

var _ People = AccessPeople{}

// MayRun implements People.
func (a AccessPeople) MayRun(ctx context.Context, p Person, word string) error {
	return a.Allow(ctx, p.ID, p.Team, word)
}

// MayApprove implements People.
func (a AccessPeople) MayApprove(ctx context.Context, p Person, word string) error {
	return a.Access.MayApprove(ctx, p.ID, p.Team, word)
}

// MayActAlone implements People.
func (a AccessPeople) MayActAlone(ctx context.Context, p Person, word string) error {
	return a.Access.MayActAlone(ctx, p.ID, p.Team, word)
}
