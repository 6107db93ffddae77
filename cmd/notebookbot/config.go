package main

import (
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Config is the whole configuration as the contract names it. loadConfig fills it; what the file leaves out has the value of
// the operations guide (defaults.go) or is off. Fields whose feature is not in this version yet are read and checked all the
// same, so that a configuration stays valid when the feature comes; Later tells which of them the file sets.
type Config struct {
	App       App    `yaml:"app"`
	Listen    string `yaml:"listen"`
	PublicURL string `yaml:"public_url"`
	Secret    Secret `yaml:"secret"` // signs links; empty: made and kept in the store
	Store     Secret `yaml:"store"`  // sqlite:PATH or postgres://…, which may hold a password

	Slack        Slack         `yaml:"slack"`
	Alertmanager Alertmanagers `yaml:"alertmanager"`
	Prometheus   Prometheus    `yaml:"prometheus"`
	Severity     []Severity    `yaml:"severity"`
	Levels       Levels        `yaml:"levels"`
	Incidents    Incidents     `yaml:"incidents"`

	People     People            `yaml:"people"`
	BreakGlass []string          `yaml:"break_glass"`
	OnCall     OnCall            `yaml:"oncall"`
	Contacts   Contacts          `yaml:"contacts"`
	Policies   map[string]Policy `yaml:"policies"`

	Target     Target     `yaml:"target"`
	Deploy     Deploy     `yaml:"deploy"`
	Database   Database   `yaml:"database"`
	Redis      Redis      `yaml:"redis"`
	Thresholds Thresholds `yaml:"thresholds"`
	Backup     Backup     `yaml:"backup"`
	Notices    Notices    `yaml:"notices"`
	Status     Status     `yaml:"status"`

	// File is where the configuration was read from.
	File string `yaml:"-"`
	// SecretFiles are the files that `_file` keys name; check looks at who may read them.
	SecretFiles []SecretFile `yaml:"-"`
	// InlineSecrets are the keys whose secret stands in the file itself; check looks at who may read the file.
	InlineSecrets []string `yaml:"-"`
	// lines tells on which line each key of the file stands.
	lines map[string]int
	// tune changes what carries operations out before it is used: a test kills the program in the middle of a step.
	tune func(o *operations, cfg *ops.Config)
}

// SecretFile is a file that holds one secret.
type SecretFile struct{ Key, Path string }

// App is the application that is looked after, and the language and time zone of what is said about it.
type App struct {
	Name     string         `yaml:"name"`
	URL      string         `yaml:"url"`
	Locale   string         `yaml:"locale"` // zh-CN or en
	Timezone string         `yaml:"timezone"`
	Location *time.Location `yaml:"-"` // of Timezone
}

// Slack is how the workspace is reached and what goes where.
type Slack struct {
	AppToken Secret   `yaml:"app_token"`
	BotToken Secret   `yaml:"bot_token"`
	APIURL   string   `yaml:"api_url"`
	Command  string   `yaml:"command"`
	Channels Channels `yaml:"channels"`
}

// Channels are Slack channel ids.
type Channels struct {
	Ops           string  `yaml:"ops"`
	Incidents     string  `yaml:"incidents"`
	Announcements string  `yaml:"announcements"` // empty: no announcements
	Routes        []Route `yaml:"routes"`
}

// Route sends the cards of matching alerts to a channel of their own.
type Route struct {
	Match   []string `yaml:"match"`
	Channel string   `yaml:"channel"`
}

// Alertmanager is one that sends webhooks. Name is empty where there is only one and it was given none.
type Alertmanager struct {
	Name  string `yaml:"name"`
	Token Secret `yaml:"token"` // empty: only loopback peers may send
	URLs  URLs   `yaml:"url"`   // one, or the members of a highly available pair; none: no silences, no comparison

	// How the bot shows who it is at URLs: Alertmanager's own basic_auth, or a Bearer token for a proxy before it.
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	APIToken Secret `yaml:"api_token"`

	// Settle is how long it must run before what it does not list counts as ended.
	Settle time.Duration `yaml:"settle"`
}

// URLs is written as one address or as a list of them.
type URLs []string

// Alertmanagers is written as one mapping or as a list of them.
type Alertmanagers []Alertmanager

// Prometheus draws charts.
type Prometheus struct {
	URL string `yaml:"url"`
}

// Severity gives a level to the alerts that all of its matchers match; the first line that matches decides.
type Severity struct {
	Match []string        `yaml:"match"`
	Level incidents.Level `yaml:"level"`
}

// Levels holds what each level promises.
type Levels struct {
	P0 LevelPolicy `yaml:"P0"`
	P1 LevelPolicy `yaml:"P1"`
	P2 LevelPolicy `yaml:"P2"`
}

// LevelPolicy is the response and resolution time of a level, and who is told, in that order.
type LevelPolicy struct {
	Respond  time.Duration `yaml:"respond"`
	Resolve  time.Duration `yaml:"resolve"`
	Escalate []string      `yaml:"escalate"`
}

// Of gives the policy of a level.
func (l Levels) Of(level incidents.Level) LevelPolicy {
	switch level {
	case incidents.P0:
		return l.P0
	case incidents.P1:
		return l.P1
	default:
		return l.P2
	}
}

// Incidents holds what is the same for all levels.
type Incidents struct {
	Hold  time.Duration `yaml:"hold"`
	Storm int           `yaml:"storm"`
}

// People are Slack user ids (U…, W…) and user group ids (S…).
type People struct {
	Operators  []string `yaml:"operators"`
	Commanders []string `yaml:"commanders"`
}

// OnCall is a rotation: who, from when, how long a shift. No rotation: the operators.
type OnCall struct {
	Rotation []string      `yaml:"rotation"`
	Start    time.Time     `yaml:"start"`
	Shift    time.Duration `yaml:"shift"`
}

// Contact is a team or a vendor. Its name can stand in `escalate`.
type Contact struct {
	Name  string `yaml:"-"`
	Mail  string `yaml:"mail"`
	Slack string `yaml:"slack"` // a user or a user group
}

// Contacts are in the order of the file.
type Contacts []Contact

// Policy overrides, for one command, the class that it belongs to. What is not set keeps the value of the class.
type Policy struct {
	Run          string        `yaml:"run"`     // one of access.Lists
	Approve      string        `yaml:"approve"` // likewise, but not everybody
	Approvals    *int          `yaml:"approvals"`
	Expires      time.Duration `yaml:"expires"`
	SelfApproval *bool         `yaml:"self_approval"`
}

// Later lists the top-level keys that the file sets and that this version reads but does not use yet.
func (c *Config) Later() []string {
	var out []string
	for _, key := range laterKeys {
		if _, set := c.lines[key]; set {
			out = append(out, key)
		}
	}
	return out
}

// laterKeys belong to charts and notices to users, which later versions bring.
var laterKeys = []string{
	"prometheus", "notices", "status",
}
