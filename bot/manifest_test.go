package bot

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func app() App {
	return App{
		Name: "AI 智能记事本 ops", BotName: "notebookbot", Description: strings.Repeat("d", 300), Command: "/notebook",
		CommandHelp: "incidents", UsageHint: "[help]",
		Shortcuts: []Shortcut{{Name: "Open an incident", Callback: "incident.from", Description: "d", Message: true}},
	}
}

func TestTheManifestAsksForWhatTheBotUses(t *testing.T) {
	t.Parallel()
	text, err := Manifest(app())
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	at := func(keys ...string) any {
		var v any = m
		for _, k := range keys {
			v = v.(map[string]any)[k] //nolint:errcheck,forcetypeassert // a wrong shape panics
		}
		return v
	}
	for _, on := range [][]string{
		{"settings", "socket_mode_enabled"}, {"settings", "interactivity", "is_enabled"}, {"features", "app_home", "messages_tab_enabled"},
	} {
		if at(on...) != true {
			t.Errorf("%v is not on in\n%s", on, text)
		}
	}
	var got []string
	for _, s := range at("oauth_config", "scopes", "bot").([]any) { //nolint:errcheck,forcetypeassert // a wrong shape panics
		got = append(got, s.(string)) //nolint:errcheck,forcetypeassert // a wrong shape panics
	}
	if !slices.Equal(got, Scopes()) {
		t.Errorf("scopes = %v, want %v", got, Scopes())
	}
	if d, _ := at("display_information", "description").(string); len([]rune(d)) > 140 {
		t.Errorf("description of %d", len([]rune(d)))
	}
	command := at("features", "slash_commands").([]any)[0].(map[string]any) //nolint:errcheck,forcetypeassert // a wrong shape panics
	if command["command"] != "/notebook" || command["should_escape"] != true {
		t.Errorf("command = %v", command)
	}
}

func TestAManifestThatSlackWouldRefuseIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*App){
		"a command without a slash": func(a *App) { a.Command = "notebook" },
		"a name in capitals":        func(a *App) { a.BotName = "NotebookBot" },
		"no name":                   func(a *App) { a.Name = " " },
		"a shortcut too long":       func(a *App) { a.Shortcuts[0].Name = strings.Repeat("x", 25) },
		"a shortcut for nothing":    func(a *App) { a.Shortcuts[0].Callback = "" },
		"too many shortcuts":        func(a *App) { a.Shortcuts = make([]Shortcut, 11) },
	} {
		a := app()
		spoil(&a)
		if _, err := Manifest(a); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Config){
		"no app token":     func(c *Config) { c.AppToken = "" },
		"tokens exchanged": func(c *Config) { c.AppToken, c.BotToken = c.BotToken, c.AppToken },
		"no address":       func(c *Config) { c.APIURL = "slack" },
		"too many sockets": func(c *Config) { c.Sockets = 10 },
	} {
		cfg := Config{AppToken: testApp, BotToken: testBot}
		spoil(&cfg)
		_, err := New(cfg, nil, nil, nil)
		if err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: err = %v", name, err)
		}
	}
}
