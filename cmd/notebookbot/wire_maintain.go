package main

import (
	"github.com/ai-notebook/notebookbot/internal/ops/maintain"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// maintains wires the maintenance of the database; nil: there is none that is reached inside its container.
func (c *Config) maintains(o *operations) (*maintain.Kind, error) {
	if c.Database.Service == "" {
		return nil, nil
	}
	db, err := postgres.Open(o.engine, postgres.Config{Service: c.Database.Service, Name: c.Database.Name, User: c.Database.User})
	if err != nil {
		return nil, err
	}
	var cfg maintain.Config
	for _, d := range c.Database.Maintain.Delete {
		cfg.Delete = append(cfg.Delete, maintain.Delete{Table: d.Table, Column: d.Column, Keep: *d.Keep})
	}
	return maintain.New(cfg, db, o.engine, o.app), nil
}
