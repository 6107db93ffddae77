package slackfake

import (
	"io"
	"net/http"
	"time"
)

// responseURL is an address through which the bot answers an interaction.
type responseURL struct {
	kind      string // commands, actions, app
	channel   string
	user      string
	ts        string // of the message that was acted on
	thread    string
	ephemeral bool // that message is ephemeral
	made      time.Time
	uses      int
}

// newResponseURL makes an address. The lock is held.
func (s *Server) newResponseURL(r responseURL) string {
	r.made = time.Now()
	id := r.kind + "/" + s.cfg.Team.ID + "/" + s.id("r")
	s.replies[id] = &r
	return "http://" + s.addr + "/response/" + id
}

func (s *Server) serveResponseURL(w http.ResponseWriter, r *http.Request, id string) {
	a, _, err := readArgs(r)
	s.mu.Lock()
	to := s.replies[id]
	if to != nil && a.m != nil {
		a.m["channel"] = to.channel
	}
	s.mu.Unlock()
	rec := s.begin("response_url", a)
	if err != nil || !a.json {
		s.answer(w, rec, a, nil, &refusal{code: "invalid_payload", blame: true, status: http.StatusBadRequest})
		return
	}
	f := s.takeFault("response_url", a.text("channel"))
	if f != nil {
		rec.fault(s, f.Kind)
		if f.Kind == ErrorCode {
			s.answer(w, rec, a, nil, &refusal{code: f.Error, status: http.StatusNotFound})
			return
		}
	}
	if s.before(w, r, rec, f) {
		return
	}
	s.mu.Lock()
	no := s.respond(to, a)
	s.mu.Unlock()
	rec.done(s, no == nil)
	if s.after(w, rec, f) {
		return
	}
	if no != nil {
		s.answer(w, rec, a, nil, no)
		return
	}
	rec.end(s, http.StatusOK, nil)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok")
}

// respond does what a post to a response address says. Slack does not document the status of refused content; 400 was chosen, and
// 404 for addresses that are used up or too old. The lock is held.
func (s *Server) respond(to *responseURL, a args) *refusal {
	switch {
	case to == nil:
		return &refusal{code: "invalid_url", blame: true, status: http.StatusNotFound}
	case time.Since(to.made) > s.cfg.Times.ResponseLife:
		return &refusal{code: "expired_url", status: http.StatusNotFound}
	case to.uses >= s.cfg.Limits.ResponseUses:
		return &refusal{code: "used_url", status: http.StatusNotFound}
	}
	bad := func(code string, messages ...string) *refusal {
		return &refusal{code: code, messages: messages, blame: true, status: http.StatusBadRequest}
	}
	ch := s.channels[to.channel]
	if no := s.limitChannel(ch.ID); no != nil {
		return no
	}
	var original *Message
	if eph := s.ephemeral(to.channel, to.ts, to.user); to.ephemeral && eph != nil {
		original = &eph.Message
	} else if !to.ephemeral {
		original = ch.live(to.ts)
	}
	if a.flag("delete_original") {
		if a.text("text") != "" || a.flag("replace_original") {
			return bad("invalid_payload", "delete_original stands alone")
		}
		to.uses++
		s.erase(ch, to, original)
		return nil
	}
	body, no := s.readContent(a)
	if no != nil {
		no.status = http.StatusBadRequest
		return no
	}
	if body.empty() {
		return bad("no_text")
	}
	if a.flag("replace_original") {
		if to.kind == "commands" && to.ts == "" {
			return bad("invalid_payload", "a slash command has no message to replace")
		}
		to.uses++
		s.overwrite(ch, to, original, body)
		return nil
	}
	thread := a.text("thread_ts")
	switch kind := a.text("response_type"); {
	case kind == "in_channel":
		m := s.own(body)
		if root := ch.live(thread); thread != "" && root != nil {
			m.Thread = thread
		}
		to.uses++
		s.add(ch, m)
		s.announce(ch, m)
	case kind != "" && kind != "ephemeral":
		return bad("invalid_payload", "response_type "+kind)
	case thread != "":
		return bad("invalid_payload", "thread_ts needs response_type in_channel")
	default:
		to.uses++
		s.whisper(ch, to.user, "", body)
	}
	return nil
}

func (s *Server) erase(ch *channel, to *responseURL, original *Message) {
	switch {
	case original == nil:
	case to.ephemeral:
		original.Deleted, original.Version = true, s.bump()
	case original.Own:
		s.remove(ch, original)
	}
}

func (s *Server) overwrite(ch *channel, to *responseURL, original *Message, body content) {
	if original == nil || !original.Own {
		return
	}
	before := copyOf(original)
	original.Text, original.Blocks = body.text, body.blocks
	if body.hasAttachments {
		original.Attachments = body.attachments
	}
	original.Edits++
	original.Version = s.bump()
	if !to.ephemeral {
		s.announceChange(ch, original, before)
	}
}
