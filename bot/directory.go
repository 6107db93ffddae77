package bot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/ai-notebook/notebookbot/internal/access"
)

// errNobody says that Slack's answer does not name who was asked for.
var errNobody = errors.New("the answer names nobody")

// Person gives the user of that id.
func (b *Bot) Person(ctx context.Context, id string) (access.Person, error) {
	a, err := b.web.do(ctx, call{method: "users.info", form: url.Values{"user": {id}}, repeatable: true})
	if err != nil {
		return access.Person{}, fmt.Errorf("user %s: %w", id, err)
	}
	u := a.head.at("user")
	if got := u.at("id").text(); got != id {
		return access.Person{}, fmt.Errorf("user %s: %w", id, errNobody)
	}
	self, err := b.identify(ctx)
	if err != nil {
		return access.Person{}, fmt.Errorf("user %s: %w", id, err)
	}
	p := access.Person{
		ID: id, Team: first(u.at("team_id"), u.at("profile", "team")),
		Name:     oneLine(first(u.at("profile", "display_name"), u.at("real_name"), u.at("name"))),
		Deleted:  u.at("deleted").yes(),
		Bot:      u.at("is_bot").yes() || u.at("is_workflow_bot").yes() || u.at("is_connector_bot").yes() || id == "USLACKBOT",
		Guest:    u.at("is_restricted").yes() || u.at("is_ultra_restricted").yes(),
		Stranger: u.at("is_stranger").yes(),
		TimeZone: u.at("tz").text(),
	}
	// On Enterprise Grid a colleague's team may be another workspace of the same organisation; is_stranger is then absent.
	if p.Team != self.team && (self.enterprise == "" || u.at("enterprise_user", "enterprise_id").text() != self.enterprise) {
		p.Stranger = true
	}
	return p, nil
}

// Members gives the user ids of a user group.
func (b *Bot) Members(ctx context.Context, group string) ([]string, error) {
	a, err := b.web.do(ctx, call{method: "usergroups.users.list", form: url.Values{"usergroup": {group}}, repeatable: true})
	if err != nil {
		return nil, fmt.Errorf("user group %s: %w", group, err)
	}
	var out []string
	for _, u := range a.head.at("users").list() {
		if id := u.text(); userID.MatchString(id) {
			out = append(out, id)
		}
	}
	return out, nil
}

// self is who we are in Slack.
type self struct{ user, bot, team, enterprise, url string }

// identity keeps who we are once Slack has told.
type identity struct {
	mu    sync.Mutex
	known self
}

func (i *identity) get() (self, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.known, i.known.user != ""
}

func (i *identity) set(s self) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.known = s
}

// identify asks Slack who we are, once.
func (b *Bot) identify(ctx context.Context) (self, error) {
	if s, ok := b.self.get(); ok {
		return s, nil
	}
	a, err := b.web.do(ctx, call{method: "auth.test", form: url.Values{}, repeatable: true})
	if err != nil {
		return self{}, err
	}
	s := self{
		user: a.head.at("user_id").text(), bot: a.head.at("bot_id").text(), team: a.head.at("team_id").text(),
		enterprise: a.head.at("enterprise_id").text(), url: a.head.at("url").text(),
	}
	if s.user == "" {
		return self{}, failed("unreadable", true, true, nil)
	}
	b.self.set(s)
	if b.cfg.OnTeam != nil {
		b.cfg.OnTeam(s.team)
	}
	return s, nil
}
