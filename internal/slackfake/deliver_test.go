package slackfake_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

func eventID(t *testing.T, ev socketmode.Event) string {
	t.Helper()
	api, ok := ev.Data.(slackevents.EventsAPIEvent)
	if !ok {
		t.Fatalf("event %+v", ev)
	}
	cb, ok := api.Data.(*slackevents.EventsAPICallbackEvent)
	if !ok {
		t.Fatalf("event %+v", api)
	}
	return cb.EventID
}

func TestAnEventComesAgainUntilItIsAcknowledged(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	var seen atomic.Int32
	b := startBot(t, s, func(socketmode.Event) (bool, any) { return seen.Add(1) == 3, nil })
	out := ended(t, s.User(slackfake.Operator).Mention(slackfake.Ops, "", "help"), slackfake.Acked)
	if out.Attempts != 3 {
		t.Errorf("attempts = %d, want 3", out.Attempts)
	}
	evs := b.wait(t, socketmode.EventTypeEventsAPI, 3)
	envelopes := map[string]bool{}
	for i, ev := range evs {
		reason := "timeout"
		if i == 0 {
			reason = ""
		}
		if ev.Request.RetryAttempt != i || ev.Request.RetryReason != reason || eventID(t, ev) != eventID(t, evs[0]) {
			t.Errorf("delivery %d = %+v", i, ev.Request)
		}
		envelopes[ev.Request.EnvelopeID] = true
	}
	if len(envelopes) != 3 {
		t.Errorf("%d envelope ids, want a new one each time", len(envelopes))
	}
}

func TestAnEventThatNobodyAcknowledgesIsGivenUp(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := startBot(t, s, func(socketmode.Event) (bool, any) { return false, nil })
	ended(t, s.User(slackfake.Operator).Mention(slackfake.Ops, "", "help"), slackfake.GivenUp)
	if n := len(b.wait(t, socketmode.EventTypeEventsAPI, 4)); n != 4 {
		t.Errorf("%d deliveries, want the first and three more", n)
	}
}

func TestAnEventOfATimeWithoutSocketsComesLater(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.Retry = []time.Duration{0, 500 * time.Millisecond} })
	in := s.User(slackfake.Operator).Mention(slackfake.Ops, "", "help")
	b := startBot(t, s, nil)
	ended(t, in, slackfake.Acked)
	if ev := b.wait(t, socketmode.EventTypeEventsAPI, 1)[0]; ev.Request.RetryAttempt == 0 {
		t.Errorf("retry_attempt = 0 on %+v", ev.Request)
	}
}

func TestCommandsAndClicksAreNeverSentAgain(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	bo := s.User(slackfake.Commander)
	if out := ended(t, bo.Slash(slackfake.Ops, "help"), slackfake.DispatchFailed); out.Error != `failed with the error "dispatch_failed"` {
		t.Errorf("the person sees %q", out.Error)
	}
	b := startBot(t, s, func(socketmode.Event) (bool, any) { return false, nil })
	if out := ended(t, bo.Slash(slackfake.Ops, "help"), slackfake.TimedOut); out.Error != `failed with the error "operation_timeout"` {
		t.Errorf("the person sees %q", out.Error)
	}
	ts := post(t, b.Client, slackfake.Ops, slackOption(actions("b", "incident.ack", "1")))
	if out := ended(t, bo.Click(slackfake.Ops, ts, "incident.ack"), slackfake.TimedOut); out.Error != "⚠" {
		t.Errorf("the person sees %q", out.Error)
	}
	ended(t, bo.Mention(slackfake.Ops, "", "later than all that"), slackfake.GivenUp)
	if n := len(b.wait(t, socketmode.EventTypeSlashCommand, 1)); n != 1 {
		t.Errorf("the command came %d times", n)
	}
	if n := len(b.wait(t, socketmode.EventTypeInteractive, 1)); n != 1 {
		t.Errorf("the click came %d times", n)
	}
}

func TestAMentionHasATwinWhereTheBotHearsMessages(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Events = append(c.Events, "message.channels") })
	b := startBot(t, s, nil)
	in := s.User(slackfake.Operator).Mention(slackfake.Ops, "", "status")
	ended(t, in, slackfake.Acked)
	evs := b.wait(t, socketmode.EventTypeEventsAPI, 2)
	if eventID(t, evs[0]) == eventID(t, evs[1]) {
		t.Error("the twins have one event_id")
	}
	var kinds []string
	for _, ev := range evs {
		api, _ := ev.Data.(slackevents.EventsAPIEvent)
		switch x := api.InnerEvent.Data.(type) {
		case *slackevents.AppMentionEvent:
			kinds = append(kinds, "mention "+x.TimeStamp)
		case *slackevents.MessageEvent:
			kinds = append(kinds, "message "+x.TimeStamp)
		}
	}
	slices.Sort(kinds)
	if want := []string{"mention " + in.Message.TS, "message " + in.Message.TS}; !slices.Equal(kinds, want) {
		t.Errorf("events = %v, want %v", kinds, want)
	}
}

func TestEventsCanBeDuplicatedAndReordered(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Seed = 3 })
	b := startBot(t, s, nil)
	s.SetShuffle(slackfake.Shuffle{Duplicate: 1})
	ended(t, s.User(slackfake.Operator).Mention(slackfake.Ops, "", "one"), slackfake.Acked)
	evs := b.wait(t, socketmode.EventTypeEventsAPI, 2)
	if eventID(t, evs[0]) != eventID(t, evs[1]) || evs[0].Request.EnvelopeID == evs[1].Request.EnvelopeID {
		t.Error("a duplicate has the same event_id in another envelope")
	}
	s.SetShuffle(slackfake.Shuffle{Duplicate: 1, SameID: true})
	ended(t, s.User(slackfake.Operator).Mention(slackfake.Ops, "", "two"), slackfake.Acked)
	evs = b.wait(t, socketmode.EventTypeEventsAPI, 4)
	if evs[2].Request.EnvelopeID != evs[3].Request.EnvelopeID {
		t.Error("the duplicate has another envelope_id")
	}

	s.SetShuffle(slackfake.Shuffle{Reorder: 0.5, Hold: 100 * time.Millisecond})
	var sent []string
	for range 10 {
		sent = append(sent, s.User(slackfake.Operator).Mention(slackfake.Ops, "", "x").Message.TS)
	}
	var got []string
	for _, ev := range b.wait(t, socketmode.EventTypeEventsAPI, 14)[4:] {
		api, _ := ev.Data.(slackevents.EventsAPIEvent)
		m, _ := api.InnerEvent.Data.(*slackevents.AppMentionEvent)
		got = append(got, m.TimeStamp)
	}
	if slices.Equal(got, sent) {
		t.Error("the events came in their order")
	}
	slices.Sort(got)
	if !slices.Equal(got, sent) {
		t.Errorf("got %v, want %v in some order", got, sent)
	}
}

func TestStrangeFramesAndEventsReachTheClient(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := startBot(t, s, nil)
	if !s.SendRaw(`{"type":nonsense}`) {
		t.Error("there was no socket")
	}
	b.wait(t, socketmode.EventTypeIncomingError, 1)
	// The client of slack-go cannot read these two, and hands them over without the request: the bot has to acknowledge by hand.
	in := s.SendEnvelope("teleported", `{"x":1}`)
	ended(t, in, slackfake.TimedOut)
	strange := s.SendEvent(`{"type":"from_the_future","event_ts":"1.000001"}`)
	b.wait(t, socketmode.EventTypeErrorBadMessage, 2)
	ended(t, strange, slackfake.GivenUp)
	ended(t, s.SendEvent(`{"type":"app_mention","user":"U01AAAA","text":"hi","ts":"1.000001","channel":"C0OPS","new_field":{"a":[1]}}`), slackfake.Acked)
}

func TestTheBotHearsItsOwnPostsEditsAndReactions(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Events = append(c.Events, "message.channels") })
	b := startBot(t, s, nil)
	ts := post(t, b.Client, slackfake.Ops, slackText("<@U0BOT> one"))
	if _, _, _, err := b.UpdateMessageContext(t.Context(), slackfake.Ops, ts, slackText("two")); err != nil {
		t.Fatal(err)
	}
	if err := b.AddReactionContext(t.Context(), "eyes", itemAt(slackfake.Ops, ts)); err != nil {
		t.Fatal(err)
	}
	var own, changed, reactions int
	for _, ev := range b.wait(t, socketmode.EventTypeEventsAPI, 3) {
		api, _ := ev.Data.(slackevents.EventsAPIEvent)
		switch x := api.InnerEvent.Data.(type) {
		case *slackevents.MessageEvent:
			if x.SubType == "message_changed" && x.Message.Text == "two" && x.PreviousMessage.Text == "<@U0BOT> one" {
				changed++
			} else if x.BotID == "B0FAKE" && x.User == slackfake.BotUser {
				own++
			}
		case *slackevents.AppMentionEvent:
			t.Error("the bot was told that it mentions itself")
		case *slackevents.ReactionAddedEvent:
			if x.User == slackfake.BotUser {
				reactions++
			}
		}
	}
	if own != 1 || changed != 1 || reactions != 1 {
		t.Errorf("own = %d, changed = %d, reactions = %d", own, changed, reactions)
	}
}

func TestTheBotHearsOfMembersGroupsAndHomes(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := startBot(t, s, nil)
	s.Invite(slackfake.Random, slackfake.BotUser)
	s.SetGroup(slackfake.OpsGroup, slackfake.Commander2)
	ended(t, s.User(slackfake.Operator).OpenHome(), slackfake.Acked)
	ended(t, s.User(slackfake.Operator).Post(s.User(slackfake.Operator).DM(), "", "help"), slackfake.Acked)
	ended(t, s.User(slackfake.Operator).React(slackfake.Ops, s.User(slackfake.Bystander).Post(slackfake.Ops, "", "x").Message.TS, "+1"),
		slackfake.Acked)
	var kinds []string
	for _, ev := range b.wait(t, socketmode.EventTypeEventsAPI, 5) {
		api, _ := ev.Data.(slackevents.EventsAPIEvent)
		kinds = append(kinds, api.InnerEvent.Type)
		if g, ok := api.InnerEvent.Data.(*slackevents.SubteamMembersChangedEvent); ok &&
			(!slices.Equal(g.AddedUsers, []string{slackfake.Commander2}) || len(g.RemovedUsers) != 2) {
			t.Errorf("members changed = %+v", g)
		}
		if m, ok := api.InnerEvent.Data.(*slackevents.MessageEvent); ok && (m.ChannelType != "im" || m.Text != "help") {
			t.Errorf("direct message = %+v", m)
		}
	}
	want := []string{"member_joined_channel", "subteam_members_changed", "app_home_opened", "message", "reaction_added"}
	if !slices.Equal(kinds, want) {
		t.Errorf("events = %v, want %v", kinds, want)
	}
	ended(t, s.User(slackfake.Operator).Post(slackfake.Ops, "", "not subscribed"), slackfake.Unheard)
	ended(t, s.User(slackfake.Operator).Mention(slackfake.Vault, "", "not there"), slackfake.Unheard)
}
