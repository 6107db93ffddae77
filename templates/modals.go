package templates

import (
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// ModalView is what a modal about an incident needs.
type ModalView struct {
	Incident *incidents.Incident
	Now      time.Time
	Metadata string         // comes back with the answers; empty: the incident's key
	Policies *[3]PolicyText // for ModalLevel; nil: the incident's own
	Link     string         // for ModalMore: the card
	Report   string         // for ModalMore: the report
}

// PolicyText is the two times of a level.
type PolicyText struct{ Respond, Resolve time.Duration }

// The callbacks of the modals, and the ids of their inputs.
const (
	CallbackResolve   = "incident.resolve"   // InputCause, InputSolution, InputPrevention
	CallbackLevel     = "incident.level"     // InputLevel, InputReason
	CallbackCommander = "incident.commander" // InputPerson
	CallbackNote      = "incident.note"      // InputNote
	CallbackReopen    = "incident.reopen"    // InputReason
	CallbackOpen      = "incident.open"      // InputTitle, InputLevel
	CallbackMore      = "incident.more"      // buttons only: actions incident.level, .commander, .note, .reopen, .show

	InputCause      = "cause"
	InputSolution   = "solution"
	InputPrevention = "prevention"
	InputLevel      = "level"
	InputReason     = "reason"
	InputPerson     = "user"
	InputNote       = "text"
	InputTitle      = "title"
)

func (t *Templates) modal(v ModalView, callback, name string) View {
	m := View{Callback: callback, Metadata: v.Metadata, Title: t.label("modal." + name), Submit: t.label("modal." + name + ".submit"), Close: t.label("modal.cancel")}
	if v.Incident != nil {
		if m.Metadata == "" {
			m.Metadata = v.Incident.Key()
		}
		m.Blocks = append(m.Blocks, text(t.line("modal.incident", argsOf(v.Incident, v.Now))))
	}
	return m
}

func (t *Templates) long(id, name string, optional bool) Input {
	return Input{ID: id, Kind: InputLong, Label: t.label("input." + name), Placeholder: t.label("input." + name + ".example"), Optional: optional, MaxLength: 3000}
}

// ModalResolve asks for cause, solution and prevention.
func (t *Templates) ModalResolve(v ModalView) View {
	m := t.modal(v, CallbackResolve, "resolve")
	if n := len(v.Incident.Firing()); n > 0 || v.Incident.Truncated > 0 {
		m.Blocks = append(m.Blocks, text(t.lines("modal.resolve.firing", Args{Count: n, Total: v.Incident.Truncated})...))
	}
	r := v.Incident.Report
	m.Inputs = []Input{t.long(InputCause, "cause", false), t.long(InputSolution, "solution", false), t.long(InputPrevention, "prevention", true)}
	m.Inputs[0].Initial, m.Inputs[1].Initial, m.Inputs[2].Initial = r.Cause, r.Solution, r.Prevention
	return m
}

// ModalLevel asks for another level, and shows what the guide means by each.
func (t *Templates) ModalLevel(v ModalView) View {
	m := t.modal(v, CallbackLevel, "level")
	m.Inputs = []Input{
		t.levels(v, v.Incident.Level),
		{ID: InputReason, Kind: InputLong, Label: t.label("input.reason"), Placeholder: t.label("input.level_reason.example"), Optional: true, MaxLength: 500},
	}
	b := Block{Kind: List}
	for _, l := range incidents.Levels {
		b.Lines = append(b.Lines, t.line("modal.criteria", t.levelArgs(v, l)))
	}
	m.After = []Block{b, {Kind: Context, Lines: t.lines("modal.level.rule", Args{})}}
	return m
}

func (t *Templates) levelArgs(v ModalView, l incidents.Level) Args {
	a := Args{Level: l, Text: t.label("level." + l.String() + ".criteria")}
	switch {
	case v.Policies != nil:
		a.After, a.Late = v.Policies[l].Respond, v.Policies[l].Resolve
	case v.Incident != nil:
		a.After, a.Late = v.Incident.Policies.Levels[l].Respond, v.Incident.Policies.Levels[l].Resolve
	}
	return a
}

func (t *Templates) levels(v ModalView, initial incidents.Level) Input {
	in := Input{ID: InputLevel, Kind: InputSelect, Label: t.label("input.level"), Initial: initial.String()}
	for _, l := range incidents.Levels {
		o := Option{Value: l.String(), Label: t.plain("input.level.option", Args{Level: l})}
		if a := t.levelArgs(v, l); a.After > 0 {
			o.Description = t.plain("input.level.times", a)
		}
		in.Options = append(in.Options, o)
	}
	return in
}

// ModalCommander asks who commands.
func (t *Templates) ModalCommander(v ModalView) View {
	m := t.modal(v, CallbackCommander, "commander")
	m.Inputs = []Input{{ID: InputPerson, Kind: InputUser, Label: t.label("input.commander"), Hint: t.label("input.commander.hint"), Initial: v.Incident.Commander}}
	return m
}

// ModalNote asks for a note.
func (t *Templates) ModalNote(v ModalView) View {
	m := t.modal(v, CallbackNote, "note")
	m.Inputs = []Input{t.long(InputNote, "note", false)}
	return m
}

// ModalReopen asks why it is not over.
func (t *Templates) ModalReopen(v ModalView) View {
	m := t.modal(v, CallbackReopen, "reopen")
	m.Inputs = []Input{{ID: InputReason, Kind: InputLong, Label: t.label("input.reason"), Placeholder: t.label("input.reopen_reason.example"), MaxLength: 500}}
	return m
}

// ModalOpen asks what is wrong and how bad it is; text is what the message says that it was opened from.
func (t *Templates) ModalOpen(v ModalView, from string) View {
	m := t.modal(v, CallbackOpen, "open")
	m.Inputs = []Input{
		{ID: InputTitle, Kind: InputText, Label: t.label("input.title"), Placeholder: t.label("input.title.example"), Initial: cut(from, titleRunes), MaxLength: 200},
		t.levels(v, incidents.P1),
	}
	b := Block{Kind: List}
	for _, l := range incidents.Levels {
		b.Lines = append(b.Lines, t.line("modal.criteria", t.levelArgs(v, l)))
	}
	m.After = []Block{b}
	return m
}

// ModalMore offers what the card has no room for. Its buttons carry the incident's key like those of the card.
func (t *Templates) ModalMore(v ModalView) View {
	m := t.modal(v, CallbackMore, "more")
	m.Submit, m.Close = "", t.label("modal.close")
	key := v.Incident.Key()
	button := func(action string) Button {
		return Button{Action: action, Value: key, Label: t.label("button." + action)}
	}
	var bs []Button
	if v.Incident.State.Open() {
		bs = append(bs, button("incident.level"), button("incident.commander"))
	} else {
		bs = append(bs, button("incident.reopen"))
	}
	bs = append(bs, button("incident.note"), button("incident.show"))
	m.Blocks = append(m.Blocks, Block{Kind: Actions, Buttons: bs})
	links := t.cardLinks(CardView{Incident: v.Incident, Now: v.Now, Report: v.Report})
	if u, _, ok := webAddress(v.Link); ok {
		links = append([]Button{{Label: t.label("button.card"), URL: u}}, links...)
	}
	if len(links) > 0 {
		m.Blocks = append(m.Blocks, text(t.line("modal.more.links", Args{})), Block{Kind: Actions, Buttons: links})
	}
	return m
}
