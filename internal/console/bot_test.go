package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// workspace starts a Slack without a bot.
func workspace(t testing.TB) *slackfake.Server {
	t.Helper()
	s := slackfake.New(slackfake.Default())
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// call calls a method of the Web API and gives its answer.
func call(ctx context.Context, s *slackfake.Server, method string, args map[string]any) (map[string]any, error) {
	token := slackfake.BotToken
	if method == "apps.connections.open" {
		token = slackfake.AppToken
	}
	if args == nil {
		args = map[string]any{}
	}
	body, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+method, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return nil, err
	}
	if out["ok"] != true {
		return nil, fmt.Errorf("%s: %v", method, out)
	}
	return out, nil
}

// api is call for a test that goes no further without it.
func api(t testing.TB, s *slackfake.Server, method string, args map[string]any) map[string]any {
	t.Helper()
	out, err := call(t.Context(), s, method, args)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// post lets the bot post, and gives the message's timestamp.
func post(t testing.TB, s *slackfake.Server, channel, thread, text string, blocks ...any) string {
	t.Helper()
	args := map[string]any{"channel": channel, "text": text}
	if thread != "" {
		args["thread_ts"] = thread
	}
	if len(blocks) > 0 {
		args["blocks"] = blocks
	}
	ts, ok := api(t, s, "chat.postMessage", args)["ts"].(string)
	if !ok {
		t.Fatal("no timestamp")
	}
	return ts
}

// envelope is what Slack sends over a socket.
type envelope struct {
	ID      string `json:"envelope_id"`
	Type    string `json:"type"`
	Payload struct {
		Type    string `json:"type"`
		Trigger string `json:"trigger_id"`
		Text    string `json:"text"`
		Actions []struct {
			ID string `json:"action_id"`
		} `json:"actions"`
		View struct {
			State struct {
				Values map[string]map[string]struct {
					Value string `json:"value"`
				} `json:"values"`
			} `json:"state"`
		} `json:"view"`
	} `json:"payload"`
}

// runBot connects a bot that acknowledges each envelope with what answer gives.
func runBot(t *testing.T, s *slackfake.Server, answer func(envelope) any) {
	t.Helper()
	address, ok := api(t, s, "apps.connections.open", nil)["url"].(string)
	if !ok {
		t.Fatal("no address")
	}
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	ready := make(chan struct{})
	go func() {
		defer close(done)
		for {
			var e envelope
			if err := conn.ReadJSON(&e); err != nil {
				var wire net.Error
				if websocket.IsUnexpectedCloseError(err) || errors.As(err, &wire) || errors.Is(err, net.ErrClosed) {
					return
				}
				t.Errorf("an envelope: %v", err)
				return
			}
			if e.Type == "hello" {
				close(ready)
			}
			if e.ID == "" {
				continue
			}
			ack := map[string]any{"envelope_id": e.ID}
			if payload := answer(e); payload != nil {
				ack["payload"] = payload
			}
			if err := conn.WriteJSON(ack); err != nil {
				return
			}
		}
	}()
	select {
	case <-ready:
	case <-done:
		t.Fatal("the socket never said hello")
	}
}

func plain(text string) map[string]any { return map[string]any{"type": "plain_text", "text": text} }

func section(text map[string]any) map[string]any {
	return map[string]any{"type": "section", "text": text}
}

func button(action, label string) map[string]any {
	return map[string]any{"type": "button", "action_id": action, "text": plain(label)}
}

func actions(buttons ...any) map[string]any {
	return map[string]any{"type": "actions", "elements": buttons}
}
