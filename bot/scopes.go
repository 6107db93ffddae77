package bot

import "slices"

// scope is a permission of the bot's token and what it is for.
type scope struct{ name, why string }

// scopes is what the bot really uses: the manifest asks for these, and Check compares with these.
var scopes = []scope{
	{"app_mentions:read", "mentions as commands"},
	{"channels:history", "looking up a message whose answer was lost, public channels"},
	{"channels:read", "checking the channels of the configuration, public"},
	{"chat:write", "cards, answers, notices"},
	{"commands", "the slash command and the shortcuts"},
	{"files:write", "what is too long for a message, such as logs"},
	{"groups:history", "looking up a message whose answer was lost, private channels"},
	{"groups:read", "checking the channels of the configuration, private"},
	{"im:history", "direct messages as commands, and looking up what was sent there"},
	{"im:write", "direct messages to whom an incident is escalated"},
	{"usergroups:read", "user groups as lists of people, and mentioning them"},
	{"users:read", "refusing guests, bots and strangers"},
}

// events are what Slack is asked to send.
var events = []string{"app_home_opened", "app_mention", "message.im", "subteam_members_changed", "subteam_updated"}

// Scopes lists the scopes that the bot's token needs.
func Scopes() []string {
	out := make([]string, 0, len(scopes))
	for _, s := range scopes {
		out = append(out, s.name)
	}
	slices.Sort(out)
	return out
}
