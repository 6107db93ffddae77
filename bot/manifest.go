package bot

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Shortcut is an entry of Slack's menus. Callback comes back in commands.Request.Callback.
type Shortcut struct {
	Name        string // at most 24 characters
	Callback    string
	Description string // at most 150
	Message     bool   // in a message's menu; else in the global one
}

// App is what the manifest says of the app, in the words of the workspace's language.
type App struct {
	Name        string // at most 35 characters
	BotName     string // a-z 0-9 - _ .
	Description string // at most 140
	Command     string // for example "/notebook"
	CommandHelp string
	UsageHint   string
	Shortcuts   []Shortcut
}

var (
	commandName = regexp.MustCompile(`^/[a-z0-9_-]{1,31}$`)
	botName     = regexp.MustCompile(`^[a-z0-9._-]{1,80}$`)
)

// Manifest is the app's manifest as YAML: all that the bot needs, and nothing more. Socket Mode is on, so no address is needed
// anywhere. The app-level token cannot be part of it; it is made by hand.
func Manifest(a App) (string, error) {
	if !commandName.MatchString(a.Command) {
		return "", fmt.Errorf("command %q: a slash and up to 31 of a-z 0-9 _ and -", a.Command)
	}
	if !botName.MatchString(a.BotName) {
		return "", fmt.Errorf("bot name %q: up to 80 of a-z 0-9 . _ and -", a.BotName)
	}
	if oneLine(a.Name) == "" {
		return "", errors.New("the app has no name")
	}
	if len(a.Shortcuts) > 10 {
		return "", fmt.Errorf("%d shortcuts, Slack takes 10", len(a.Shortcuts))
	}
	m := manifest{}
	m.Metadata.Major = 2
	m.Display.Name, m.Display.Description = cut(oneLine(a.Name), 35), cut(oneLine(a.Description), 140)
	m.Features.Home = home{Home: true, Messages: true}
	m.Features.Bot = botUser{DisplayName: a.BotName, AlwaysOnline: true}
	help := oneLine(a.CommandHelp)
	if help == "" {
		help = m.Display.Name
	}
	m.Features.Commands = []slashCommand{{
		Command: a.Command, Description: cut(help, maxLong), UsageHint: cut(oneLine(a.UsageHint), maxLong), Escape: true,
	}}
	for _, s := range a.Shortcuts {
		kind := "global"
		if s.Message {
			kind = "message"
		}
		if s.Callback == "" || utf8.RuneCountInString(s.Name) > maxTitle || oneLine(s.Name) == "" {
			return "", fmt.Errorf("shortcut %q: a callback and a name of up to %d characters", s.Name, maxTitle)
		}
		m.Features.Shortcuts = append(m.Features.Shortcuts, shortcut{
			Name: oneLine(s.Name), Type: kind, Callback: s.Callback, Description: cut(oneLine(s.Description), maxLong),
		})
	}
	m.OAuth.Scopes.Bot = Scopes()
	m.Settings.Events.Bot = events
	m.Settings.Interactivity.Enabled = true
	m.Settings.SocketMode = true
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(m), enc.Close()); err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	return b.String(), nil
}

const maxLong = 150

type (
	home struct {
		Home     bool `yaml:"home_tab_enabled"`
		Messages bool `yaml:"messages_tab_enabled"`
		ReadOnly bool `yaml:"messages_tab_read_only_enabled"`
	}
	botUser struct {
		DisplayName  string `yaml:"display_name"`
		AlwaysOnline bool   `yaml:"always_online"`
	}
	slashCommand struct {
		Command     string `yaml:"command"`
		Description string `yaml:"description"`
		UsageHint   string `yaml:"usage_hint,omitempty"`
		Escape      bool   `yaml:"should_escape"`
	}
	shortcut struct {
		Name        string `yaml:"name"`
		Type        string `yaml:"type"`
		Callback    string `yaml:"callback_id"`
		Description string `yaml:"description"`
	}
	manifest struct {
		Metadata struct {
			Major int `yaml:"major_version"`
		} `yaml:"_metadata"`
		Display struct {
			Name        string `yaml:"name"`
			Description string `yaml:"description,omitempty"`
		} `yaml:"display_information"`
		Features struct {
			Home      home           `yaml:"app_home"`
			Bot       botUser        `yaml:"bot_user"`
			Shortcuts []shortcut     `yaml:"shortcuts,omitempty"`
			Commands  []slashCommand `yaml:"slash_commands"`
		} `yaml:"features"`
		OAuth struct {
			Scopes struct {
				Bot []string `yaml:"bot"`
			} `yaml:"scopes"`
		} `yaml:"oauth_config"`
		Settings struct {
			Events struct {
				Bot []string `yaml:"bot_events"`
			} `yaml:"event_subscriptions"`
			Interactivity struct {
				Enabled bool `yaml:"is_enabled"`
			} `yaml:"interactivity"`
			OrgDeploy  bool `yaml:"org_deploy_enabled"`
			SocketMode bool `yaml:"socket_mode_enabled"`
			Rotation   bool `yaml:"token_rotation_enabled"`
		} `yaml:"settings"`
	}
)
