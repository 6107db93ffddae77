package slackfake

// The tokens of the default workspace. They open nothing but the fake.
const (
	BotToken = "xoxb-fake-bot" //nolint:gosec // Not a credential: the fake's own.
	AppToken = "xapp-fake-app" //nolint:gosec // Not a credential: the fake's own.
)

// The inhabitants of the default workspace.
const (
	BotUser    = "U0BOT"
	Operator   = "U01AAAA"
	Commander  = "U01BBBB"
	Commander2 = "U01CCCC"
	Bystander  = "U0LOOK"  // a member without any role
	GuestUser  = "U0GUEST" // a guest
	Leaver     = "U0GONE"  // deleted
	Stranger   = "U0OTHER" // of another workspace
	OtherBot   = "U0ROBOT"

	Ops           = "C0OPS"
	Incidents     = "C0INC"
	Announcements = "C0ANN"
	Random        = "C0RANDOM" // without the bot
	Secret        = "C0SECRET" // private, with the bot
	Vault         = "C0VAULT"  // private, without the bot
	Attic         = "C0ATTIC"  // archived

	OpsGroup = "S0OPS"
)

// Default is a workspace with two commanders, an operator, people who may do nothing, and the channels of the example
// configuration.
func Default() Config {
	all := []string{BotUser, Operator, Commander, Commander2, Bystander, GuestUser, Stranger}
	people := []string{Operator, Commander, Commander2, Bystander}
	return Config{
		Team: Team{ID: "T0FAKE", Name: "Acme", Domain: "acme"},
		App:  App{ID: "A0FAKE", BotID: "B0FAKE", BotUser: BotUser, Name: "notebookbot"},
		Tokens: []Token{
			{Value: BotToken, Scopes: DefaultScopes()},
			{Value: AppToken, Scopes: []string{"connections:write"}},
		},
		Users: []User{
			{ID: BotUser, Name: "notebookbot", RealName: "notebookbot", Bot: true, TZ: "Asia/Shanghai", TZOffset: 28800},
			{ID: Operator, Name: "ana", RealName: "Ana Operator", TZ: "Asia/Shanghai", TZOffset: 28800, Locale: "zh-CN", Email: "ana@example.com"},
			{ID: Commander, Name: "bo", RealName: "Bo Commander", TZ: "Asia/Shanghai", TZOffset: 28800, Locale: "en-US", Email: "bo@example.com"},
			{ID: Commander2, Name: "chen", RealName: "Chen Commander", TZ: "Europe/Berlin", TZOffset: 3600, Locale: "zh-CN", Email: "chen@example.com"},
			{ID: Bystander, Name: "dee", RealName: "Dee Bystander", TZ: "Europe/London", Locale: "en-GB"},
			{ID: GuestUser, Name: "gus", RealName: "Gus Guest", Guest: true},
			{ID: Leaver, Name: "leo", RealName: "Leo Leaver", Deleted: true},
			{ID: Stranger, Name: "sam", RealName: "Sam Stranger", Team: "T0OTHER", Stranger: true},
			{ID: OtherBot, Name: "robot", RealName: "Robot", Bot: true},
		},
		Channels: []Channel{
			{ID: Ops, Name: "ops", Members: all},
			{ID: Incidents, Name: "incidents", Members: all},
			{ID: Announcements, Name: "announcements", Members: all},
			{ID: Random, Name: "random", Members: people},
			{ID: Secret, Name: "secret", Private: true, Members: []string{BotUser, Operator, Commander}},
			{ID: Vault, Name: "vault", Private: true, Members: people},
			{ID: Attic, Name: "attic", Archived: true, Members: all},
		},
		Groups:   []Group{{ID: OpsGroup, Handle: "ops", Name: "Operations", Users: []string{Operator, Commander}}},
		Commands: []Command{{Name: "/notebook", Escape: true}},
		Events: []string{
			"app_mention", "app_home_opened", "message.im", "reaction_added", "member_joined_channel", "subteam_members_changed",
		},
		HomeTab: true,
	}
}

// DefaultScopes are the bot scopes of the default workspace.
func DefaultScopes() []string {
	return []string{
		"commands", "chat:write", "app_mentions:read", "channels:read", "channels:history", "channels:join", "groups:read",
		"groups:history", "im:history", "im:read", "im:write", "mpim:read", "users:read", "usergroups:read", "reactions:read",
		"reactions:write", "files:write", "pins:write",
	}
}
