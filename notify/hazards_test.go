package notify_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/bot"
	"github.com/ai-notebook/notebookbot/incidents"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
	"github.com/ai-notebook/notebookbot/internal/store"
	"github.com/ai-notebook/notebookbot/internal/store/storetest"
	"github.com/ai-notebook/notebookbot/notify"
)

// Whatever goes wrong once or for a while, each message stands once, and each thread in its order.
func TestThroughEachFaultOfSlackAllIsSaidOnceAndInOrder(t *testing.T) {
	t.Parallel()
	const post = "chat.postMessage"
	faults := map[string][]slackfake.Fault{
		"a lost answer":           {{Method: post, Kind: slackfake.Lost, Count: 2, Skip: 1}},
		"the answer was a 500":    {{Method: post, Kind: slackfake.Doubtful, Count: 2, Skip: 1}},
		"done late":               {{Method: post, Kind: slackfake.Late, Delay: 2100 * time.Millisecond, Count: 1, Skip: 1}},
		"slow":                    {{Method: post, Kind: slackfake.Slow, Delay: 700 * time.Millisecond, Count: 3}},
		"429":                     {{Method: post, Kind: slackfake.Limited, RetryAfter: time.Second, Count: 2, Skip: 1}},
		"429 without Retry-After": {{Method: post, Kind: slackfake.Limited, Bare: true, Count: 1, Skip: 1}},
		"500 in HTML":             {{Method: post, Kind: slackfake.Broken, Count: 3}},
		"hanging":                 {{Method: post, Kind: slackfake.Hang, Count: 2, Skip: 1}},
		"cut":                     {{Method: post, Kind: slackfake.Cut, Count: 3, Skip: 1}},
		"internal_error":          {{Method: post, Kind: slackfake.ErrorCode, Error: "internal_error", Count: 3}},
		"a lost answer, and history is limited": {
			{Method: post, Kind: slackfake.Lost, Count: 1, Skip: 1},
			{Method: "conversations.history", Kind: slackfake.Limited, RetryAfter: time.Second, Count: 1},
			{Method: "conversations.replies", Kind: slackfake.Limited, RetryAfter: time.Second, Count: 1},
		},
		"a lost answer, and history fails": {
			{Method: post, Kind: slackfake.Lost, Count: 1, Skip: 1},
			{Method: "conversations.history", Kind: slackfake.Broken, Count: 2},
			{Method: "conversations.replies", Kind: slackfake.Broken, Count: 2},
		},
		"edits are limited": {{Method: "chat.update", Kind: slackfake.Limited, RetryAfter: time.Second, Count: 2}},
		"edits are lost":    {{Method: "chat.update", Kind: slackfake.Lost, Count: 1}},
		"all at random": {
			{Method: post, Kind: slackfake.Lost, Count: 3, Probability: .2},
			{Method: post, Kind: slackfake.Cut, Count: 2, Probability: .2},
			{Kind: slackfake.Broken, Count: 3, Probability: .1},
			{Method: "chat.update", Kind: slackfake.Doubtful, Count: 2, Probability: .5},
		},
	}
	for name, list := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, storetest.Open(t), nil)
			s.hurry, s.config.Settle = true, 400*time.Millisecond
			for _, f := range list {
				s.slack.Fault(f)
			}
			s.run(t)
			a, b := s.open(t, incidents.P0, "api", slackfake.Incidents), s.open(t, incidents.P2, "disk", slackfake.Secret)
			na, nb := s.notes(t, a, 3), s.notes(t, b, 3)
			s.apply(t, a, incidents.Ack{By: incidents.Person(slackfake.Commander)})
			s.drained(t)
			s.once(t)
			s.inOrder(t, a, na)
			s.inOrder(t, b, nb)
			if card := fmt.Sprint(s.card(t, a).Blocks); !strings.Contains(card, slackfake.Commander) {
				t.Errorf("the card does not show who acknowledged: %s", card)
			}
		})
	}
}

func TestHistoryThatLagsIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStage(t, storetest.Open(t), func(c *slackfake.Config) { c.Times.HistoryLag = 300 * time.Millisecond })
	s.config.Settle = 500 * time.Millisecond
	s.slack.Fault(slackfake.Fault{Method: "chat.postMessage", Kind: slackfake.Lost, Count: 1})
	s.run(t)
	s.open(t, incidents.P0, "api", slackfake.Incidents)
	s.drained(t)
	s.once(t)
}

func TestAnHourWithoutSlackLosesNothingAndTheWorstGoesFirst(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		t.Helper()
		s := newStage(t, st, nil)
		s.run(t)
		old := s.open(t, incidents.P1, "before", slackfake.Secret)
		s.drained(t)
		s.slack.SetReachable(false)
		said := map[int64][]string{}
		for i := range 3 {
			n := s.open(t, incidents.P2, fmt.Sprint("disk ", i), slackfake.Incidents)
			said[n] = s.notes(t, n, 1)
		}
		said[old] = s.notes(t, old, 3)
		// It is away for long enough that the outbox has seen it and rests.
		untilWithin(t, time.Minute, "some tries failed", func() bool { return s.counter(t, notify.Again)+s.counter(t, notify.Unknown) >= 3 })
		worst := s.open(t, incidents.P0, "api", slackfake.Incidents)
		said[worst] = s.notes(t, worst, 2)
		before := s.counter(t, notify.Again) + s.counter(t, notify.Unknown)
		<-time.After(2 * time.Second)
		if tried := s.counter(t, notify.Again) + s.counter(t, notify.Unknown) - before; tried > 2*4 {
			t.Errorf("%v tries in two seconds without Slack", tried)
		}
		s.slack.SetReachable(true)
		s.drained(t)
		s.once(t)
		for n, notes := range said {
			s.inOrder(t, n, notes)
		}
		keys := s.said(slackfake.Incidents)
		if i := slices.Index(keys, incidents.Key(worst)+"/card"); i > 2 {
			t.Errorf("the P0 card came as number %d of %v", i+1, keys)
		}
	})
}

func TestARevokedTokenThatIsMendedLosesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, st *store.Store) {
		t.Helper()
		s := newStage(t, st, nil)
		s.slack.SetToken(slackfake.BotToken, "token_revoked", nil)
		s.run(t)
		said := map[int64][]string{}
		for range 3 {
			n := s.open(t, incidents.P2, "disk", slackfake.Incidents)
			said[n] = s.notes(t, n, 1)
		}
		until(t, "it is flagged", func() bool { return slices.Equal(s.out.Troubles(), []string{"token_revoked"}) })
		worst := s.open(t, incidents.P0, "api", slackfake.Incidents)
		said[worst] = s.notes(t, worst, 2)
		calls := len(s.slack.Calls(""))
		<-time.After(2 * time.Second)
		if n := len(s.slack.Calls("")) - calls; n > 12 {
			t.Errorf("%d calls in two seconds with a token that Slack refuses", n)
		}
		s.slack.SetToken(slackfake.BotToken, "", nil)
		s.drained(t)
		s.once(t)
		for n, notes := range said {
			s.inOrder(t, n, notes)
		}
		if keys := s.said(slackfake.Incidents); slices.Index(keys, incidents.Key(worst)+"/card") > 1 {
			t.Errorf("the P0 card was not the first: %v", keys)
		}
		if got := s.out.Troubles(); len(got) > 0 {
			t.Errorf("Troubles = %v after it was mended", got)
		}
	})
}

func TestWhatAClosedChannelDoesNotTakeStandsInOpsWithItsReplies(t *testing.T) {
	t.Parallel()
	for channel, reason := range map[string]string{
		slackfake.Attic: "is_archived", slackfake.Random: "not_in_channel", slackfake.Vault: "channel_not_found", "C0NONE": "channel_not_found",
	} {
		t.Run(channel, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, storetest.Open(t), nil)
			s.hurry = true
			stop := s.run(t)
			n := s.open(t, incidents.P0, "api", channel)
			notes := s.notes(t, n, 2)
			s.drained(t)
			if got := s.out.Troubles(); !slices.Equal(got, []string{reason + " (" + channel + ")"}) {
				t.Errorf("Troubles = %v", got)
			}
			stop()
			s.run(t) // a restart tells it no second time
			other := s.open(t, incidents.P0, "db", channel)
			more := s.notes(t, other, 1)
			s.drained(t)
			s.once(t)
			s.inOrder(t, n, notes)
			s.inOrder(t, other, more)
			told := 0
			for _, m := range s.slack.Messages(slackfake.Ops) {
				if strings.HasPrefix(m.Key(), "trouble/") {
					told++
				}
			}
			if told != 1 || s.card(t, n).Channel != slackfake.Ops {
				t.Errorf("told %d times; the card stands in %s", told, s.card(t, n).Channel)
			}
		})
	}
}

func TestWhatGoesToOpsInsteadIsPaidThere(t *testing.T) {
	t.Parallel()
	s := newStage(t, storetest.Open(t), nil)
	s.run(t)
	s.put(t, answer("first", "first", slackfake.Attic, 20))
	s.drained(t)
	for i := range 4 {
		s.put(t, answer(fmt.Sprint("ops", i), fmt.Sprint("ops", i), slackfake.Ops, 20), answer(fmt.Sprint("attic", i), fmt.Sprint("attic", i), slackfake.Attic, 20))
	}
	until(t, "some are posted", func() bool { return len(s.said(slackfake.Ops)) >= 4 })
	s.put(t, answer("p0", "p0", slackfake.Attic, 0))
	s.drained(t) // the stage fails on a 429 that nobody ordered
	s.once(t)
	if got := s.said(slackfake.Ops); slices.Index(got, "p0") > 6 {
		t.Errorf("the urgent one waited for the rest: %v", got)
	}
}

func TestAChannelThatIsArchivedUnderItsCardSendsTheRestToOps(t *testing.T) {
	t.Parallel()
	s := newStage(t, storetest.Open(t), nil)
	s.hurry = true
	s.run(t)
	n := s.open(t, incidents.P0, "api", slackfake.Secret)
	s.drained(t)
	s.slack.Archive(slackfake.Secret, true)
	s.notes(t, n, 2)
	s.apply(t, n, incidents.Ack{By: incidents.Person(slackfake.Commander)})
	s.drained(t) // the edit too: it is not tried for ever
	var got []slackfake.Message
	for _, m := range s.slack.Messages(slackfake.Ops) {
		if strings.HasPrefix(m.Key(), incidents.Key(n)+"/") {
			got = append(got, m)
		}
	}
	if len(got) != 3 {
		t.Fatalf("%d messages in ops, want two notes and the acknowledgement", len(got))
	}
	for _, m := range got {
		if !strings.Contains(fmt.Sprint(m.Blocks), incidents.Key(n)) || m.Thread != "" {
			t.Errorf("a message outside of its thread does not say whose it is: %v", m.Blocks)
		}
	}
}

func TestACardThatSomebodyDeletedIsNotEditedForEver(t *testing.T) {
	t.Parallel()
	s := newStage(t, storetest.Open(t), nil)
	s.run(t)
	n := s.open(t, incidents.P1, "api", slackfake.Incidents)
	s.drained(t)
	card := s.card(t, n)
	s.slack.User(slackfake.Commander).Delete(card.Channel, card.TS)
	s.note(t, n, "«still told»")
	s.apply(t, n, incidents.Ack{By: incidents.Person(slackfake.Commander)})
	s.drained(t)
	s.once(t)
	if got := len(s.slack.Calls("chat.update")); got > 2 {
		t.Errorf("%d edits of a message that is gone", got)
	}
	if got := s.out.Troubles(); len(got) > 0 {
		t.Errorf("Troubles = %v: nothing is to be mended", got)
	}
}

func TestAnEditThatIsDoneLateDoesNotStay(t *testing.T) {
	t.Parallel()
	s := newStage(t, storetest.Open(t), nil)
	s.config.Settle = 600 * time.Millisecond // confirmed after three seconds
	s.run(t)
	n := s.open(t, incidents.P0, "api", slackfake.Incidents)
	s.drained(t)
	// The edit to "acknowledged" hangs in Slack for longer than we wait, and is done after the edit to "resolved".
	s.slack.Fault(slackfake.Fault{Method: "chat.update", Kind: slackfake.Late, Delay: 4 * time.Second, Count: 1})
	s.apply(t, n, incidents.Ack{By: incidents.Person(slackfake.Commander)})
	until(t, "the edit is under way", func() bool {
		return slices.ContainsFunc(s.slack.Calls("chat.update"), func(c slackfake.Call) bool { return c.Fault == slackfake.Late })
	})
	s.apply(t, n, incidents.ResolveBy{By: incidents.Person(slackfake.Commander), Report: incidents.Report{Cause: "«the cause»", Solution: "s", Prevention: "p"}})
	s.drained(t)
	until(t, "the late one was done", func() bool {
		return slices.ContainsFunc(s.slack.Calls("chat.update"), func(c slackfake.Call) bool { return c.Fault == slackfake.Late && c.Done })
	})
	resolved := s.card(t, n)
	if strings.Contains(fmt.Sprint(resolved.Blocks), "incident.resolve") {
		t.Errorf("an older state replaced the newest: %v", resolved.Blocks)
	}
}

func TestAPersonWhoIsGoneHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := newStage(t, storetest.Open(t), nil)
	s.run(t)
	private := answer("private", "answer/x", slackfake.Leaver, 5)
	alone := answer("alone", "answer/y", slackfake.Random, 5)
	alone.User = slackfake.Operator // the bot is not there
	next := answer("next", "answer/x", slackfake.Operator, 5)
	s.put(t, private, alone, next)
	s.drained(t)
	if got := s.said(slackfake.Ops); len(got) > 1 || slices.Contains(got, "private") {
		t.Errorf("ops heard %v: an answer for one person went to all", got)
	}
	if got := s.said(s.slack.User(slackfake.Operator).DM()); !slices.Equal(got, []string{"next"}) {
		t.Errorf("the next one in the lane: %v", got)
	}
	if got := s.counter(t, notify.Skipped); got != 2 {
		t.Errorf("%v skipped, want 2", got)
	}
}

func TestAPersonAndTheirDirectChannelShareOneBudget(t *testing.T) {
	t.Parallel()
	s := newStage(t, storetest.Open(t), nil)
	dm := s.slack.User(slackfake.Operator).DM()
	s.put(t, answer("first", "first", slackfake.Operator, 0))
	s.run(t)
	s.drained(t)
	for i := range 3 {
		s.put(t, answer(fmt.Sprint("u", i), fmt.Sprint("u", i), slackfake.Operator, 0), answer(fmt.Sprint("d", i), fmt.Sprint("d", i), dm, 0))
	}
	s.drained(t) // the stage fails on a 429 that nobody ordered
	s.once(t)
}

func TestWithoutHistoryAMessageOfUnknownFateIsSaidAgainInTheEnd(t *testing.T) {
	t.Parallel()
	scopes := slices.DeleteFunc(bot.Scopes(), func(s string) bool { return strings.HasSuffix(s, ":history") })
	s := newStage(t, storetest.Open(t), nil)
	s.slack.SetToken(slackfake.BotToken, "", scopes)
	s.slack.Fault(slackfake.Fault{Method: "chat.postMessage", Kind: slackfake.Broken, Count: 1})
	s.run(t)
	s.put(t, answer("a", "a", slackfake.Incidents, 0))
	s.put(t, answer("b", "b", slackfake.Secret, 20))
	until(t, "the other one is posted", func() bool { return slices.Contains(s.said(slackfake.Secret), "b") })
	if slices.Contains(s.said(slackfake.Incidents), "a") {
		t.Error("a missing scope of one method held up another channel until it was over")
	}
	s.drained(t)
	s.once(t)
	if got := s.out.Troubles(); !slices.Equal(got, nil) && len(got) > 1 {
		t.Errorf("Troubles = %v", got)
	}
}

func TestTwoReplicasSayEverythingOnce(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		t.Helper()
		s := newStage(t, storetest.OpenURL(t, url), func(c *slackfake.Config) { c.RateLimits = false })
		s.hurry = true
		s.run(t)
		if strings.HasPrefix(url, "postgres") {
			other := *s
			other.store = storetest.OpenURL(t, url)
			other.run(t)
		} else {
			s.run(t) // two in one process on one file: the same claims
		}
		s.slack.Fault(slackfake.Fault{Method: "chat.postMessage", Kind: slackfake.Lost, Count: 3, Probability: .3})
		said := map[int64][]string{}
		for i := range 4 {
			n := s.open(t, incidents.Level(i%3), "api", slackfake.Incidents)
			said[n] = s.notes(t, n, 2)
		}
		s.drained(t)
		s.once(t)
		for n, notes := range said {
			s.inOrder(t, n, notes)
		}
	})
}

func TestRefusedBlocksOfARealCardAreMendedByTheNextEdit(t *testing.T) {
	t.Parallel()
	s := newStage(t, storetest.Open(t), nil)
	s.slack.Fault(slackfake.Fault{Method: "chat.postMessage", Kind: slackfake.ErrorCode, Error: "invalid_blocks", Channel: slackfake.Incidents, Count: 1})
	s.run(t)
	n := s.open(t, incidents.P0, "api", slackfake.Incidents)
	s.drained(t)
	s.once(t)
	if card := s.card(t, n); len(card.Blocks) == 0 || card.Edits == 0 {
		t.Errorf("the card stays bare: %+v", card)
	}
	if n := len(slices.DeleteFunc(s.slack.Calls("chat.postMessage"), func(c slackfake.Call) bool { return c.Status == http.StatusOK })); n > 0 {
		t.Errorf("%d calls failed otherwise", n)
	}
}
