package console

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// wait is how long the page's question for news is held open; keep is how many messages of a channel it gets.
const (
	wait = 20 * time.Second
	keep = 200
)

type state struct {
	Version  int64             `json:"version"`
	Me       string            `json:"me"`
	Locale   string            `json:"locale"`
	Team     string            `json:"team"` // its domain, for links to messages
	Hold     int               `json:"hold"` // seconds
	Absent   map[string]string `json:"absent,omitempty"`
	People   []Person          `json:"people"`
	Names    map[string]string `json:"names"` // of everybody, by user id
	Groups   []slackfake.Group `json:"groups"`
	Channels []room            `json:"channels"`
	View     *view             `json:"view"`
	Alerts   []Alert           `json:"alerts"`

	Shortcuts []Shortcut `json:"shortcuts"`
	Commands  []string   `json:"commands"`
}

type room struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Direct   bool              `json:"direct,omitempty"`
	Topic    map[string]string `json:"topic,omitempty"`
	Messages []post            `json:"messages"`
}

type post struct {
	Channel   string            `json:"channel"`
	TS        string            `json:"ts"`
	User      string            `json:"user"`
	Name      string            `json:"name"`
	Bot       bool              `json:"bot,omitempty"`
	Ephemeral bool              `json:"ephemeral,omitempty"`
	Edited    bool              `json:"edited,omitempty"`
	Text      string            `json:"text"`
	Blocks    []slackfake.Block `json:"blocks,omitempty"`
	Files     []slackfake.File  `json:"files,omitempty"`
	Replies   []post            `json:"replies,omitempty"`
}

type view struct {
	ID     string            `json:"id"`
	Hash   string            `json:"hash"`
	Title  string            `json:"title"`
	Submit string            `json:"submit,omitempty"`
	Close  string            `json:"close,omitempty"`
	Blocks []slackfake.Block `json:"blocks"`
	Errors map[string]string `json:"errors,omitempty"`
}

// state tells what the person sees. With since, the version that the page has, it waits until something is newer.
func (c *Console) state(w http.ResponseWriter, r *http.Request) {
	since, err := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	if err == nil && since >= 0 {
		if _, err := c.cfg.Slack.WaitChange(ctx, since); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			http.Error(w, "the demo is ending", http.StatusServiceUnavailable)
			return
		}
	}
	me := r.URL.Query().Get("as")
	if !c.plays(me) {
		me = c.cfg.People[0].ID
	}
	reply(w, c.look(me))
}

// look is the workspace as one person sees it.
func (c *Console) look(me string) state {
	snap := c.cfg.Slack.Snapshot()
	names := map[string]string{}
	for _, u := range snap.Users {
		names[u.ID] = u.Name
	}
	for _, p := range c.cfg.People {
		names[p.ID] = p.Name
	}
	s := state{
		Version: snap.Version, Me: me, Locale: c.cfg.Locale, Team: snap.Team.Domain, Hold: int(c.cfg.Hold.Seconds()), Absent: c.cfg.Absent,
		People: c.cfg.People, Names: names, Groups: snap.Groups, Alerts: c.cfg.Alerts, Shortcuts: c.cfg.Shortcuts, Commands: c.cfg.Commands,
	}
	for _, ch := range snap.Channels {
		if ch.Archived || !slices.Contains(ch.Members, me) && ch.Direct != me {
			continue
		}
		s.Channels = append(s.Channels, c.room(ch, snap, me, names))
	}
	if v, ok := snap.Views[me]; ok {
		s.View = &view{v.ID, v.Hash, v.Title, v.Submit, v.Close, v.Blocks, v.Errors}
	}
	return s
}

// file gives a file that stands in a message which the person sees.
func (c *Console) file(w http.ResponseWriter, r *http.Request) {
	me, id := r.URL.Query().Get("as"), r.PathValue("id")
	seen := false
	for _, room := range c.look(me).Channels {
		for _, p := range room.Messages {
			for _, post := range append([]post{p}, p.Replies...) {
				seen = seen || slices.ContainsFunc(post.Files, func(f slackfake.File) bool { return f.ID == id })
			}
		}
	}
	data, ok := c.cfg.Slack.FileData(id)
	if !ok || !seen || !c.plays(me) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", "attachment")
	_, _ = w.Write(data) //nolint:gosec // As plain text and an attachment.
}

func (c *Console) room(ch slackfake.ChannelState, snap slackfake.Snapshot, me string, names map[string]string) room {
	r := room{ID: ch.ID, Name: ch.Name, Topic: c.cfg.Topics[ch.ID], Messages: []post{}}
	if ch.Direct != "" {
		r.Name, r.Direct = snap.App.Name, true
	}
	all := slices.Clone(ch.Messages)
	only := map[string]bool{}
	for _, e := range snap.Ephemeral {
		if e.Channel == ch.ID && e.For == me && e.Shown && !e.Deleted {
			all = append(all, e.Message)
			only[e.TS] = true
		}
	}
	slices.SortStableFunc(all, func(a, b slackfake.Message) int { return a.At.Compare(b.At) })
	at := map[string]int{}
	for _, m := range all {
		if m.Deleted {
			continue
		}
		p := post{
			Channel: m.Channel, TS: m.TS, User: m.User, Name: names[m.User], Bot: m.Own, Ephemeral: only[m.TS], Edited: m.Edited,
			Text: m.Text, Blocks: m.Blocks, Files: m.Files,
		}
		if p.Bot {
			p.Name = snap.App.Name
		}
		if i, ok := at[m.Thread]; ok && m.Thread != "" {
			r.Messages[i].Replies = append(r.Messages[i].Replies, p)
			continue
		}
		at[m.TS] = len(r.Messages)
		r.Messages = append(r.Messages, p)
	}
	if n := len(r.Messages) - keep; n > 0 {
		r.Messages = r.Messages[n:]
	}
	return r
}
