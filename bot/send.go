package bot

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/internal/access"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

var (
	_ notify.Sender    = (*Bot)(nil)
	_ access.Directory = (*Bot)(nil)
	_ commands.Front   = (*Bot)(nil)
)

// metadataType is the event_type of every message that we post.
const metadataType = "notebookbot"

// Post posts a message. The answer tells where it stands, which is a D… channel when a person's id was given.
func (b *Bot) Post(ctx context.Context, p notify.Post) (notify.Posted, error) {
	if p.Message.File != nil {
		return b.upload(ctx, p)
	}
	form := b.form(p)
	form.Set("channel", p.Channel)
	form.Set("unfurl_links", "false") // Slack would fetch an address and show what it says
	form.Set("unfurl_media", "false")
	if p.Thread != "" {
		form.Set("thread_ts", p.Thread)
	}
	a, err := b.web.do(ctx, call{method: "chat.postMessage", form: form})
	if err != nil {
		return notify.Posted{}, err
	}
	at := notify.Posted{Channel: a.head.at("channel").text(), TS: a.head.at("ts").text()}
	if at.Channel == "" || at.TS == "" {
		return notify.Posted{}, failed("unreadable", true, false, nil)
	}
	if p.Thread != "" && a.head.at("message").exists() && a.head.at("message", "thread_ts").text() != p.Thread {
		// The root was deleted, so Slack showed the reply in the channel. It was told; telling it again would not mend that.
		b.metrics.unthreaded.Inc()
		b.log.WarnContext(ctx, "a reply was posted outside of its thread, whose root is gone", "key", p.Key, "channel", at.Channel)
	}
	return at, nil
}

// Edit replaces a message. Blocks, text and metadata are all sent, because Slack keeps or drops what is left out by rules of its
// own for each.
func (b *Bot) Edit(ctx context.Context, at notify.Posted, p notify.Post) error {
	form := b.form(p)
	form.Set("channel", at.Channel)
	form.Set("ts", at.TS)
	_, err := b.web.do(ctx, call{method: "chat.update", form: form, repeatable: true})
	return err
}

// form is what posting, editing and whispering have in common.
func (b *Bot) form(p notify.Post) url.Values {
	r := b.rendered(p.Message)
	payload := map[string]any{"key": p.Key}
	if p.State != "" {
		payload["state"] = p.State
	}
	form := url.Values{
		"text": {r.text}, "blocks": {r.wire},
		// The text is for notifications alone: no mentions, links or formatting are found in it.
		"parse": {"none"}, "link_names": {"false"}, "mrkdwn": {"false"},
	}
	if p.Key != "" {
		form.Set("metadata", encode(map[string]any{"event_type": metadataType, "event_payload": payload}))
	}
	return form
}

func (b *Bot) rendered(m templates.Message) rendered {
	r := b.render.message(m)
	for _, problem := range r.problems {
		b.log.Warn("part of a message was left out", "problem", problem)
	}
	return r
}

// Whisper shows a message to one person alone.
//
// A response URL needs no membership of the channel, but cannot answer into a thread; so in a thread the Web API goes first. A
// direct message is a person's own already: there it is a message like any other, and stays.
func (b *Bot) Whisper(ctx context.Context, user string, p notify.Post, responseURL string) error {
	usable := responseURL != "" && b.replies.usable(responseURL)
	if usable && p.Thread == "" {
		err := b.respond(ctx, p, responseURL)
		if err == nil || !permanent(err) {
			return err
		}
		usable = false // used up or too old
	}
	err := b.whisper(ctx, user, p)
	if usable && permanent(err) {
		return b.respond(ctx, p, responseURL)
	}
	return err
}

func (b *Bot) whisper(ctx context.Context, user string, p notify.Post) error {
	if p.Channel == "" {
		p.Channel, p.Thread = user, ""
	}
	if isDirect(p.Channel) {
		_, err := b.Post(ctx, p)
		return err
	}
	form := b.form(p)
	form.Del("metadata") // an ephemeral message can never be looked up
	form.Set("channel", p.Channel)
	form.Set("user", user)
	if p.Thread != "" {
		form.Set("thread_ts", p.Thread)
	}
	_, err := b.web.do(ctx, call{method: "chat.postEphemeral", form: form})
	return err
}

// isDirect tells whether an id is that of a direct message or of a person, to whom it leads.
func isDirect(channel string) bool {
	return strings.HasPrefix(channel, "D") || userID.MatchString(channel)
}

// respond answers to a response URL, which Slack lets us do five times within half an hour.
func (b *Bot) respond(ctx context.Context, p notify.Post, address string) error {
	r := b.rendered(p.Message)
	_, err := b.web.do(ctx, call{method: "response_url", url: address, json: map[string]any{
		"response_type": "ephemeral", "replace_original": false, "text": r.text, "blocks": raw(r.wire),
		"parse": "none", "mrkdwn": false, "unfurl_links": false, "unfurl_media": false,
	}})
	b.replies.used(address, permanent(err))
	return spent(err)
}

// spent names what a response URL answers when it is used up; it comes with status 404 or 410, which elsewhere is no refusal
// by Slack itself.
func spent(err error) error {
	var se *notify.SendError
	if errors.As(err, &se) && (se.Reason == "http_404" || se.Reason == "http_410") {
		return &notify.SendError{Fate: notify.Permanent, Reason: "expired_url"}
	}
	return err
}

func permanent(err error) bool {
	var se *notify.SendError
	return errors.As(spent(err), &se) && se.Fate == notify.Permanent
}

// OpenView opens a modal for the person whose trigger it is.
func (b *Bot) OpenView(ctx context.Context, trigger string, v templates.View) error {
	view, err := b.render.view(v)
	if err != nil {
		return &notify.SendError{Fate: notify.Permanent, Reason: "invalid_view", Err: err}
	}
	_, err = b.web.do(ctx, call{method: "views.open", json: map[string]any{"trigger_id": trigger, "view": view}})
	return err
}
