package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/alertmanager"
)

// validateLater checks the keys whose features later versions bring, so that they are right on the day they count.
func (d *decoder) validateLater(c *Config) {
	d.validateURL("prometheus.url", c.Prometheus.URL, "http", "https")
	d.validateTarget(&c.Target)
	d.validateBackup(&c.Backup)
	d.validateWAL(c)
	d.validateSMTP(&c.Notices.SMTP)
	d.validateAddr("redis.addr", c.Redis.Addr)
	d.validateAddr("status.listen", c.Status.Listen)
	if dsn := c.Database.DSN.Reveal(); dsn != "" {
		if u, err := url.Parse(dsn); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			d.wrong("database.dsn", "not the address of a database", "postgres://user:password@host/db")
		}
	}
	d.validateMaintain(&c.Database.Maintain)
	for key, percent := range map[string]int{
		"thresholds.cpu": c.Thresholds.CPU, "thresholds.memory": c.Thresholds.Memory, "thresholds.disk": c.Thresholds.Disk,
	} {
		if percent < 1 || percent > 100 {
			d.wrong(key, fmt.Sprintf("found %d", percent), "1 to 100 percent")
		}
	}
	if c.Notices.Recipients.Query != "" && c.Notices.Recipients.File != "" {
		d.wrong("notices.recipients.file", "given beside query", "one of the two")
	}
}

// validateMaintain refuses what would delete more than was meant. Whether tables and columns are there, the database says.
func (d *decoder) validateMaintain(m *Maintain) {
	seen := map[string]bool{}
	for i, o := range m.Delete {
		key := fmt.Sprintf("database.maintain.delete[%d]", i)
		switch {
		case o.Table == "" || strings.ContainsRune(o.Table, 0):
			d.wrong(key+".table", "found "+shown(o.Table), "a table such as logs or public.logs")
		case o.Column == "" || strings.ContainsRune(o.Column, 0):
			d.wrong(key+".column", "found "+shown(o.Column), "a column with a timestamp or a date, such as created_at")
		case o.Keep == nil:
			d.wrong(key+".keep", "missing", "how long rows are kept, such as 720h; 0s where the column says when they expire")
		case *o.Keep < 0:
			d.wrong(key+".keep", "found "+shown(o.Keep.String()), "a duration such as 720h")
		case seen[o.Table]:
			d.wrong(key+".table", shown(o.Table)+" is given again", "each table once")
		}
		seen[o.Table] = true
	}
}

func (d *decoder) validateTarget(t *Target) {
	d.oneOf("target.engine", t.Engine, "compose", "swarm")
	if u, err := url.Parse(t.DockerHost); err != nil || !slices.Contains([]string{"unix", "tcp", "ssh"}, u.Scheme) {
		d.wrong("target.docker_host", "found "+shown(t.DockerHost), "unix:///var/run/docker.sock, tcp://host:port or ssh://host")
	}
	if !plainName.MatchString(t.Project) {
		d.wrong("target.project", "found "+shown(t.Project), "a compose project or swarm stack, such as ai-notebook")
	}
	d.absolute("target.dir", t.Dir)
	for i, s := range t.Services {
		if !plainName.MatchString(s) {
			d.wrong(fmt.Sprintf("target.services[%d]", i), "found "+shown(s), "the name of a service")
		}
	}
	d.validateURL("target.health_url", t.HealthURL, "http", "https")
	if _, err := path.Match(t.Versions, "v1"); err != nil || t.Versions == "" {
		d.wrong("target.versions", "found "+shown(t.Versions), "a pattern of git tags such as v*")
	}
	for _, service := range slices.Sorted(maps.Keys(t.Alerts)) {
		d.validateMatchers("target.alerts."+service, t.Alerts[service])
		if err := alertmanager.CheckMatchers(t.Alerts[service]); errors.Is(err, alertmanager.ErrMatchers) {
			d.wrong("target.alerts."+service, "found matchers that match every alert", `one that asks for a value, such as instance=~"backend.*"`)
		}
	}
}

// leastThin is how long all sets are kept at least: the incrementals of a day build on its full one.
const leastThin = 24 * time.Hour

func (d *decoder) validateBackup(b *Backup) {
	d.absolute("backup.dir", b.Dir)
	d.oneOf("backup.encrypt", b.Encrypt, "secrets", "all")
	for key, v := range map[string]time.Duration{
		"backup.every": b.Every, "backup.rpo": b.RPO, "backup.rto": b.RTO, "backup.retention": b.Retention,
	} {
		if v <= 0 {
			d.wrong(key, "found "+shown(v.String()), "a duration above zero")
		}
	}
	if b.Thin < 0 || b.Thin > 0 && b.Thin < leastThin {
		d.wrong("backup.thin", "found "+shown(b.Thin.String()), "at least 24h, such as 48h, or 0 to keep all of `backup.retention`")
	}
	if b.Rehearse < 0 {
		d.wrong("backup.rehearse", "found "+shown(b.Rehearse.String()), "a duration such as 168h, or 0 for never")
	}
	if b.Every > b.RPO {
		d.wrong("backup.every", "found "+shown(b.Every.String()), "not longer than rpo ("+b.RPO.String()+"): more would be lost than is promised")
	}
	for key, list := range map[string][]string{"backup.files": b.Files, "backup.config": b.Config, "backup.secrets": b.Secrets} {
		for i, name := range list {
			if !filepath.IsLocal(name) {
				d.wrong(fmt.Sprintf("%s[%d]", key, i), "found "+shown(name), "a path below target.dir")
			}
		}
	}
	d.validateURL("backup.s3.endpoint", b.S3.Endpoint, "http", "https")
	if b.S3.Endpoint != "" && b.S3.Bucket == "" {
		d.wrong("backup.s3.bucket", "missing beside endpoint", "the name of a bucket")
	}
}

// validateWAL keeps the archive of the log out of the folders that are backed up, cleaned up or deployed into.
func (d *decoder) validateWAL(c *Config) {
	wal := c.Backup.WAL
	if wal == "" {
		return
	}
	d.absolute("backup.wal", wal)
	for _, other := range [][2]string{{"backup.dir", c.Backup.Dir}, {"target.dir", c.Target.Dir}} {
		if dir := other[1]; filepath.IsAbs(wal) && (inside(wal, dir) || inside(dir, wal)) {
			d.wrong("backup.wal", "found "+shown(wal), "a folder of its own, not inside or around "+other[0]+" ("+dir+")")
			return
		}
	}
	if c.Database.Service == "" && !d.failed("backup.wal") {
		d.wrong("backup.wal", "given without database.service", "the log of a PostgreSQL that is a service of the compose file")
	}
}

// inside tells whether a path is that folder or in it.
func inside(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

func (d *decoder) validateSMTP(s *SMTP) {
	d.validateAddr("notices.smtp.addr", s.Addr)
	if s.From != "" && !isMail(s.From) {
		d.wrong("notices.smtp.from", "found "+shown(s.From), "an address such as status@example.com")
	}
	if s.Addr != "" && s.From == "" && !d.failed("notices.smtp.from") {
		d.wrong("notices.smtp.from", "missing beside addr", "an address such as status@example.com")
	}
	d.oneOf("notices.smtp.tls", s.TLS, "required", "opportunistic", "off")
	if s.Rate < 0 {
		d.wrong("notices.smtp.rate", fmt.Sprintf("found %g", s.Rate), "mails a second; 0 as fast as the server takes them")
	}
}

func (d *decoder) absolute(key, dir string) {
	if !filepath.IsAbs(dir) {
		d.wrong(key, "found "+shown(dir), "a path that begins with /")
	}
}
