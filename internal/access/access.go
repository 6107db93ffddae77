// Package access knows the people: who may, who is asked, who is told, who is on call.
//
// It refuses unless it can allow: an empty list, a failed look-up, a guest, a bot, a deleted user or a person of another
// workspace means no.
package access

import "context"

// Person is what the chat knows of a user.
type Person struct {
	ID       string
	Team     string
	Name     string
	Deleted  bool
	Bot      bool
	Guest    bool // restricted or ultra-restricted
	Stranger bool // of another workspace
	TimeZone string
}

// Directory looks people up in the chat. Errors mean "not known", and not known means no.
type Directory interface {
	// Person gives the user of that id.
	Person(ctx context.Context, id string) (Person, error)
	// Members gives the user ids of a user group (S…).
	Members(ctx context.Context, group string) ([]string, error)
}
