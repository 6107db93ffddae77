package main

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/matcher/parse"
)

var (
	channelID = regexp.MustCompile(`^[CG][A-Z0-9]{2,20}$`)
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)
	personID  = regexp.MustCompile(`^[UWS][A-Z0-9]{2,20}$`)
	slashName = regexp.MustCompile(`^/[a-z0-9_-]{1,31}$`)
	amName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	plainName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._-]{0,62}$`)
)

// validate checks what one value cannot tell by its form alone.
func (d *decoder) validate(c *Config) {
	d.validateApp(c)
	d.validateSlack(&c.Slack)
	d.validateAlertmanagers(c.Alertmanager)
	d.validateLevels(c)
	d.validatePeople(c)
	d.validatePolicies(c.Policies)
	d.validateLater(c)
}

// wrong reports a value under its key; the line is that of the key or of the nearest one above it that the file has.
func (d *decoder) wrong(path, found, allowed string) {
	d.fail(d.lineAt(path), path, found, allowed)
}

func (d *decoder) lineAt(path string) int {
	for at := path; at != ""; {
		if line, ok := d.lines[at]; ok {
			return line
		}
		i := strings.LastIndexAny(at, ".[")
		if i < 0 {
			return 0
		}
		at = at[:i]
	}
	return 0
}

// failed tells whether something was said of this key already.
func (d *decoder) failed(path string) bool {
	return slices.ContainsFunc(d.problems, func(p problem) bool {
		return p.key == path || p.key == path+"_file" || strings.HasPrefix(path, p.key+".")
	})
}

func (d *decoder) validateApp(c *Config) {
	if strings.TrimSpace(c.App.Name) == "" {
		d.wrong("app.name", "empty", "the name that people know the application by")
	}
	d.validateURL("app.url", c.App.URL, "http", "https")
	d.oneOf("app.locale", c.App.Locale, "zh-CN", "en")
	if loc, err := time.LoadLocation(c.App.Timezone); err != nil || c.App.Timezone == "" {
		d.wrong("app.timezone", "found "+shown(c.App.Timezone), "a time zone such as Asia/Shanghai or UTC")
	} else {
		c.App.Location = loc
	}
	d.validateAddr("listen", c.Listen)
	if c.Listen == "" {
		d.wrong("listen", "empty", "an address such as 127.0.0.1:8391")
	}
	d.validateURL("public_url", c.PublicURL, "http", "https")
	const short = 16
	if s := c.Secret.Reveal(); s != "" && len(s) < short {
		d.wrong("secret", "shorter than 16 characters", "a long random text, for example from `openssl rand -hex 32`")
	}
	d.validateStore(c.Store.Reveal())
}

func (d *decoder) validateStore(store string) {
	const allowed = "sqlite:PATH, for example sqlite:notebookbot.db, or postgres://user@host/db"
	if path, ok := strings.CutPrefix(store, "sqlite:"); ok && path != "" {
		return
	}
	if u, err := url.Parse(store); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && len(u.Path) > 1 {
		return
	}
	if !d.failed("store") {
		d.wrong("store", "not the address of a store", allowed) // it may hold a password: not shown
	}
}

func (d *decoder) validateSlack(s *Slack) {
	d.validateToken("slack.app_token", s.AppToken, "xapp-")
	d.validateToken("slack.bot_token", s.BotToken, "xoxb-")
	d.validateURL("slack.api_url", s.APIURL, "http", "https")
	if u, err := url.Parse(s.APIURL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		d.wrong("slack.api_url", "found "+shown(s.APIURL), "https; http to this machine alone, because tokens travel there")
	}
	if s.APIURL == "" {
		d.wrong("slack.api_url", "empty", defaultSlackAPI)
	} else if !strings.HasSuffix(s.APIURL, "/") {
		s.APIURL += "/"
	}
	if !slashName.MatchString(s.Command) {
		d.wrong("slack.command", "found "+shown(s.Command), "a slash and up to 31 small letters, digits, - or _, such as /notebook")
	}
	ch := &s.Channels
	d.needChannel("slack.channels.ops", ch.Ops, "requests, reports and the bot's own troubles go there")
	d.needChannel("slack.channels.incidents", ch.Incidents, "cards go there")
	if ch.Announcements != "" {
		d.needChannel("slack.channels.announcements", ch.Announcements, "")
	}
	for i, r := range ch.Routes {
		at := fmt.Sprintf("slack.channels.routes[%d]", i)
		d.validateMatchers(at+".match", r.Match)
		d.needChannel(at+".channel", r.Channel, "cards of matching alerts go there")
	}
}

func (d *decoder) needChannel(path, id, why string) {
	const allowed = "a channel id such as C0123ABCD (channel's name, then About, at the bottom)"
	switch {
	case id == "" && !d.failed(path):
		d.wrong(path, "missing: "+why, allowed)
	case id != "" && !channelID.MatchString(id):
		d.wrong(path, "found "+shown(id), allowed)
	}
}

func (d *decoder) validateToken(path string, token Secret, prefix string) {
	switch {
	case d.withoutSecrets:
	case !token.Set() && d.unset != nil: // Slack is not asked
	case !token.Set() && !d.failed(path):
		d.wrong(path, "missing", "a token that begins with "+prefix)
	case token.Set() && !strings.HasPrefix(token.Reveal(), prefix):
		d.wrong(path, "another kind of token", "a token that begins with "+prefix)
	case strings.ContainsAny(token.Reveal(), " \t\r\n"):
		d.wrong(path, "white space inside the token", "the token alone, which begins with "+prefix)
	}
}

func (d *decoder) validateAlertmanagers(all Alertmanagers) {
	if len(all) == 0 {
		d.wrong("alertmanager", "an empty list", "one Alertmanager or more, or no such key")
	}
	names := map[string]int{}
	for i, a := range all {
		at := "alertmanager"
		if _, list := d.lines["alertmanager[0]"]; list {
			at = fmt.Sprintf("alertmanager[%d]", i)
		}
		first, again := names[a.Name]
		switch {
		case a.Name == "" && len(all) > 1:
			d.wrong(at+".name", "missing", "a name for each of several; Alertmanager sends to /webhooks/alertmanager/NAME")
		case a.Name != "" && !amName.MatchString(a.Name):
			d.wrong(at+".name", "found "+shown(a.Name), "letters, digits, - _ . as it stands in the address")
		case again:
			d.wrong(at+".name", fmt.Sprintf("found %s, the name of alertmanager[%d]", shown(a.Name), first), "another name")
		}
		names[a.Name] = i
		for _, u := range a.URLs {
			d.validateURL(at+".url", u, "http", "https")
		}
		switch {
		case (a.Username != "") != a.Password.Set():
			d.wrong(at+".username", "username and password are not both there", "both, or neither")
		case a.Username != "" && a.APIToken.Set():
			d.wrong(at+".api_token", "given beside username", "one of the two")
		}
		if a.Settle < 0 {
			d.wrong(at+".settle", "found "+a.Settle.String(), "a time such as 6m, longer than the interval at which Prometheus evaluates its rules")
		}
	}
}

// validateURL takes an empty address as off.
func (d *decoder) validateURL(path, address string, schemes ...string) {
	if address == "" {
		return
	}
	u, err := url.Parse(address)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		d.wrong(path, "found "+shown(address), "an address that begins with "+strings.Join(schemes, ":// or ")+"://, without ? and #")
		return
	}
	if u.User != nil {
		d.wrong(path, "found "+shown(address), "an address without a name and password in it")
	}
}

// validateAddr takes host:port; an empty one is off.
func (d *decoder) validateAddr(path, addr string) {
	if addr == "" {
		return
	}
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		d.wrong(path, "found "+shown(addr), "host:port, such as 127.0.0.1:8391")
	}
}

func (d *decoder) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		d.wrong(path, "found "+shown(value), strings.Join(allowed, " or "))
	}
}

func (d *decoder) validateMatchers(path string, matchers []string) {
	for i, m := range matchers {
		if _, err := parse.Matcher(m); err != nil {
			d.wrong(fmt.Sprintf("%s[%d]", path, i), "found "+shown(m)+": "+shortly(err),
				`a matcher in Alertmanager's syntax, such as severity="critical" or team=~"a|b"`)
		}
	}
}

// shortly gives the first line of an error of the matcher's parser, which may quote what it read.
func shortly(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return tokenShape.ReplaceAllString(line, redacted)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func isMail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}
