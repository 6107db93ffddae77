package console

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// sent posts to the workspace and gives its answer; an upload is not answered in JSON.
func sent(t *testing.T, address, contentType string, body io.Reader) map[string]any {
	t.Helper()
	res, err := http.Post(address, contentType, body) //nolint:noctx // A workspace of the test's own.
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", address, res.StatusCode, b, err)
	}
	var out map[string]any
	_ = json.Unmarshal(b, &out) // an upload's is not
	return out
}

func TestAFileIsReadByWhoSeesItsMessageAlone(t *testing.T) {
	t.Parallel()
	s := slackfake.New(slackfake.Default())
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	form := func(method string, v url.Values) map[string]any {
		t.Helper()
		v.Set("token", slackfake.BotToken)
		return sent(t, s.URL()+method, "application/x-www-form-urlencoded", bytes.NewBufferString(v.Encode()))
	}
	got := form("files.getUploadURLExternal", url.Values{"filename": {"a.log"}, "length": {strconv.Itoa(len("hello"))}})
	id, _ := got["file_id"].(string)
	address, _ := got["upload_url"].(string)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "a.log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	sent(t, address, w.FormDataContentType(), &b)
	dm := form("conversations.open", url.Values{"users": {slackfake.Operator}})
	channel, _ := dm["channel"].(map[string]any)
	direct, _ := channel["id"].(string)
	form("files.completeUploadExternal", url.Values{"files": {`[{"id":"` + id + `"}]`}, "channel_id": {direct}})

	h := New(Config{Slack: s, People: []Person{{ID: slackfake.Operator, Role: "operator"}, {ID: slackfake.Commander, Role: "commander"}}}).Handler()
	for who, want := range map[string]int{slackfake.Operator: http.StatusOK, slackfake.Commander: http.StatusNotFound, "U0NOBODY": http.StatusNotFound} {
		rec := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/api/file/"+id+"?as="+who, http.NoBody)
		h.ServeHTTP(rec, req)
		if rec.Code != want || want == http.StatusOK && rec.Body.String() != "hello" {
			t.Errorf("%s gets %d %q, want %d", who, rec.Code, rec.Body, want)
		}
	}
}
