package slackfake

import "time"

// Config describes the workspace. Default gives one that works as it is.
type Config struct {
	Team     Team
	App      App
	Tokens   []Token
	Users    []User
	Channels []Channel
	Groups   []Group
	Commands []Command
	// Events are the subscribed bot events, for example "app_mention" or "message.channels". An event is delivered only if it
	// is subscribed and a bot token has its scope.
	Events []string
	// HomeTab is whether views.publish works.
	HomeTab bool
	// FreePlan has no user groups.
	FreePlan bool
	Times    Times
	Limits   Limits
	// RateLimits turns the limits of section 3.4 on from the start; SetRateLimits changes it.
	RateLimits bool
	// Seed makes the choice of sockets and the probabilities of faults repeatable. Zero is a seed like any other.
	Seed uint64
	// Now is the clock of timestamps, triggers and response addresses; nil is time.Now. Timers always run in real time.
	Now func() time.Time
}

// Team is the workspace.
type Team struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain string `json:"domain"`
}

// App is the bot's app.
type App struct {
	ID      string `json:"id"`
	BotID   string `json:"bot_id"`
	BotUser string `json:"bot_user"`
	Name    string `json:"name"`
}

// Token lets a client in. App tokens (xapp-) open sockets, bot tokens (xoxb-) do all else.
type Token struct {
	Value  string
	Scopes []string
	// State, if not empty, is the error that every use gets: token_revoked, account_inactive, token_expired.
	State string
}

// User is a person or a bot of the workspace, or a stranger of another one who is seen through a shared channel.
type User struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name"`
	TZ       string `json:"tz,omitempty"`
	TZOffset int    `json:"tz_offset,omitempty"` // seconds
	Locale   string `json:"locale,omitempty"`
	Email    string `json:"email,omitempty"`
	Team     string `json:"team,omitempty"` // empty: the workspace's own
	Deleted  bool   `json:"deleted,omitempty"`
	Bot      bool   `json:"is_bot,omitempty"`
	Guest    bool   `json:"is_restricted,omitempty"`
	OneRoom  bool   `json:"is_ultra_restricted,omitempty"` // a guest of a single channel
	Stranger bool   `json:"is_stranger,omitempty"`
	Admin    bool   `json:"is_admin,omitempty"`
}

// Channel is a conversation. Members includes the bot's user where the bot was invited.
type Channel struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Private  bool     `json:"is_private,omitempty"`
	Archived bool     `json:"is_archived,omitempty"`
	Direct   string   `json:"im_user,omitempty"` // the person of a direct message with the bot
	Members  []string `json:"members"`
}

// Group is a user group.
type Group struct {
	ID       string   `json:"id"`
	Handle   string   `json:"handle"`
	Name     string   `json:"name"`
	Users    []string `json:"users"`
	Disabled bool     `json:"disabled,omitempty"`
}

// Command is a slash command of the app.
type Command struct {
	Name   string // with the slash
	Escape bool   // should_escape of the manifest
}

// Times are all the clocks of the workspace, so that a test can make them short. A zero takes Slack's value.
type Times struct {
	Ping         time.Duration   // between pings: 10 s
	Pong         time.Duration   // a client that has not answered for so long is closed: 30 s
	Ack          time.Duration   // 3 s
	Retry        []time.Duration // waits before redelivering an event: 0, 60 s, 300 s; empty and not nil: never
	Trigger      time.Duration   // life of a trigger id: 3 s
	ResponseLife time.Duration   // life of a response address: 30 min
	WarningClose time.Duration   // from the warning to the end of the socket: 10 s
	Life         time.Duration   // of a socket until refresh_requested: 18060 s
	DebugLife    time.Duration   // the same with debug_reconnects=true: 360 s
	Ghost        time.Duration   // how long a socket that vanished without a close frame stays registered: 0
	HistoryLag   time.Duration   // until history and replies show a new message: 0
	FileLag      time.Duration   // until a completed upload shows in the channel: 0
}

// Limits are numbers that Slack does not document or that tests want small.
type Limits struct {
	Sockets      int // 10
	Metadata     int // bytes of a message's metadata: 8192, an assumption; Slack's figure is not documented
	Blocks       int // characters of all blocks of a message as JSON: 13200, as measured by others (bolt-js#2509, #2867)
	Burst        int // messages at once into one channel: 4
	ResponseUses int // 5
	Keep         int // records kept of each kind (calls, acks, violations): 50000, the oldest go first
}

func (c *Config) fill() {
	t := &c.Times
	for _, d := range []struct {
		at   *time.Duration
		with time.Duration
	}{
		{&t.Ping, 10 * time.Second},
		{&t.Pong, 30 * time.Second},
		{&t.Ack, 3 * time.Second},
		{&t.Trigger, 3 * time.Second},
		{&t.ResponseLife, 30 * time.Minute},
		{&t.WarningClose, 10 * time.Second},
		{&t.Life, 18060 * time.Second},
		{&t.DebugLife, 360 * time.Second},
	} {
		if *d.at == 0 {
			*d.at = d.with
		}
	}
	if t.Retry == nil {
		t.Retry = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	l := &c.Limits
	for _, n := range []struct {
		at   *int
		with int
	}{
		{&l.Sockets, 10}, {&l.Metadata, 8192}, {&l.Blocks, 13200}, {&l.Burst, 4}, {&l.ResponseUses, 5}, {&l.Keep, 50000},
	} {
		if *n.at == 0 {
			*n.at = n.with
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := Default()
	if c.Team.ID == "" {
		c.Team = d.Team
	}
	if c.App.ID == "" {
		c.App = d.App
	}
	if c.Tokens == nil {
		c.Tokens = d.Tokens
	}
	if c.Users == nil {
		c.Users = d.Users
	}
	if c.Channels == nil {
		c.Channels = d.Channels
	}
	if c.Groups == nil {
		c.Groups = d.Groups
	}
	if c.Commands == nil {
		c.Commands = d.Commands
	}
	if c.Events == nil {
		c.Events, c.HomeTab = d.Events, d.HomeTab
	}
}
