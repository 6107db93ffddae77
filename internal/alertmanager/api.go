package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Server is how one Alertmanager is reached.
type Server struct {
	Name string
	// URLs is its address, or those of a highly available pair, which tell each other of their silences.
	URLs []string
	// Token is sent as a Bearer token, to a proxy before it; Username and Password are Alertmanager's own basic_auth. Empty: neither.
	Token, Username, Password string
	// Settle is how long it must run before what it does not list counts as ended; zero: 6 minutes, since Prometheus tells it of all
	// that fires at each evaluation of the rules, and with an interval above four minutes alerts flap by themselves.
	Settle time.Duration
}

// api speaks version 2 of Alertmanager's API to one member. Of it five calls are used, for which a generated client with its
// two dozen modules would be too much.
type api struct {
	base   string // without a slash at the end
	server Server
	client *http.Client
}

// silence is a silence as the API writes it.
type silence struct {
	ID        string    `json:"id,omitempty"`
	Matchers  []matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	Status    *struct {
		State string `json:"state"` // pending, active, expired
	} `json:"status,omitempty"`
}

// over tells whether a silence has ended.
func (s *silence) over() bool { return s.Status != nil && s.Status.State == "expired" }

type matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual bool   `json:"isEqual"`
}

// httpClient does not follow: a redirected POST would become a GET, whose 200 says nothing.
func httpClient(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (a *api) silences(ctx context.Context) ([]silence, error) {
	var out []silence
	err := a.call(ctx, http.MethodGet, "/api/v2/silences", nil, &out)
	return out, err
}

// post makes a silence, or changes the one with its id.
func (a *api) post(ctx context.Context, s silence) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var made struct {
		ID string `json:"silenceID"`
	}
	if err := a.call(ctx, http.MethodPost, "/api/v2/silences", b, &made); err != nil {
		return err
	}
	if made.ID == "" {
		return fmt.Errorf("%s: it gave no id for the silence", a.base)
	}
	return nil
}

// expire ends a silence. One that it does not know, or that has ended, is no error.
func (a *api) expire(ctx context.Context, id string) error {
	err := a.call(ctx, http.MethodDelete, "/api/v2/silence/"+url.PathEscape(id), nil, nil)
	if s, ok := errors.AsType[*statusError](err); ok && (s.code == http.StatusNotFound || strings.Contains(s.text, "already expired")) {
		return nil
	}
	return err
}

// statusError is an answer that is no success.
type statusError struct {
	base string
	code int
	text string // what it said: foreign
}

func (s *statusError) Error() string {
	if s.text == "" {
		return fmt.Sprintf("%s answers %d %s", s.base, s.code, http.StatusText(s.code))
	}
	return fmt.Sprintf("%s answers %d: %s", s.base, s.code, s.text)
}

// maxAnswer bounds what is read of an answer. A list of silences is far below it.
const (
	maxAnswer  = 32 << 20
	maxRefusal = 64 << 10 // of what an answer says that is no success
)

func (a *api) call(ctx context.Context, method, path string, body []byte, into any) error {
	resp, err := a.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // Only read.
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: read its answer: %w", a.base, err)
	case len(b) > maxAnswer:
		return fmt.Errorf("%s: its answer is larger than %d MiB", a.base, maxAnswer>>20)
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: its answer is not that of Alertmanager's API v2: %w", a.base, err)
	}
	return nil
}

// send gives an answer of 200, whose body the caller closes, or a statusError.
func (a *api) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.base, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	switch {
	case a.server.Token != "":
		req.Header.Set("Authorization", "Bearer "+a.server.Token)
	case a.server.Username != "":
		req.SetBasicAuth(a.server.Username, a.server.Password)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		_ = resp.Body.Close() // only read
		if err != nil {
			return nil, fmt.Errorf("%s: read its answer: %w", a.base, err)
		}
		return nil, &statusError{a.base, resp.StatusCode, said(b)}
	}
	return resp, nil
}

// said is what an answer tells, on one line: a JSON string, or an object with a message.
func said(b []byte) string {
	var text string
	var object struct {
		Message string `json:"message"`
	}
	switch {
	case json.Unmarshal(b, &text) == nil:
	case json.Unmarshal(b, &object) == nil && object.Message != "":
		text = object.Message
	default:
		text = string(b[:min(len(b), 4*maxTitle)])
	}
	return line(strings.ToValidUTF8(text, "\uFFFD"))
}
