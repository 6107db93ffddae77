package main

import (
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

// The values of the operations guide, and of the contract where the guide is silent.
const (
	defaultListen   = "127.0.0.1:8391" // loopback: nothing is open to the network unless somebody says so
	defaultStore    = "sqlite:notebookbot.db"
	defaultSlackAPI = "https://slack.com/api/"
	defaultCommand  = "/notebook"

	// The guide's section on grading faults.
	p0Respond, p0Resolve = 15 * time.Minute, 2 * time.Hour
	p1Respond, p1Resolve = 30 * time.Minute, 4 * time.Hour
	p2Respond, p2Resolve = 2 * time.Hour, 24 * time.Hour

	// A service that flaps is not called recovered before it was quiet for as long as the guide's slower alerts wait to fire.
	defaultHold = 5 * time.Minute
	// A channel can be read at twenty new cards a minute, and Slack takes one message a second.
	defaultStorm = 20
	// On call changes weekly, on Monday at nine.
	defaultShift = 7 * 24 * time.Hour

	// The guide's resource thresholds in percent.
	cpuThreshold, memoryThreshold, diskThreshold = 80, 85, 90

	// The guide wants at most an hour of data lost and four hours to be back. Backups every half hour keep the hour even when
	// one of them fails.
	defaultRPO, defaultRTO, defaultEvery = time.Hour, 4 * time.Hour, 30 * time.Minute
	// A set so young is not taken again before an operation.
	defaultFresh = 15 * time.Minute
	// A set is restored for a try each week: it costs the time and the room of a restore.
	defaultRehearse = 7 * 24 * time.Hour
	// The guide keeps backups for 30 days.
	defaultRetention = 720 * time.Hour
	// A new version that fails does so within the first minute under load.
	defaultWatch = time.Minute
)

// defaultConfig is what an empty file means.
func defaultConfig() *Config {
	return &Config{
		App:    App{Name: "AI智能记事本", URL: "https://ai-notebook.com", Locale: "zh-CN", Timezone: "Asia/Shanghai"},
		Listen: defaultListen,
		Store:  defaultStore,
		Slack:  Slack{APIURL: defaultSlackAPI, Command: defaultCommand},
		// Without a token only loopback peers may send.
		Alertmanager: Alertmanagers{{}},
		Severity: []Severity{
			{Match: []string{`priority="P0"`}, Level: incidents.P0},
			{Match: []string{`priority="P1"`}, Level: incidents.P1},
			{Match: []string{`priority="P2"`}, Level: incidents.P2},
			{Match: []string{`severity="critical"`}, Level: incidents.P0},
			{Match: []string{`severity="warning"`}, Level: incidents.P1},
			{Match: []string{}, Level: incidents.P2},
		},
		Levels: Levels{
			P0: LevelPolicy{Respond: p0Respond, Resolve: p0Resolve, Escalate: []string{"oncall", "ops", "management"}},
			P1: LevelPolicy{Respond: p1Respond, Resolve: p1Resolve, Escalate: []string{"oncall", "ops"}},
			P2: LevelPolicy{Respond: p2Respond, Resolve: p2Resolve, Escalate: []string{"oncall"}},
		},
		Incidents: Incidents{Hold: defaultHold, Storm: defaultStorm},
		OnCall: OnCall{
			Start: time.Date(2026, time.January, 5, 9, 0, 0, 0, time.FixedZone("", 8*3600)),
			Shift: defaultShift,
		},
		Contacts: guideContacts(),
		Target: Target{
			Engine: "compose", DockerHost: "unix:///var/run/docker.sock", Project: "ai-notebook", Dir: "/opt/ai-notebook",
			HealthURL: "https://ai-notebook.com/health", Versions: "v*",
		},
		Deploy:     Deploy{Watch: defaultWatch, Migrate: []string{"scripts/migrate-database.sh", "migrate"}},
		Database:   Database{Service: "postgres", Name: "ai_notebook", User: "postgres"},
		Redis:      Redis{Service: "redis"},
		Thresholds: Thresholds{CPU: cpuThreshold, Memory: memoryThreshold, Disk: diskThreshold},
		Backup: Backup{
			Dir: "/opt/backups/ai-notebook", Every: defaultEvery, RPO: defaultRPO, RTO: defaultRTO, Fresh: defaultFresh,
			Retention: defaultRetention, Rehearse: defaultRehearse,
			Files:   []string{"uploads/", "docker-compose.yml"},
			Config:  []string{"nginx/", "monitoring/", "scripts/"},
			Secrets: []string{".env", "ssl/"},
			Encrypt: "secrets",
			S3:      S3{Prefix: "backups/"},
		},
		Notices: Notices{SMTP: SMTP{
			TLS:   "required",
			Retry: []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour},
		}},
	}
}

// guideContacts is the guide's list of teams and vendors.
func guideContacts() Contacts {
	return Contacts{
		{Name: "ops", Mail: "ops@ai-notebook.com"},
		{Name: "dev", Mail: "dev@ai-notebook.com"},
		{Name: "security", Mail: "security@ai-notebook.com"},
		{Name: "management", Mail: "management@ai-notebook.com"},
		{Name: "cloud", Mail: "support@cloud-provider.com"},
		{Name: "domain", Mail: "support@domain-provider.com"},
		{Name: "ssl", Mail: "support@ssl-provider.com"},
		{Name: "cdn", Mail: "support@cdn-provider.com"},
	}
}
