package slackfake

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Snapshot is the whole workspace at one moment.
type Snapshot struct {
	Version   int64           `json:"version"`
	Team      Team            `json:"team"`
	App       App             `json:"app"`
	Users     []User          `json:"users"`
	Groups    []Group         `json:"groups"`
	Channels  []ChannelState  `json:"channels"`
	Ephemeral []Ephemeral     `json:"ephemeral"`
	Views     map[string]View `json:"views"` // open modals by user: the top of each stack
	Homes     map[string]View `json:"homes"`
	Sockets   int             `json:"sockets"`
}

// ChannelState is a channel with its messages, threads among them, by time. Deleted messages are included.
type ChannelState struct {
	Channel
	Messages []Message `json:"messages"`
}

// Version grows with every change.
func (s *Server) Version() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// WaitChange waits until something has changed since that version, and returns the new one.
func (s *Server) WaitChange(ctx context.Context, since int64) (int64, error) {
	for {
		s.mu.Lock()
		version, changed := s.version, s.changed
		s.mu.Unlock()
		if version > since {
			return version, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return version, fmt.Errorf("waiting for a change: %w", ctx.Err())
		case <-s.ctx.Done():
			return version, fmt.Errorf("waiting for a change: %w", context.Canceled)
		}
	}
}

// Snapshot looks at everything.
func (s *Server) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Snapshot{
		Version: s.version, Team: s.cfg.Team, App: s.cfg.App, Views: map[string]View{}, Homes: map[string]View{},
		Sockets: s.registered() - len(s.ghosts),
	}
	for _, id := range s.userIDs {
		out.Users = append(out.Users, *s.users[id])
	}
	for _, g := range s.groups {
		out.Groups = append(out.Groups, g.copy())
	}
	for _, id := range s.order {
		ch := s.channels[id]
		state := ChannelState{Channel: ch.Channel, Messages: make([]Message, 0, len(ch.messages))}
		state.Members = slices.Clone(ch.Members)
		for _, m := range ch.messages {
			state.Messages = append(state.Messages, copyOf(m))
		}
		out.Channels = append(out.Channels, state)
	}
	for _, e := range s.ephemera {
		out.Ephemeral = append(out.Ephemeral, e.copy())
	}
	for user, stack := range s.stacks {
		if len(stack) > 0 {
			out.Views[user] = s.views[stack[len(stack)-1]].copy()
		}
	}
	for user, id := range s.homes {
		out.Homes[user] = s.views[id].copy()
	}
	return out
}

func (g *Group) copy() Group {
	out := *g
	out.Users = slices.Clone(g.Users)
	return out
}

func (e *Ephemeral) copy() Ephemeral {
	return Ephemeral{copyOf(&e.Message), e.For, e.Shown}
}

func (v *View) copy() View {
	out := *v
	out.Errors = maps.Clone(v.Errors)
	out.Values = make(map[string]map[string]any, len(v.Values))
	for k, m := range v.Values {
		out.Values[k] = maps.Clone(m)
	}
	return out
}

// Messages are the messages of a channel that are there now, replies among them, oldest first.
func (s *Server) Messages(channel string) []Message {
	return s.pick(channel, func(m *Message) bool { return !m.Deleted })
}

// Thread is a root and its replies, oldest first.
func (s *Server) Thread(channel, ts string) []Message {
	return s.pick(channel, func(m *Message) bool { return !m.Deleted && (m.TS == ts || m.Thread == ts) })
}

// Roots are the messages of a channel that are no replies, oldest first.
func (s *Server) Roots(channel string) []Message {
	return s.pick(channel, func(m *Message) bool { return !m.Deleted && m.Thread == "" })
}

func (s *Server) pick(channelID string, want func(*Message) bool) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channels[channelID]
	if ch == nil {
		return nil
	}
	var out []Message
	for _, m := range ch.messages {
		if want(m) {
			out = append(out, copyOf(m))
		}
	}
	return out
}

// Message is one message; false when it is not there (any more).
func (s *Server) Message(channel, ts string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channels[channel]
	if ch == nil {
		return Message{}, false
	}
	m := ch.live(ts)
	if m == nil {
		return Message{}, false
	}
	return copyOf(m), true
}

// Ephemerals are the ephemeral messages that a person saw, oldest first. Deleted ones are left out.
func (s *Server) Ephemerals(user string) []Ephemeral {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Ephemeral
	for _, e := range s.ephemera {
		if e.For == user && !e.Deleted && e.Shown {
			out = append(out, e.copy())
		}
	}
	return out
}

// View is a modal or a home tab; false when there is none of that id.
func (s *Server) View(id string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[id]
	if v == nil {
		return View{}, false
	}
	return v.copy(), true
}

// Views is a person's stack of open modals, the top last.
func (s *Server) Views(user string) []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []View
	for _, id := range s.stacks[user] {
		out = append(out, s.views[id].copy())
	}
	return out
}

// Home is a person's home tab; false when none was published.
func (s *Server) Home(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[s.homes[user]]
	if v == nil {
		return View{}, false
	}
	return v.copy(), true
}
