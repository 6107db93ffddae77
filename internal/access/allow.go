package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Reason says why somebody may not.
type Reason string

// The reasons of a refusal.
const (
	NotListed    Reason = "not_listed"    // not in the list that the rule names
	IsGuest      Reason = "guest"         // restricted or ultra-restricted
	IsDeleted    Reason = "deleted"       // no longer in the workspace
	IsBot        Reason = "bot"           // a program
	IsStranger   Reason = "stranger"      // of another workspace
	LookupFailed Reason = "lookup_failed" // the chat could not tell who that is; Err says why
	Nobody       Reason = "nobody"        // no one is configured who may
)

// Denied is a refusal.
type Denied struct {
	Reason Reason
	Word   string
	Class  Class
	Need   string   // the list one must stand in
	Ask    []string // who stands in it, when that is what is missing: users and groups
	Decide bool     // what was refused is to approve or to reject it, not to ask for it
	Err    error
}

func (d *Denied) Error() string {
	msg := fmt.Sprintf("%s: %s", d.Word, d.Reason)
	if d.Need != "" {
		msg += " (" + d.Need + ")"
	}
	if d.Err != nil {
		msg += ": " + d.Err.Error()
	}
	return msg
}

func (d *Denied) Unwrap() error { return d.Err }

var (
	errNoTeam   = errors.New("the bot does not know its own workspace yet")
	errNoUser   = errors.New("the request names nobody")
	errNoneSaid = errors.New("neither the request nor the chat tells the person's workspace")
)

// Allow tells whether a person of a workspace may run a command: nil, or *Denied. Word is the command's first word or its first
// two, such as "oncall" or "incident.list".
func (a *Access) Allow(ctx context.Context, user, team, word string) error {
	rule, ok := a.Rule(word)
	return a.in(ctx, user, team, word, rule, rule.Run, ok)
}

// MayApprove tells whether a person may approve, or reject, what the word asks for. That it is not their own request is not asked
// here.
func (a *Access) MayApprove(ctx context.Context, user, team, word string) error {
	rule, ok := a.Rule(word)
	err := a.in(ctx, user, team, word, rule, rule.Approve, ok)
	if denied, is := errors.AsType[*Denied](err); is {
		denied.Decide = true
	}
	return err
}

// MayActAlone tells whether a person may run what the word asks for without the approvals that it needs: who stands in the
// break-glass list, and could have asked.
func (a *Access) MayActAlone(ctx context.Context, user, team, word string) error {
	rule, ok := a.Rule(word)
	if err := a.in(ctx, user, team, word, rule, BreakGlass, ok); err != nil {
		return err
	}
	return a.in(ctx, user, team, word, rule, rule.Run, ok)
}

// in tells whether a person of our workspace stands in a list.
func (a *Access) in(ctx context.Context, user, team, word string, rule Rule, list string, ok bool) error {
	deny := func(why Reason, err error) error {
		return &Denied{Reason: why, Word: word, Class: rule.Class, Need: list, Err: err}
	}
	if why, err := a.known(ctx, user, team); why != "" {
		return deny(why, err)
	}
	if !ok {
		return deny(Nobody, nil)
	}
	if list == Everybody {
		return nil
	}
	in, some, err := a.listed(ctx, user, a.list(list))
	switch {
	case in:
		return nil
	case err != nil:
		return deny(LookupFailed, err)
	case !some:
		return deny(Nobody, nil)
	}
	return &Denied{Reason: NotListed, Word: word, Class: rule.Class, Need: list, Ask: a.Listed(list)}
}

// known tells why a person is none of us; an empty reason says that they are one.
func (a *Access) known(ctx context.Context, user, team string) (Reason, error) {
	ours := a.Team()
	switch {
	case user == "":
		return LookupFailed, errNoUser
	case ours == "":
		return LookupFailed, errNoTeam
	case team != "" && team != ours:
		return IsStranger, nil
	}
	p, err := a.people.get(ctx, user)
	switch {
	case err != nil:
		return LookupFailed, fmt.Errorf("looking up %s: %w", user, err)
	case p.ID != user:
		return LookupFailed, fmt.Errorf("looking up %s: the chat told of %q", user, p.ID)
	case p.Deleted:
		return IsDeleted, nil
	case p.Bot:
		return IsBot, nil
	case p.Stranger || (p.Team != "" && p.Team != ours):
		return IsStranger, nil
	case p.Guest:
		return IsGuest, nil
	case team == "" && p.Team == "":
		return LookupFailed, errNoneSaid
	}
	return "", nil
}

// listed tells whether a user stands in a list of users and groups, and whether anybody does. A group that cannot be looked up
// is an error unless the user is found elsewhere.
func (a *Access) listed(ctx context.Context, user string, ids []string) (in, some bool, err error) {
	if slices.Contains(ids, user) {
		return true, true, nil
	}
	var errs []error
	for _, id := range ids {
		if !isGroup(id) {
			some = some || id != ""
			continue
		}
		members, err := a.groups.get(ctx, id)
		if err != nil {
			errs = append(errs, fmt.Errorf("looking up the group %s: %w", id, err))
			continue
		}
		if slices.Contains(members, user) {
			return true, true, nil
		}
		some = some || len(members) > 0
	}
	return false, some, errors.Join(errs...)
}

// list gives the configured ids behind the name of a list. An unknown name is an empty list.
func (a *Access) list(name string) []string {
	switch name {
	case Operators:
		return a.cfg.Operators
	case Commanders:
		return a.cfg.Commanders
	case BreakGlass:
		return a.cfg.BreakGlass
	}
	return nil
}

// isGroup tells a user group's id from a user's.
func isGroup(id string) bool { return strings.HasPrefix(id, "S") }
