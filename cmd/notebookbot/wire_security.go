package main

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/security"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// guarded wires the security audit. Scans says that this process lives long enough for scanners.
func (c *Config) guarded(engine *docker.Engine, st *store.Store, scans bool, log *slog.Logger) *security.Checker {
	cfg := security.Config{
		Engine: engine, Memory: st, Secrets: c.guardedFiles(), Folders: []string{c.Backup.Dir}, DockerHost: c.Target.DockerHost,
		Contained: security.Contained(), Scans: scans, Redact: c.redactor, Log: log,
	}
	if c.Backup.WAL != "" {
		cfg.Folders = append(cfg.Folders, c.Backup.WAL)
	}
	if socket, local := strings.CutPrefix(c.Target.DockerHost, "unix://"); local {
		cfg.Socket = socket
	}
	return security.New(cfg)
}

// guardedFiles are the files that nobody but the bot and root may read: secrets of the application, of the bot, and its store.
func (c *Config) guardedFiles() []string {
	var out []string
	add := func(dir, name string) {
		if name == "" {
			return
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if file, err := filepath.Abs(name); err == nil && !slices.Contains(out, file) {
			out = append(out, file)
		}
	}
	for _, name := range c.Backup.Secrets {
		add(c.Target.Dir, name)
	}
	if len(c.InlineSecrets) > 0 {
		add("", c.File)
	}
	for _, f := range c.SecretFiles {
		add("", f.Path)
	}
	add("", c.Backup.IdentityFile)
	if file, lite := strings.CutPrefix(c.Store.Reveal(), "sqlite:"); lite {
		file, _, _ = strings.Cut(file, "?")
		add("", file)
	}
	return out
}
