package bot

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/ai-notebook/notebookbot/templates"
)

var (
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]{1,40}$`)
	channelID = regexp.MustCompile(`^[CG][A-Z0-9]{1,40}$`)
	groupID   = regexp.MustCompile(`^S[A-Z0-9]{1,40}$`)
	emojiName = regexp.MustCompile(`^[a-z0-9_+'-]{1,100}$`)
)

// The cost of an element that holds no text of ours, in code points: about what it shows.
const markCost = 20

// The forms of a time: what Slack shows in the reader's zone, and what is shown where it cannot.
const (
	timeForm         = "{time}"
	dateTimeForm     = "{date_short_pretty} {time}"
	timeFallback     = "15:04 -07:00"
	dateTimeFallback = "2006-01-02 15:04 -07:00"
)

// dateForms gives Slack's format and the fallback of a time.
func dateForms(s templates.Span, loc *time.Location) (format, fallback string) {
	if s.TimeStyle == templates.DateTime {
		return dateTimeForm, s.Time.In(loc).Format(dateTimeFallback)
	}
	return timeForm, s.Time.In(loc).Format(timeFallback)
}

// showable tells whether Slack can show that time itself.
func showable(t time.Time) bool { return t.Unix() > 0 && t.Year() < 10000 }

// words is a span in plain words, for places that hold nothing else.
func words(s templates.Span, loc *time.Location) string {
	switch {
	case s.User != "":
		return "@" + clean(s.User)
	case s.UserGroup != "":
		return "@" + clean(s.UserGroup)
	case s.Channel != "":
		return "#" + clean(s.Channel)
	case s.Emoji != "":
		return glyphs[s.Emoji]
	case !s.Time.IsZero():
		_, fallback := dateForms(s, loc)
		return fallback
	case s.URL != "" && s.Text == "":
		return clean(s.URL)
	}
	return clean(s.Text)
}

func lineWords(l templates.Line, loc *time.Location) string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(words(s, loc))
	}
	return b.String()
}

// element turns a span into an element of rich text, with at most room code points. A text element is never parsed by Slack for
// mentions, links or formatting, so what is hostile goes there as it is. Nil: nothing to show.
func element(s templates.Span, loc *time.Location, room int) (slack.RichTextSectionElement, int) {
	if room < markCost && (s.Text == "" || s.URL != "") {
		return nil, 0
	}
	switch {
	case s.User != "" && userID.MatchString(s.User):
		return slack.NewRichTextSectionUserElement(s.User, style(s)), markCost
	case s.UserGroup != "" && groupID.MatchString(s.UserGroup):
		return slack.NewRichTextSectionUserGroupElement(s.UserGroup), markCost
	case s.Channel != "" && channelID.MatchString(s.Channel):
		return slack.NewRichTextSectionChannelElement(s.Channel, style(s)), markCost
	case s.Emoji != "" && emojiName.MatchString(s.Emoji):
		return slack.NewRichTextSectionEmojiElement(s.Emoji, 0, nil), 2
	case !s.Time.IsZero() && showable(s.Time):
		format, fallback := dateForms(s, loc)
		d := slack.NewRichTextSectionDateElement(s.Time.Unix(), format, nil, &fallback)
		d.Style = style(s)
		return d, markCost
	case s.URL != "":
		if address, ok := webAddress(s.URL); ok {
			label := cut(oneLine(s.Text), max(room, 1))
			return slack.NewRichTextSectionLinkElement(address, label, style(s)), max(utf8.RuneCountInString(label), markCost)
		}
	}
	text := cut(words(s, loc), room)
	if text == "" {
		return nil, 0
	}
	return slack.NewRichTextSectionTextElement(text, style(s)), utf8.RuneCountInString(text)
}

func style(s templates.Span) *slack.RichTextSectionTextStyle {
	if !s.Bold && !s.Italic && !s.Strike && !s.Code {
		return nil
	}
	return &slack.RichTextSectionTextStyle{Bold: s.Bold, Italic: s.Italic, Strike: s.Strike, Code: s.Code}
}

// mark is the text object of a span that is not text: the few forms of Slack's markup that this code writes itself.
func mark(s templates.Span, loc *time.Location) (string, bool) {
	switch {
	case s.User != "" && userID.MatchString(s.User):
		return "<@" + s.User + ">", true
	case s.UserGroup != "" && groupID.MatchString(s.UserGroup):
		return "<!subteam^" + s.UserGroup + ">", true
	case s.Channel != "" && channelID.MatchString(s.Channel):
		return "<#" + s.Channel + ">", true
	case s.Emoji != "" && emojiName.MatchString(s.Emoji):
		return ":" + s.Emoji + ":", true
	case !s.Time.IsZero() && showable(s.Time):
		format, fallback := dateForms(s, loc)
		return "<!date^" + strconv.FormatInt(s.Time.Unix(), 10) + "^" + format + "|" + fallback + ">", true
	}
	return "", false
}

// glyphs are the emoji for places where a name would have to be parsed, and with it every name that a hostile text holds.
var glyphs = map[string]string{
	"rotating_light": "🚨", "fire": "🔥", "warning": "⚠️", "white_check_mark": "✅", "heavy_check_mark": "✔️", "x": "❌",
	"bell": "🔔", "no_bell": "🔕", "hourglass": "⌛", "hourglass_flowing_sand": "⏳", "alarm_clock": "⏰", "stopwatch": "⏱️",
	"red_circle": "🔴", "large_orange_circle": "🟠", "large_yellow_circle": "🟡", "large_green_circle": "🟢", "large_blue_circle": "🔵",
	"white_circle": "⚪", "eyes": "👀", "mag": "🔍", "memo": "📝", "pushpin": "📌", "speech_balloon": "💬", "bust_in_silhouette": "👤",
	"busts_in_silhouette": "👥", "arrow_up": "⬆️", "arrow_down": "⬇️", "arrows_counterclockwise": "🔄", "repeat": "🔁",
	"information_source": "ℹ️", "question": "❓", "exclamation": "❗", "bulb": "💡", "link": "🔗", "clipboard": "📋", "phone": "☎️",
	"telephone_receiver": "📞", "calendar": "📅", "ocean": "🌊", "zap": "⚡", "tada": "🎉", "wave": "👋", "wrench": "🔧",
	"hammer_and_wrench": "🛠️", "chart_with_upwards_trend": "📈", "mega": "📣", "loudspeaker": "📢", "lock": "🔒", "robot_face": "🤖",
	"construction": "🚧", "sos": "🆘", "checkered_flag": "🏁", "mute": "🔇",
}
