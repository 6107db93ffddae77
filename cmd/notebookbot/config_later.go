package main

import "time"

// Target is the application that operations work on.
type Target struct {
	Engine     string              `yaml:"engine"` // compose or swarm
	DockerHost string              `yaml:"docker_host"`
	Project    string              `yaml:"project"`
	Dir        string              `yaml:"dir"`
	Services   []string            `yaml:"services"` // none: those of the compose file
	HealthURL  string              `yaml:"health_url"`
	Versions   string              `yaml:"versions"` // a pattern of git tags
	Alerts     map[string][]string `yaml:"alerts"`   // service: matchers of the alerts that an operation on it causes
}

// Deploy is how long a new version is watched, and its migration as an argument list.
type Deploy struct {
	Watch   time.Duration `yaml:"watch"`
	Migrate []string      `yaml:"migrate"`
}

// Database is the application's PostgreSQL.
type Database struct {
	Service string `yaml:"service"`
	Name    string `yaml:"name"`
	User    string `yaml:"user"`
	DSN     Secret `yaml:"dsn"` // empty: reached inside its container

	Maintain Maintain `yaml:"maintain"`
}

// Maintain is what `db maintain` deletes; none: nothing.
type Maintain struct {
	Delete []OldRows `yaml:"delete"`
}

// OldRows are the rows of a table that go. Keep has no default: without it everything would be old.
type OldRows struct {
	Table  string         `yaml:"table"`
	Column string         `yaml:"column"` // a timestamp or a date
	Keep   *time.Duration `yaml:"keep"`
}

// Redis is the application's Redis.
type Redis struct {
	Service  string `yaml:"service"`
	Addr     string `yaml:"addr"`
	Password Secret `yaml:"password"` // of AUTH; empty: it asks for none
}

// Thresholds are percentages.
type Thresholds struct {
	CPU    int `yaml:"cpu"`
	Memory int `yaml:"memory"`
	Disk   int `yaml:"disk"`
}

// Backup says what is backed up, how often, for how long and where to.
type Backup struct {
	Dir          string        `yaml:"dir"`
	WAL          string        `yaml:"wal"` // the folder of the database's log; empty: it is not archived
	Every        time.Duration `yaml:"every"`
	RPO          time.Duration `yaml:"rpo"`
	RTO          time.Duration `yaml:"rto"`
	Fresh        time.Duration `yaml:"fresh"`
	Retention    time.Duration `yaml:"retention"`
	Thin         time.Duration `yaml:"thin"`     // of sets older than this one a day is kept; zero: all of them
	Rehearse     time.Duration `yaml:"rehearse"` // how often a set is restored for a try; zero: never
	Files        []string      `yaml:"files"`
	Config       []string      `yaml:"config"`
	Secrets      []string      `yaml:"secrets"`
	Recipients   []string      `yaml:"recipients"` // age
	Encrypt      string        `yaml:"encrypt"`    // secrets or all
	IdentityFile string        `yaml:"identity_file"`
	S3           S3            `yaml:"s3"`
}

// S3 is a second place for backups; no endpoint: off.
type S3 struct {
	Endpoint  string `yaml:"endpoint"`
	Bucket    string `yaml:"bucket"`
	Prefix    string `yaml:"prefix"`
	Region    string `yaml:"region"`
	AccessKey Secret `yaml:"access_key"`
	SecretKey Secret `yaml:"secret_key"`
}

// Notices is how users are told of an outage.
type Notices struct {
	SMTP       SMTP       `yaml:"smtp"`
	Recipients Recipients `yaml:"recipients"`
}

// SMTP is the mail server; no address: no mail.
type SMTP struct {
	Addr     string          `yaml:"addr"`
	From     string          `yaml:"from"`
	Username string          `yaml:"username"`
	Password Secret          `yaml:"password"`
	TLS      string          `yaml:"tls"`  // required, opportunistic or off
	Rate     float64         `yaml:"rate"` // mails a second; zero: as fast as the server takes them
	Retry    []time.Duration `yaml:"retry"`
}

// Recipients come from an SQL query or a file with the columns address, language, name and timezone.
type Recipients struct {
	Query string `yaml:"query"`
	File  string `yaml:"file"`
}

// Status is the public status page; no address of its own: on `listen`.
type Status struct {
	Listen string `yaml:"listen"`
}
