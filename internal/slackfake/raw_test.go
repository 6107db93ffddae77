package slackfake_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// raw is a Socket Mode client without any manners.
type raw struct {
	*websocket.Conn
	pings chan string
}

// ticket asks for a socket's address.
func ticket(t *testing.T, s *slackfake.Server) string {
	t.Helper()
	_, out, _ := api(t, s, "apps.connections.open", "application/json", slackfake.AppToken, "")
	u, ok := out["url"].(string)
	if !ok {
		t.Fatalf("apps.connections.open = %v", out)
	}
	return u
}

func dial(t *testing.T, address string) *raw {
	t.Helper()
	d := websocket.Dialer{WriteBufferSize: 64 << 10}
	ws, resp, err := d.DialContext(t.Context(), address, http.Header{"Origin": {"https://api.slack.com"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	r := &raw{Conn: ws, pings: make(chan string, 100)}
	pong := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		select {
		case r.pings <- data:
		default:
		}
		return pong(data)
	})
	return r
}

// turnedAway dials where no socket may open, and returns the status of the refusal.
func turnedAway(t *testing.T, address string) int {
	t.Helper()
	ws, resp, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err == nil {
		_ = ws.Close()
		t.Fatal("a socket opened")
	}
	if resp == nil {
		t.Fatalf("dialling: %v", err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// envelope reads a frame and returns its envelope_id.
func (r *raw) envelope(t *testing.T) string {
	t.Helper()
	id, _ := r.next(t)["envelope_id"].(string)
	return id
}

// next reads a frame.
func (r *raw) next(t *testing.T) map[string]any {
	t.Helper()
	_ = r.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, data, err := r.ReadMessage()
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("frame %s: %v", data, err)
	}
	return out
}

// closed reads until the socket ends, and returns the error of the end.
func (r *raw) closed(t *testing.T) error {
	t.Helper()
	_ = r.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		if _, _, err := r.ReadMessage(); err != nil {
			return err
		}
	}
}

func (r *raw) say(t *testing.T, frame string) {
	t.Helper()
	if err := r.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}
