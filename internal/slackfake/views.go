package slackfake

import (
	"slices"
	"strings"
	"time"
)

const (
	maxViewBytes = 250_000
	maxStack     = 3
)

// View is a modal or a home tab as its person sees it.
type View struct {
	ID            string                    `json:"id"`
	User          string                    `json:"user"`
	Type          string                    `json:"type"`
	Callback      string                    `json:"callback_id,omitempty"`
	Metadata      string                    `json:"private_metadata,omitempty"`
	ExternalID    string                    `json:"external_id,omitempty"`
	Title         string                    `json:"title,omitempty"`
	Submit        string                    `json:"submit,omitempty"`
	Close         string                    `json:"close,omitempty"`
	Blocks        []Block                   `json:"blocks"`
	Hash          string                    `json:"hash"`
	Root          string                    `json:"root_view_id"`
	Previous      string                    `json:"previous_view_id,omitempty"`
	ClearOnClose  bool                      `json:"clear_on_close,omitempty"`
	NotifyOnClose bool                      `json:"notify_on_close,omitempty"`
	Errors        map[string]string         `json:"errors,omitempty"`  // shown under the inputs, by block_id
	Trouble       string                    `json:"trouble,omitempty"` // shown above the buttons: the bot did not answer
	Values        map[string]map[string]any `json:"values,omitempty"`  // typed so far: block_id, action_id, value object
	Trigger       string                    `json:"trigger,omitempty"` // that opened it
	Closed        bool                      `json:"closed,omitempty"`
	At            time.Time                 `json:"at"`
	Version       int64                     `json:"version"`

	raw map[string]any
}

// readView checks the view argument. A modal opens in front of a person, a home stays.
func (s *Server) readView(a args, kind string) (*View, *refusal) {
	v, present, err := a.value("view")
	m, isObject := v.(map[string]any)
	if err != nil || !present || !isObject {
		return nil, faulty("invalid_arguments", "missing required field: view")
	}
	if len(encode(m)) > maxViewBytes {
		return nil, faulty("view_too_large")
	}
	if t := str(m["type"]); t != kind {
		return nil, faulty("invalid_arguments", "must be "+kind+" [json-pointer:/view/type]")
	}
	blocks, errs := s.checkView(m, kind)
	if len(errs) > 0 {
		return nil, faulty("invalid_arguments", errs...)
	}
	label := func(key string) string {
		t, _ := m[key].(map[string]any)
		return str(t["text"])
	}
	flag := func(key string) bool {
		b, _ := m[key].(bool)
		return b
	}
	out := &View{
		Type: kind, Callback: str(m["callback_id"]), Metadata: str(m["private_metadata"]), ExternalID: str(m["external_id"]),
		Title: label("title"), Submit: label("submit"), Close: label("close"), Blocks: blocks,
		ClearOnClose: flag("clear_on_close"), NotifyOnClose: flag("notify_on_close"), raw: m,
	}
	return out, nil
}

// keepView gives a new view its identity. The lock is held.
func (s *Server) keepView(v *View, user, trigger string) {
	v.ID, v.User, v.Trigger, v.At = s.id("V"), user, trigger, s.now()
	v.Root = v.ID
	s.touch(v)
	s.views[v.ID] = v
}

func (s *Server) touch(v *View) {
	v.Version = s.bump()
	s.serial++
	v.Hash = itoa(int(s.now().Unix())) + "." + itoa(int(s.serial))
}

func (s *Server) duplicateExternal(v *View, except string) *refusal {
	for _, o := range s.views {
		if v.ExternalID != "" && o.ExternalID == v.ExternalID && !o.Closed && o.ID != except {
			return faulty("duplicate_external_id")
		}
	}
	return nil
}

func (s *Server) viewsOpen(c *call) (map[string]any, *refusal) {
	v, no := s.readView(c.args, "modal")
	if no == nil {
		no = s.duplicateExternal(v, "")
	}
	if no != nil {
		return nil, no
	}
	t, no := s.useTrigger(c.text("trigger_id"))
	if no != nil {
		return nil, no
	}
	for _, id := range s.stacks[t.user] {
		s.views[id].Closed = true
	}
	s.keepView(v, t.user, c.text("trigger_id"))
	s.stacks[t.user] = []string{v.ID}
	return map[string]any{"view": s.viewShape(v)}, nil
}

func (s *Server) viewsPush(c *call) (map[string]any, *refusal) {
	v, no := s.readView(c.args, "modal")
	if no == nil {
		no = s.duplicateExternal(v, "")
	}
	if no != nil {
		return nil, no
	}
	t, no := s.useTrigger(c.text("trigger_id"))
	if no != nil {
		return nil, no
	}
	if len(s.stacks[t.user]) == 0 || t.view == "" {
		return nil, refuse("not_found")
	}
	if no := s.push(v, t.user, c.text("trigger_id")); no != nil {
		return nil, no
	}
	return map[string]any{"view": s.viewShape(v)}, nil
}

func (s *Server) push(v *View, user, trigger string) *refusal {
	stack := s.stacks[user]
	if len(stack) >= maxStack {
		return faulty("push_limit_reached")
	}
	s.keepView(v, user, trigger)
	v.Root, v.Previous = stack[0], stack[len(stack)-1]
	s.stacks[user] = append(stack, v.ID)
	return nil
}

func (s *Server) viewsUpdate(c *call) (map[string]any, *refusal) {
	old := s.views[c.text("view_id")]
	if ext := c.text("external_id"); old == nil && ext != "" {
		for _, v := range s.views {
			if v.ExternalID == ext && !v.Closed {
				old = v
			}
		}
	}
	if c.text("view_id") == "" && c.text("external_id") == "" {
		return nil, faulty("invalid_arguments", "view_id or external_id is needed")
	}
	kind := "modal"
	if old != nil {
		kind = old.Type
	}
	v, no := s.readView(c.args, kind)
	if no != nil {
		return nil, no
	}
	if old == nil || old.Closed {
		return nil, refuse("not_found")
	}
	if h := c.text("hash"); h != "" && h != old.Hash {
		return nil, refuse("hash_conflict")
	}
	if no := s.duplicateExternal(v, old.ID); no != nil {
		return nil, no
	}
	s.replace(old, v)
	return map[string]any{"view": s.viewShape(old)}, nil
}

// replace puts new content into a view that stays where it is. What was typed stays where block_id and action_id stay.
func (s *Server) replace(old, v *View) {
	id, user, trigger, at, root, previous, values := old.ID, old.User, old.Trigger, old.At, old.Root, old.Previous, old.Values
	*old = *v
	old.ID, old.User, old.Trigger, old.At, old.Root, old.Previous = id, user, trigger, at, root, previous
	old.Values = map[string]map[string]any{}
	for _, in := range inputsOf(old.Blocks) {
		if kept, ok := values[in.block][in.action]; ok {
			old.Values[in.block] = map[string]any{in.action: kept}
		}
	}
	s.touch(old)
}

func (s *Server) viewsPublish(c *call) (map[string]any, *refusal) {
	if !s.cfg.HomeTab {
		return nil, refuse("not_enabled")
	}
	user := s.users[c.text("user_id")]
	if user == nil {
		return nil, faulty("invalid_arguments", "user_id is no user of the workspace")
	}
	v, no := s.readView(c.args, "home")
	if no != nil {
		return nil, no
	}
	old := s.views[s.homes[user.ID]]
	if h := c.text("hash"); h != "" && (old == nil || h != old.Hash) {
		return nil, refuse("hash_conflict")
	}
	if old != nil {
		s.replace(old, v)
		return map[string]any{"view": s.viewShape(old)}, nil
	}
	s.keepView(v, user.ID, "")
	s.homes[user.ID] = v.ID
	return map[string]any{"view": s.viewShape(v)}, nil
}

// viewShape is a view as the API and payloads show it.
func (s *Server) viewShape(v *View) map[string]any {
	values := map[string]any{}
	for block, m := range v.Values {
		values[block] = m
	}
	out := map[string]any{
		"id": v.ID, "team_id": s.cfg.Team.ID, "type": v.Type, "callback_id": v.Callback, "private_metadata": v.Metadata,
		"external_id": v.ExternalID, "blocks": v.Blocks, "hash": v.Hash, "clear_on_close": v.ClearOnClose,
		"notify_on_close": v.NotifyOnClose, "root_view_id": v.Root, "previous_view_id": nil, "app_id": s.cfg.App.ID,
		"app_installed_team_id": s.cfg.Team.ID, "bot_id": s.cfg.App.BotID, "state": map[string]any{"values": values},
	}
	if v.Blocks == nil {
		out["blocks"] = []Block{}
	}
	if v.Previous != "" {
		out["previous_view_id"] = v.Previous
	}
	for _, key := range []string{"title", "submit", "close"} {
		out[key] = v.raw[key]
	}
	return out
}

// pop takes a view and all above it from the stack. The lock is held.
func (s *Server) pop(v *View) {
	stack := s.stacks[v.User]
	i := slices.Index(stack, v.ID)
	if i < 0 {
		return
	}
	for _, id := range stack[i:] {
		s.views[id].Closed = true
	}
	s.stacks[v.User] = stack[:i]
	v.Version = s.bump()
}

// viewAck does what the acknowledgement of a submission says: nothing closes the view.
func (s *Server) viewAck(v *View, ack []byte) string {
	if len(ack) == 0 {
		s.pop(v)
		return ""
	}
	const trouble = "We had some trouble connecting. Try again?"
	decoded, err := decodeJSON(ack)
	m, ok := decoded.(map[string]any)
	if err != nil || !ok {
		s.blame("ack view_submission", "the payload is no object")
		v.Trouble = trouble
		return trouble
	}
	bad := func(what string) string {
		s.blame("ack view_submission", what)
		v.Trouble = trouble
		v.Version = s.bump()
		return trouble
	}
	switch action := str(m["response_action"]); action {
	case "clear":
		for len(s.stacks[v.User]) > 0 {
			s.pop(s.views[s.stacks[v.User][0]])
		}
	case "errors":
		errs, _ := m["errors"].(map[string]any)
		if len(errs) == 0 {
			return bad("response_action errors without errors")
		}
		v.Errors = map[string]string{}
		for block, text := range errs {
			if !slices.ContainsFunc(inputsOf(v.Blocks), func(in input) bool { return in.block == block }) {
				return bad("errors for " + block + ", which is no input block of the view")
			}
			v.Errors[block] = str(text)
		}
		v.Version = s.bump()
		return strings.Join(sortedValues(v.Errors), "; ")
	case "update", "push":
		next, no := s.readView(args{m: m}, "modal")
		if no == nil && action == "push" {
			no = s.push(next, v.User, "")
		}
		if no != nil {
			return bad(no.code + ": " + strings.Join(no.messages, "; "))
		}
		if action == "update" {
			s.replace(v, next)
		}
	default:
		return bad("response_action " + action)
	}
	return ""
}
