package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/bot"
)

// botName is what people mention: the contract's @notebookbot.
const botName = "notebookbot"

// botConfig is how Slack is reached, in the words of the package that does it.
func (c *Config) botConfig() bot.Config {
	return bot.Config{
		AppToken: bot.Secret(c.Slack.AppToken.Reveal()),
		BotToken: bot.Secret(c.Slack.BotToken.Reveal()),
		APIURL:   c.Slack.APIURL,
		Location: c.App.Location,
	}
}

// channelIDs are all channels that the configuration names.
func (c *Config) channelIDs() []string {
	ids := []string{c.Slack.Channels.Ops, c.Slack.Channels.Incidents}
	if id := c.Slack.Channels.Announcements; id != "" {
		ids = append(ids, id)
	}
	for _, r := range c.Slack.Channels.Routes {
		ids = append(ids, r.Channel)
	}
	return ids
}

// slackApp is what the manifest says of the app.
func (c *Config) slackApp() bot.App {
	text := words{
		zh: "把告警变成故障，让所有人在一个话题里处理。",
		en: "Turns alerts into incidents that everybody handles in one thread.",
	}
	help := words{zh: "查看和处理故障；help 列出命令", en: "See and handle incidents; help lists the commands"}
	hint := words{zh: "help | incident list | oncall …", en: "help | incident list | oncall …"}
	about := words{zh: "由这条消息开启一起故障", en: "Opens an incident from this message"}
	shortcut := words{zh: "开启故障", en: "Open an incident"}
	in := c.App.Locale
	return bot.App{
		Name: c.App.Name + " bot", BotName: botName, Description: text.in(in),
		Command: c.Slack.Command, CommandHelp: help.in(in), UsageHint: hint.in(in),
		Shortcuts: []bot.Shortcut{{Name: shortcut.in(in), Callback: "incident.open", Description: about.in(in), Message: true}},
	}
}

func runManifest(_ context.Context, e env, args []string) error {
	f := newFlags(e, "manifest")
	config := f.config(loadWithoutSecrets)
	if err := f.parse(args); err != nil {
		return err
	}
	cfg, err := config()
	if err != nil {
		return err
	}
	text, err := bot.Manifest(cfg.slackApp())
	if err != nil {
		return err
	}
	_, err = io.WriteString(e.stdout, text)
	return err
}

// newCheckBot makes a Bot that only asks.
func newCheckBot(cfg *Config) (*bot.Bot, error) {
	return bot.New(cfg.botConfig(), nil, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
}
