package slackfake_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

func plainText(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

// resolveModal asks for a cause (needed), a person and a level.
func resolveModal(title string) slack.ModalViewRequest {
	cause := slack.NewPlainTextInputBlockElement(nil, "v")
	cause.Multiline = true
	cause.MaxLength = 10
	level := slack.NewOptionsSelectBlockElement("static_select", nil, "v",
		slack.NewOptionBlockObject("P0", plainText("P0"), nil), slack.NewOptionBlockObject("P1", plainText("P1"), nil))
	level.InitialOption = slack.NewOptionBlockObject("P1", plainText("P1"), nil)
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: "incident.resolve", PrivateMetadata: "INC-1", Title: plainText(title),
		Submit: plainText("Send"), Close: plainText("Cancel"), NotifyOnClose: true,
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewInputBlock("cause", plainText("Cause"), nil, cause),
			slack.NewInputBlock("who", plainText("Who"), nil, slack.NewOptionsSelectBlockElement("users_select", nil, "v")).WithOptional(true),
			slack.NewInputBlock("level", plainText("Level"), nil, level),
			slack.NewActionBlock("more", slack.NewButtonBlockElement("view.more", "1", plainText("More"))),
		}},
	}
}

// modalBot acknowledges everything; submissions with what submit returns.
func modalBot(t *testing.T, s *slackfake.Server, submit func(slack.InteractionCallback) any) *bot {
	t.Helper()
	return startBot(t, s, func(ev socketmode.Event) (bool, any) {
		if cb, ok := ev.Data.(slack.InteractionCallback); ok && cb.Type == slack.InteractionTypeViewSubmission && submit != nil {
			return true, submit(cb)
		}
		return true, nil
	})
}

func TestAModalIsOpenedFilledInAndSent(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := modalBot(t, s, nil)
	ana := s.User(slackfake.Operator)
	in := ana.Slash(slackfake.Ops, "incident resolve")
	ended(t, in, slackfake.Acked)
	if _, err := b.OpenViewContext(t.Context(), in.Trigger, resolveModal("Resolve")); err != nil {
		t.Fatal(err)
	}
	v, err := in.View(t.Context())
	if err != nil || v.User != slackfake.Operator || v.Metadata != "INC-1" || v.Title != "Resolve" {
		t.Fatalf("view = %+v, %v", v, err)
	}
	for _, tc := range []struct {
		values map[string]string
		want   string
	}{
		{nil, "required"},
		{map[string]string{"cause": "longer than ten"}, "too many characters"},
		{map[string]string{"cause": "disk", "who": "U0NOBODY"}, "there is no user"},
		{map[string]string{"cause": "disk", "level": "P9"}, "there is no option"},
		{map[string]string{"cause": "disk", "color": "red"}, "the view has no input color"},
	} {
		if out := ended(t, ana.Submit(v.ID, tc.values), slackfake.Refused); !strings.Contains(out.Error, tc.want) {
			t.Errorf("Slack's client says %q, want %q", out.Error, tc.want)
		}
	}
	ended(t, s.User(slackfake.Commander).Submit(v.ID, map[string]string{"cause": "x"}), slackfake.Refused)
	ended(t, ana.Submit(v.ID, map[string]string{"cause": "disk\nfull", "who": slackfake.Commander}), slackfake.Acked)
	cb, _ := b.wait(t, socketmode.EventTypeInteractive, 1)[0].Data.(slack.InteractionCallback)
	got := cb.View.State.Values
	if cb.View.CallbackID != "incident.resolve" || cb.View.PrivateMetadata != "INC-1" || got["cause"]["v"].Value != "disk\nfull" ||
		got["who"]["v"].SelectedUser != slackfake.Commander || got["level"]["v"].SelectedOption.Value != "P1" {
		t.Errorf("submission = %+v", got)
	}
	if len(s.Views(slackfake.Operator)) != 0 {
		t.Error("the modal is still open")
	}
}

func TestAnswersToASubmissionAreCarriedOut(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	var answer any
	b := modalBot(t, s, func(slack.InteractionCallback) any { return answer })
	ana := s.User(slackfake.Operator)
	open := func() slackfake.View {
		t.Helper()
		in := ana.Slash(slackfake.Ops, "x")
		ended(t, in, slackfake.Acked)
		if _, err := b.OpenViewContext(t.Context(), in.Trigger, resolveModal("First")); err != nil {
			t.Fatal(err)
		}
		return s.Views(slackfake.Operator)[0]
	}
	v := open()
	fill := map[string]string{"cause": "disk"}

	answer = slack.NewErrorsViewSubmissionResponse(map[string]string{"cause": "no such cause"})
	if out := ended(t, ana.Submit(v.ID, fill), slackfake.Acked); out.Error != "no such cause" || len(out.Ack) == 0 {
		t.Errorf("outcome = %+v", out)
	}
	if got, _ := s.View(v.ID); got.Errors["cause"] != "no such cause" || got.Closed {
		t.Errorf("view = %+v", got)
	}
	answer = slack.NewErrorsViewSubmissionResponse(map[string]string{"nowhere": "x"})
	ended(t, ana.Submit(v.ID, fill), slackfake.Acked)
	violated(t, s, "no input block")

	next := resolveModal("Second")
	answer = slack.NewUpdateViewSubmissionResponse(&next)
	ended(t, ana.Submit(v.ID, fill), slackfake.Acked)
	got, _ := s.View(v.ID)
	if got.Title != "Second" || got.Values["cause"]["v"] == nil || got.Trouble != "" {
		t.Errorf("updated view = %+v", got)
	}
	answer = slack.NewPushViewSubmissionResponse(&next)
	ended(t, ana.Submit(v.ID, fill), slackfake.Acked)
	stack := s.Views(slackfake.Operator)
	if len(stack) != 2 || stack[1].Previous != v.ID || stack[1].Root != v.ID {
		t.Errorf("stack = %+v", stack)
	}
	ended(t, ana.Submit(v.ID, fill), slackfake.Refused) // Another view lies on top.
	answer = slack.NewClearViewSubmissionResponse()
	ended(t, ana.Submit(stack[1].ID, fill), slackfake.Acked)
	if n := len(s.Views(slackfake.Operator)); n != 0 {
		t.Errorf("%d views left after clear", n)
	}
	answer = map[string]any{"response_action": "explode"}
	ended(t, ana.Submit(open().ID, fill), slackfake.Acked)
	violated(t, s, "response_action explode")
}

func TestASubmissionThatNobodyAcknowledgesStaysOpen(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := modalBot(t, s, nil)
	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "x")
	ended(t, in, slackfake.Acked)
	v, err := b.OpenViewContext(t.Context(), in.Trigger, resolveModal("First"))
	if err != nil {
		t.Fatal(err)
	}
	s.FreezeSockets()
	out := ended(t, s.User(slackfake.Operator).Submit(v.ID, map[string]string{"cause": "x"}), slackfake.TimedOut)
	if !strings.Contains(out.Error, "trouble connecting") || len(s.Views(slackfake.Operator)) != 1 {
		t.Errorf("the person sees %q and %d views", out.Error, len(s.Views(slackfake.Operator)))
	}
}

func TestTriggersWorkOnceAndNotForLong(t *testing.T) {
	t.Parallel()
	s := workspace(t, func(c *slackfake.Config) { c.Times.Trigger = 300 * time.Millisecond })
	b := modalBot(t, s, nil)
	open := func(trigger string) error {
		_, err := b.OpenViewContext(t.Context(), trigger, resolveModal("x"))
		return err
	}
	in := s.User(slackfake.Operator).Slash(slackfake.Ops, "x")
	if err := open(in.Trigger); err != nil {
		t.Errorf("the first time: %v", err)
	}
	refused(t, open(in.Trigger), "exchanged_trigger_id")
	refused(t, open("1.2.3"), "invalid_trigger_id")
	violated(t, s, "invalid_trigger_id")
	in = s.User(slackfake.Operator).Slash(slackfake.Ops, "x")
	late := time.After(350 * time.Millisecond)
	<-late
	refused(t, open(in.Trigger), "expired_trigger_id")
}

func TestViewsArePushedUpdatedClosedAndPublished(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := modalBot(t, s, nil)
	ana := s.User(slackfake.Operator)
	in := ana.Slash(slackfake.Ops, "x")
	first, err := b.OpenViewContext(t.Context(), in.Trigger, resolveModal("1"))
	if err != nil {
		t.Fatal(err)
	}
	top := first.ID
	for _, title := range []string{"2", "3"} {
		click := ana.ClickIn(top, "view.more")
		ended(t, click, slackfake.Acked)
		v, err := b.PushViewContext(t.Context(), click.Trigger, resolveModal(title))
		if err != nil {
			t.Fatal(err)
		}
		top = v.ID
	}
	click := ana.ClickIn(top, "view.more")
	_, err = b.PushViewContext(t.Context(), click.Trigger, resolveModal("4"))
	refused(t, err, "push_limit_reached")
	violated(t, s, "push_limit_reached")

	updated, err := b.UpdateViewContext(t.Context(), resolveModal("2"), "", first.Hash, first.ID)
	if err != nil || updated.Hash == first.Hash {
		t.Errorf("update: %v", err)
	}
	_, err = b.UpdateViewContext(t.Context(), resolveModal("2"), "", first.Hash, first.ID)
	refused(t, err, "hash_conflict")
	_, err = b.UpdateViewContext(t.Context(), resolveModal("2"), "", "", "V0NOWHERE")
	refused(t, err, "not_found")

	ended(t, ana.CloseView(top, false), slackfake.Acked)
	if n := len(s.Views(slackfake.Operator)); n != 2 {
		t.Errorf("%d views open, want 2", n)
	}
	evs := b.wait(t, socketmode.EventTypeInteractive, 4)
	if cb, _ := evs[len(evs)-1].Data.(slack.InteractionCallback); cb.Type != slack.InteractionTypeViewClosed || cb.View.ID != top {
		t.Errorf("last interaction = %+v", cb)
	}
	ended(t, ana.CloseView(first.ID, true), slackfake.Acked)
	if n := len(s.Views(slackfake.Operator)); n != 0 {
		t.Errorf("%d views open, want none", n)
	}

	home := slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewDividerBlock()}}}
	if _, err := b.PublishViewContext(t.Context(), slack.PublishViewContextRequest{UserID: slackfake.Operator, View: home}); err != nil {
		t.Fatal(err)
	}
	if v, ok := s.Home(slackfake.Operator); !ok || len(v.Blocks) != 1 {
		t.Errorf("home = %+v", v)
	}
	stale := "1.1"
	_, err = b.PublishViewContext(t.Context(), slack.PublishViewContextRequest{UserID: slackfake.Operator, View: home, Hash: &stale})
	refused(t, err, "hash_conflict")
}

func TestPeopleCanOnlyDoWhatSlackLetsThem(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := startBot(t, s, nil)
	ts := post(t, b.Client, slackfake.Secret, slackText("x"), slackOption(actions("b", "a", "1")))
	ana := s.User(slackfake.Operator)
	for name, in := range map[string]*slackfake.Interaction{
		"a stranger's click":   s.User(slackfake.Commander2).Click(slackfake.Secret, ts, "a"),
		"nobody's command":     s.User("U0NOBODY").Slash(slackfake.Ops, "x"),
		"a leaver's command":   s.User(slackfake.Leaver).Slash(slackfake.Ops, "x"),
		"a button not there":   ana.Click(slackfake.Secret, ts, "b"),
		"a message not there":  ana.Click(slackfake.Secret, "1.000001", "a"),
		"an unknown command":   ana.SlashCommand("/dance", slackfake.Ops, ""),
		"a post to an archive": ana.Post(slackfake.Attic, "", "x"),
		"a thread not there":   ana.Post(slackfake.Ops, "1.000001", "x"),
		"a view not there":     ana.ClickIn("V0NOWHERE", "a"),
	} {
		out := ended(t, in, slackfake.Refused)
		if out.Error == "" {
			t.Errorf("%s: no reason", name)
		}
	}
	if n := len(s.Envelopes()); n != 0 {
		t.Errorf("%d envelopes were sent", n)
	}
}

func TestClicksCarryWhatTheBotNeeds(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := startBot(t, s, nil)
	root := post(t, b.Client, slackfake.Ops, slackText("root"))
	link := slack.NewButtonBlockElement("open", "1", plainText("Open"))
	link.URL = "https://example.com/"
	sure := slack.NewButtonBlockElement("sure", "2", plainText("Sure"))
	sure.Confirm = slack.NewConfirmationBlockObject(plainText("Really?"), plainText("It hurts."), plainText("Yes"), plainText("No"))
	choice := slack.NewOptionsSelectBlockElement("static_select", nil, "level", slack.NewOptionBlockObject("P0", plainText("P0"), nil))
	ts := post(t, b.Client, slackfake.Ops, slackText("x"), slack.MsgOptionTS(root), slackOption(slack.NewActionBlock("b", link, sure, choice)))
	bo := s.User(slackfake.Commander)
	if in := bo.Click(slackfake.Ops, ts, "open"); in.URL != "https://example.com/" {
		t.Errorf("address = %q", in.URL)
	}
	if in := bo.Click(slackfake.Ops, ts, "sure"); !in.Confirm {
		t.Error("nobody was asked to confirm")
	}
	ended(t, bo.Choose(slackfake.Ops, ts, "level", "P0"), slackfake.Acked)
	evs := b.wait(t, socketmode.EventTypeInteractive, 3)
	var cbs []slack.InteractionCallback
	for _, ev := range evs {
		cb, _ := ev.Data.(slack.InteractionCallback)
		cbs = append(cbs, cb)
		if cb.Container.ThreadTs != root || cb.Container.ChannelID != slackfake.Ops || cb.Team.ID != "T0FAKE" || cb.TriggerID == "" || cb.ResponseURL == "" {
			t.Errorf("click = %+v", cb)
		}
	}
	if a := cbs[2].ActionCallback.BlockActions[0]; a.SelectedOption.Value != "P0" || a.BlockID != "b" {
		t.Errorf("choice = %+v", a)
	}

	other := s.User(slackfake.Bystander).Post(slackfake.Ops, "", "please look").Message
	ended(t, bo.SelectShortcut(slackfake.Ops, other.TS, "incident.open"), slackfake.Acked)
	ended(t, bo.GlobalShortcut("incident.new"), slackfake.Acked)
	evs = b.wait(t, socketmode.EventTypeInteractive, 5)
	if cb, _ := evs[3].Data.(slack.InteractionCallback); cb.Type != slack.InteractionTypeMessageAction || cb.Message.Text != "please look" || cb.CallbackID != "incident.open" {
		t.Errorf("message shortcut = %+v", cb)
	}
	if cb, _ := evs[4].Data.(slack.InteractionCallback); cb.Type != slack.InteractionTypeShortcut || cb.CallbackID != "incident.new" {
		t.Errorf("global shortcut = %+v", cb)
	}
}

func TestAnAcknowledgementCanCarryAMessageForACommandAlone(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	reply := map[string]any{"text": "not taken, try again"}
	b := startBot(t, s, func(socketmode.Event) (bool, any) { return true, reply })
	ana := s.User(slackfake.Operator)
	ended(t, ana.Slash(slackfake.Ops, "x"), slackfake.Acked)
	if e := s.Ephemerals(slackfake.Operator); len(e) != 1 || e[0].Text != "not taken, try again" {
		t.Errorf("ephemeral = %+v", e)
	}
	ts := post(t, b.Client, slackfake.Ops, slackText("x"), slackOption(actions("b", "a", "1")))
	ended(t, ana.Click(slackfake.Ops, ts, "a"), slackfake.Acked)
	violated(t, s, "which Slack ignores")
	ended(t, ana.Mention(slackfake.Ops, "", "x"), slackfake.Acked)
	violated(t, s, "where none is accepted")
}

func TestTypedTextIsWhatSlackMakesOfIt(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	in := s.User(slackfake.Operator).Post(slackfake.Ops, "", "@bo see #incidents and https://example.com/?a=1&b=2, not <!channel> or @nobody")
	m, _ := s.Message(slackfake.Ops, in.Message.TS)
	want := "<@U01BBBB> see <#C0INC|incidents> and <https://example.com/?a=1&amp;b=2>, not &lt;!channel&gt; or @nobody"
	if m.Text != want {
		t.Errorf("text = %s\nwant   %s", m.Text, want)
	}
	var ids []string
	for _, mn := range slackfake.EffectiveMentions(m) {
		ids = append(ids, mn.ID)
	}
	if !slices.Contains(ids, slackfake.Commander) || slices.Contains(ids, "channel") {
		t.Errorf("mentions = %v", ids)
	}
}
