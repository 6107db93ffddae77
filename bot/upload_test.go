package bot

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
	"github.com/ai-notebook/notebookbot/notify"
	"github.com/ai-notebook/notebookbot/templates"
)

func logFile(text string) templates.Message {
	return templates.Message{Summary: "Log of backend <!channel>", File: &templates.File{Name: "backend 1.log", Text: text}}
}

func TestAFileIsPostedToAPersonAndFound(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	since := time.Now()
	at, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Operator, Key: "req/1/file", Message: logFile("one\ntwo\n")})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(at.Channel, "D") {
		t.Errorf("it stands in %q", at.Channel)
	}
	ms := s.Messages(at.Channel)
	if len(ms) != 1 || len(ms[0].Files) != 1 || ms[0].Text != "Log of backend &lt;!channel&gt;" || !strings.HasPrefix(ms[0].Files[0].Name, "backend-1-") {
		t.Fatalf("messages: %+v", ms)
	}
	if data, ok := s.FileData(ms[0].Files[0].ID); !ok || string(data) != "one\ntwo\n" {
		t.Errorf("content = %q", data)
	}
	for key, want := range map[string]bool{"req/1/file": true, "req/2/file": false} {
		if _, found, err := b.Find(t.Context(), slackfake.Operator, "", key, since); err != nil || found != want {
			t.Errorf("Find(%s) = %v, %v", key, found, err)
		}
	}
}

func TestAFileWhoseAnswerIsLostIsFoundAndOneThatWasNotSharedIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := workspace(t, nil)
	b := sender(t, s)
	for _, tt := range []struct {
		method string
		kind   slackfake.FaultKind
		fate   notify.Fate
		there  bool
	}{
		{"files.completeUploadExternal", slackfake.Lost, notify.Ambiguous, true},
		{"files.completeUploadExternal", slackfake.Cut, notify.Ambiguous, false},
		{"files.getUploadURLExternal", slackfake.Lost, notify.Retry, false},
		{"upload", slackfake.Cut, notify.Retry, false},
		{"upload", slackfake.Broken, notify.Retry, false},
	} {
		s.Fault(slackfake.Fault{Method: tt.method, Kind: tt.kind, Count: 1})
		key, begin := tt.method+string(tt.kind), time.Now()
		_, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Operator, Key: key, Message: logFile("x")})
		var se *notify.SendError
		if !errors.As(err, &se) || se.Fate != tt.fate {
			t.Errorf("%s %s: %v, want %s", tt.method, tt.kind, err, tt.fate)
		}
		if _, found, err := b.Find(t.Context(), slackfake.Operator, "", key, begin); err != nil || found != tt.there {
			t.Errorf("%s %s: found %v, %v", tt.method, tt.kind, found, err)
		}
	}
	if _, err := b.Post(t.Context(), notify.Post{Channel: slackfake.Operator, Key: "empty", Message: logFile("")}); err == nil {
		t.Error("an empty file was posted")
	}
}
