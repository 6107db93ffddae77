package commands

import (
	"errors"
	"strings"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

// Refusal is an error that people understand: the name of a sentence and what it speaks of.
type Refusal struct {
	Name string // one of the sentences of templates
	Args templates.Args
	Err  error // what led to it, if anything did

	family  string       // of commands: help on it is the answer
	problem *ops.Problem // of an operation that was not planned
}

func (r *Refusal) Error() string {
	msg := "refused: " + r.Name
	if r.Err != nil {
		msg += ": " + r.Err.Error()
	}
	return msg
}

func (r *Refusal) Unwrap() error { return r.Err }

func refuse(name string, a templates.Args) error { return &Refusal{Name: name, Args: a} }

// wrongUsage shows how a command is written.
func wrongUsage(c *command) error {
	return refuse(templates.WrongUsage, templates.Args{Word: c.words})
}

// domainErrors are what an incident can say against an event. Anything else that a transaction ends with is the store's.
var domainErrors = sayings{
	{incidents.ErrNotFound, templates.NoSuch},
	{incidents.ErrNotOpen, templates.AlreadyOver},
	{incidents.ErrOpen, templates.AlreadyOpen},
	{incidents.ErrSuperseded, templates.Superseded},
	{incidents.ErrLadderEnd, templates.LadderEnd},
	{incidents.ErrEmpty, templates.EmptyText},
	{incidents.ErrLevel, templates.NotALevel},
}

// fromDomain turns what an incident said against an event into a refusal; other errors come back as they are. In is the
// incident as it is, or nil; for ErrSuperseded it is the newer one.
func fromDomain(err error, c *command, number int64, in *incidents.Incident) error {
	r, ok := domainErrors.refuse(err, incidents.Key(number))
	switch {
	case !ok:
		return err
	case r.Name == templates.EmptyText:
		r.Args.Word = c.words
	case r.Name == templates.Superseded && in != nil:
		r.Args.Word = in.Key()
	case in != nil:
		r.Args.State = in.State
	}
	return r
}

// sayings are errors with the sentences that explain them.
type sayings []struct {
	err  error
	name string
}

// refuse makes a refusal of an error about what has that key. False: the error has no sentence.
func (s sayings) refuse(err error, key string) (*Refusal, bool) {
	for _, one := range s {
		if errors.Is(err, one.err) {
			return &Refusal{Name: one.name, Args: templates.Args{Key: key}, Err: err}, true
		}
	}
	return nil, false
}

// reasonOf is why a request was refused, as the audit log keeps it: the name of a sentence, or of what access found.
func reasonOf(err error) string {
	if denied, ok := errors.AsType[*access.Denied](err); ok {
		return string(denied.Reason)
	}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Name
	}
	return ""
}

// Explain turns an error into a sentence for the person who asked. False: the error is none of theirs; it belongs into the
// log with a reference, and the person gets the reference.
func Explain(t *templates.Templates, err error) (templates.Message, bool) {
	var refusal *Refusal
	var denied *access.Denied
	switch {
	case errors.As(err, &refusal) && refusal.problem != nil:
		p := refusal.problem
		m, ok := t.Problem(p, nearest(fold(p.Name), p.Names))
		if !ok {
			return t.Sentence(templates.NotPlanned, templates.Args{Text: p.Error()}), true
		}
		return m, true
	case errors.As(err, &refusal) && refusal.family != "":
		return t.HelpTopic(templates.Topic{Word: refusal.family}), true
	case errors.As(err, &refusal):
		return t.Sentence(refusal.Name, refusal.Args), true
	case errors.As(err, &denied):
		return explainDenied(t, denied), true
	}
	return templates.Message{}, false
}

func explainDenied(t *templates.Templates, d *access.Denied) templates.Message {
	switch {
	case errors.Is(d, access.ErrNotVouched):
		return t.Sentence(templates.NotVouched, templates.Args{})
	case errors.Is(d, access.ErrGroups):
		return t.Sentence(templates.NoGroups, templates.Args{Word: "people." + d.Need})
	}
	switch d.Reason {
	case access.LookupFailed:
		return t.Sentence(templates.LookupFailed, templates.Args{})
	case access.IsGuest:
		return t.Sentence(templates.GuestsNever, templates.Args{})
	case access.IsStranger:
		return t.Sentence(templates.OwnWorkspace, templates.Args{})
	case access.Nobody:
		switch d.Need {
		case "": // a word that nobody may ever
		case access.BreakGlass:
			return t.Sentence(templates.NotConfigured, templates.Args{Word: d.Need})
		default:
			return t.Sentence(templates.NotConfigured, templates.Args{Word: "people." + d.Need})
		}
	}
	ask := templates.Target{}
	for _, id := range d.Ask[:min(len(d.Ask), maxAsk)] {
		if strings.HasPrefix(id, "S") {
			ask.Groups = append(ask.Groups, id)
		} else {
			ask.Users = append(ask.Users, id)
		}
	}
	a := templates.Args{Word: strings.Replace(d.Word, ".", " ", 1), Class: string(d.Class)}
	if len(d.Ask) > 0 {
		a.Told = []templates.Target{ask}
	}
	if d.Decide {
		return t.Sentence(templates.NotAnApprover, a)
	}
	return t.Sentence(templates.NotAllowed, a)
}

// maxAsk is how many people a refusal names whom one can ask.
const maxAsk = 5
