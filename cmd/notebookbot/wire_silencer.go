package main

import (
	"strings"

	"github.com/ai-notebook/notebookbot/internal/alertmanager"
)

// silencer silences what operations cause; nil where no Alertmanager has an address.
func (c *Config) silencer() (*alertmanager.Silencer, error) {
	var servers []alertmanager.Server
	for _, a := range c.Alertmanager {
		servers = append(servers, alertmanager.Server{
			Name: a.Name, URLs: a.URLs, Username: a.Username, Password: strings.TrimSpace(a.Password.Reveal()),
			Token: strings.TrimSpace(a.APIToken.Reveal()),
		})
	}
	return alertmanager.NewSilencer(alertmanager.SilencerConfig{Servers: servers, Alerts: c.Target.Alerts, Owner: c.Target.Project})
}
