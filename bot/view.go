package bot

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/ai-notebook/notebookbot/templates"
)

const (
	maxTitle       = 24 // title, submit, close of a modal
	maxMetadata    = 3000
	maxPlaceholder = 150
	maxInputLabel  = 2000
	maxOptions     = 100
	maxOption      = 75
	maxOptionValue = 150
	maxAnswer      = 3000
	maxView        = 240_000 // bytes of the whole as JSON; Slack takes 250 kB
	// inputAction is the action_id of every input; the block_id names the answer.
	inputAction = "v"
)

// errView says that a view cannot be shown as it is, because a shortened form of it would mean something else.
var errView = errors.New("a view that Slack would refuse")

// view renders a modal.
func (r renderer) view(v templates.View) (slack.ModalViewRequest, error) {
	out := slack.ModalViewRequest{Type: slack.VTModal, CallbackID: v.Callback, PrivateMetadata: v.Metadata}
	switch {
	case utf8.RuneCountInString(v.Metadata) > maxMetadata:
		return out, fmt.Errorf("%w: metadata over %d", errView, maxMetadata)
	case len(v.Callback) > maxID:
		return out, fmt.Errorf("%w: callback over %d", errView, maxID)
	case oneLine(v.Title) == "":
		return out, fmt.Errorf("%w: no title", errView)
	case len(v.Inputs) > 0 && oneLine(v.Submit) == "":
		return out, fmt.Errorf("%w: questions and nothing to send them with", errView)
	case len(v.Inputs) >= maxViewBlocks:
		return out, fmt.Errorf("%w: %d questions", errView, len(v.Inputs))
	}
	out.Title = plainText(oneLine(v.Title), maxTitle)
	out.Submit = optional(v.Submit, maxTitle)
	out.Close = optional(v.Close, maxTitle)

	inputs, err := r.inputs(v.Inputs)
	if err != nil {
		return out, err
	}
	for rows := maxViewBlocks; ; rows /= 2 {
		out.Blocks.BlockSet = r.around(v, inputs, rows)
		if rows == 0 || len(encode(out)) <= maxView {
			break
		}
	}
	if len(out.Blocks.BlockSet) == 0 {
		return out, fmt.Errorf("%w: empty", errView)
	}
	return out, nil
}

// around puts the other blocks above and below the questions, with at most so many rows of buttons,
// and text in proportion.
func (r renderer) around(v templates.View, inputs []slack.Block, rows int) []slack.Block {
	p := &page{loc: r.loc, prefix: r.prefix(), limit: maxViewBlocks - len(inputs) - 1, room: maxMessage * rows / maxViewBlocks, rows: rows}
	p.fill(v.Blocks, false)
	top := len(p.blocks)
	p.fill(v.After, false)
	if p.dropped > 0 && p.dropAt < top {
		top++
	}
	p.countLine()
	out := slices.Clone(p.blocks[:top])
	out = append(out, inputs...)
	return append(out, p.blocks[top:]...)
}

func optional(s string, limit int) *slack.TextBlockObject {
	if s = oneLine(s); s == "" {
		return nil
	}
	return plainText(s, limit)
}

func (r renderer) inputs(ins []templates.Input) ([]slack.Block, error) {
	seen := map[string]bool{}
	var out []slack.Block
	for _, in := range ins {
		if in.ID == "" || len(in.ID) > maxID || seen[in.ID] {
			return nil, fmt.Errorf("%w: question %q has no id of its own", errView, in.ID)
		}
		seen[in.ID] = true
		e, err := inputElement(in)
		if err != nil {
			return nil, err
		}
		label := oneLine(in.Label)
		if label == "" {
			label = in.ID
		}
		b := slack.NewInputBlock(in.ID, plainText(label, maxInputLabel), optional(in.Hint, maxInputLabel), e)
		out = append(out, b.WithOptional(in.Optional))
	}
	return out, nil
}

func inputElement(in templates.Input) (slack.BlockElement, error) {
	switch in.Kind {
	case templates.InputText, templates.InputLong:
		limit := in.MaxLength
		if limit <= 0 || limit > maxAnswer {
			limit = maxAnswer
		}
		initial := clean(in.Initial)
		if in.Kind == templates.InputText {
			initial = oneLine(in.Initial)
		}
		return &slack.PlainTextInputBlockElement{
			Type: slack.METPlainTextInput, ActionID: inputAction, Multiline: in.Kind == templates.InputLong,
			Placeholder: optional(in.Placeholder, maxPlaceholder), InitialValue: cut(initial, limit), MaxLength: limit,
		}, nil
	case templates.InputUser:
		e := &slack.SelectBlockElement{
			Type: slack.OptTypeUser, ActionID: inputAction, Placeholder: optional(in.Placeholder, maxPlaceholder),
		}
		if userID.MatchString(in.Initial) {
			e.InitialUser = in.Initial
		}
		return e, nil
	case templates.InputSelect:
		return selectElement(in)
	}
	return nil, fmt.Errorf("%w: question %q of kind %q", errView, in.ID, in.Kind)
}

func selectElement(in templates.Input) (slack.BlockElement, error) {
	if len(in.Options) == 0 || len(in.Options) > maxOptions {
		return nil, fmt.Errorf("%w: question %q has %d options", errView, in.ID, len(in.Options))
	}
	e := &slack.SelectBlockElement{
		Type: slack.OptTypeStatic, ActionID: inputAction, Placeholder: optional(in.Placeholder, maxPlaceholder),
	}
	for _, o := range in.Options {
		if o.Value == "" || utf8.RuneCountInString(o.Value) > maxOptionValue {
			return nil, fmt.Errorf("%w: an option of question %q is empty or too long", errView, in.ID)
		}
		label := oneLine(o.Label)
		if label == "" {
			label = o.Value
		}
		opt := slack.NewOptionBlockObject(o.Value, plainText(label, maxOption), optional(o.Description, maxOption))
		e.Options = append(e.Options, opt)
		if o.Value == in.Initial {
			e.InitialOption = opt
		}
	}
	return e, nil
}
