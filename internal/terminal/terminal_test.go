package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/templates"
)

func words(t *testing.T) *templates.Templates {
	t.Helper()
	w, err := templates.New(templates.English, nil, templates.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// house answers as it was told, and keeps what was asked.
type house struct {
	mu    sync.Mutex
	asked []string
	as    string
	state ops.State
	watch func(ctx context.Context, each func(Answer)) error
}

func (h *house) Ask(_ context.Context, as, text string) (Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked, h.as = append(h.asked, text), as
	op := &Operation{Number: 7, State: ops.Planned, Missing: 1, Title: "restart backend"}
	switch {
	case text == "panic":
		return Answer{}, errors.New("the store does not answer")
	case strings.HasPrefix(text, "operation alone"):
		op.State, op.Missing = ops.Approved, 0
	case strings.HasPrefix(text, "operation cancel"):
		op.State = ops.Cancelled
	case text == "free":
		op.State, op.Missing = ops.Approved, 0
	case text == "help":
		return Answer{Text: "helped\n"}, nil
	case text == "health":
		return Answer{Text: "well\n", Data: []byte(`{"checks":[]}`)}, nil
	case text == "no":
		return Answer{Text: "not you\n", Refused: true}, nil
	}
	return Answer{Text: "the plan\n", Operation: op}, nil
}

func (h *house) Watch(ctx context.Context, _ string, n int64, each func(Answer)) (bool, error) {
	if h.watch != nil {
		return false, h.watch(ctx, each)
	}
	each(Answer{Text: "step 1\n", Note: true, Operation: &Operation{Number: n, State: ops.Running}})
	each(Answer{Text: "the end\n", Operation: &Operation{Number: n, State: h.state}, Refused: h.state != ops.Done})
	return false, nil
}

func TestASessionEndsWithTheCodeOfWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, in, reason string
		json, confirm    bool
		state            ops.State
		code             Code
		asked            string // the last
		says             string
	}{
		"an answer":                    {text: "help", code: Done, asked: "help", says: "helped"},
		"an answer for programs":       {text: "health", json: true, code: Done, asked: "health", says: `{"checks":[]}`},
		"a refusal":                    {text: "no", code: Failed, asked: "no", says: "not you"},
		"a refusal for programs":       {text: "no", json: true, code: Failed, asked: "no", says: `"refused":true`},
		"confirmed with its key":       {text: "restart", in: "op-7\nbecause\n", state: ops.Done, code: Done, asked: "operation alone OP-7 because", says: "the end"},
		"undone":                       {text: "restart", in: "OP-7\nbecause\n", state: ops.Undone, code: Failed, asked: "operation alone OP-7 because", says: "the end"},
		"not confirmed":                {text: "restart", in: "yes\nbecause\n", code: Failed, asked: "operation cancel OP-7", says: "That was not OP-7"},
		"nothing typed":                {text: "restart", code: Failed, asked: "operation cancel OP-7", says: "That was not OP-7"},
		"no reason":                    {text: "restart", in: "OP-7\n\n", code: Failed, asked: "operation cancel OP-7", says: "No reason"},
		"flags instead of questions":   {text: "restart", confirm: true, reason: "r", state: ops.Done, code: Done, asked: "operation alone OP-7 r", says: "the end"},
		"for programs without a flag":  {text: "restart", json: true, code: Usage, asked: "operation cancel OP-7", says: "--confirm"},
		"for programs with the flags":  {text: "restart", json: true, confirm: true, reason: "r", state: ops.Failed, code: Failed, asked: "operation alone OP-7 r", says: `"state":"failed"`},
		"no approval needed":           {text: "free", state: ops.Done, code: Done, asked: "free", says: "the end"},
		"cancelled as was asked":       {text: "operation cancel OP-7", code: Done, asked: "operation cancel OP-7", says: "the plan"},
		"the store does not answer it": {text: "panic", code: Failed, asked: "panic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &house{state: c.state}
			var out bytes.Buffer
			s := &Session{House: h, Words: words(t), As: "U1", JSON: c.json, Confirm: c.confirm, Reason: c.reason, In: strings.NewReader(c.in), Out: &out, Err: &out}
			code, err := s.Run(t.Context(), c.text)
			if code != c.code || (err != nil) != (c.text == "panic") {
				t.Errorf("ends with %d, %v; want %d", code, err, c.code)
			}
			if last := h.asked[len(h.asked)-1]; last != c.asked {
				t.Errorf("asked %q last, want %q", last, c.asked)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("says %q, want %q", out.String(), c.says)
			}
		})
	}
}

func TestWhoIsInterruptedBeforeConfirmingBeginsNothing(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	h := &house{}
	said := &until{text: "Type OP-7", then: stop}
	s := &Session{House: h, Words: words(t), As: "U1", In: r, Out: io.Discard, Err: said}
	code, err := s.Run(ctx, "restart")
	if code != Failed || err != nil || h.asked[len(h.asked)-1] != "operation cancel OP-7" {
		t.Errorf("ends with %d, %v after %q", code, err, h.asked)
	}
}

// until calls a function once a text was written.
type until struct {
	text string
	then func()
}

func (u *until) Write(p []byte) (int, error) {
	if strings.Contains(string(p), u.text) {
		u.then()
	}
	return len(p), nil
}

// serving starts a server for a house and gives the bot's side of a terminal.
func serving(t *testing.T, h House, peer func(net.Conn) (int, error)) (Remote, func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), strings.Repeat("long", 20), "bot.db.sock") // longer than a socket's name may be
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := &Server{House: func(string) House { return h }, Log: slog.New(slog.DiscardHandler), peer: peer}
	go func() { ended <- s.Serve(ctx, l) }()
	var once sync.Once
	end := func() {
		once.Do(func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); err == nil {
				t.Error("the socket stays behind")
			}
		})
	}
	t.Cleanup(end)
	return Remote{Path: path}, end
}

func TestABotAnswersTerminalsAtItsSocket(t *testing.T) {
	t.Parallel()
	h := &house{state: ops.Done}
	bot, _ := serving(t, h, nil)
	if !bot.There(t.Context()) {
		t.Fatal("nobody is there")
	}
	var out bytes.Buffer
	s := &Session{House: bot, Words: words(t), As: "U1", In: strings.NewReader("OP-7\nwhy\n"), Out: &out, Err: &out}
	if code, err := s.Run(t.Context(), "restart"); code != Done || err != nil || !strings.Contains(out.String(), "the end") {
		t.Errorf("%d, %v: %s", code, err, &out)
	}
	if h.as != "U1" {
		t.Errorf("it was asked as %q", h.as)
	}
	if _, err := bot.Ask(t.Context(), "U1", "panic"); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("what went wrong there is %v here", err)
	}
}

func TestOnlyTheBotsOwnUserAndRootAreAnswered(t *testing.T) {
	t.Parallel()
	h := &house{}
	bot, _ := serving(t, h, func(net.Conn) (int, error) { return os.Geteuid() + 12345, nil })
	if _, err := bot.Ask(t.Context(), "U1", "help"); err == nil || len(h.asked) > 0 {
		t.Errorf("a stranger was answered: %v %q", err, h.asked)
	}
}

func TestWhoStopsWatchingStopsNothingElseAndABotThatEndsSaysSo(t *testing.T) {
	t.Parallel()
	watched, gone := make(chan struct{}, 2), make(chan struct{}, 2)
	h := &house{watch: func(ctx context.Context, each func(Answer)) error {
		each(Answer{Text: "step 1\n", Note: true})
		watched <- struct{}{}
		<-ctx.Done()
		gone <- struct{}{}
		return ctx.Err()
	}}
	bot, end := serving(t, h, nil)
	ctx, stop := context.WithCancel(t.Context())
	go func() { <-watched; stop() }()
	var out bytes.Buffer
	s := &Session{House: bot, Words: words(t), As: "U1", In: strings.NewReader(""), Out: &out, Err: &out}
	if code, err := s.Run(ctx, "free"); code != Failed || err != nil || !strings.Contains(out.String(), "the bot goes on") {
		t.Errorf("%d, %v: %s", code, err, &out)
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the bot watches for nobody")
	}
	go func() { <-watched; end() }()
	out.Reset()
	if code, err := s.Run(t.Context(), "free"); code != Failed || err != nil || !strings.Contains(out.String(), "went away") {
		t.Errorf("%d, %v: %s", code, err, &out)
	}
}

func TestASocketThatADeadBotLeftIsReplacedAndNothingElseIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Error("a file was replaced by a socket")
	}
}

func FuzzWhatComesAtTheSocket(f *testing.F) {
	for _, s := range []string{
		`{"as":"U1","text":"help"}` + "\n", `{"watch":7}` + "\n", `{"as":"U1","text":"x","team":"T1"}` + "\n", "{}\n", `{"as":"U1"}`, "\x00\n",
		`{"watch":-1}` + "\n", `{"as":"U1"} {"as":"U2"}` + "\n", strings.Repeat("[", 100000) + "\n", strings.Repeat(" ", maxQuestion) + "\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := readQuestion(bytes.NewReader(b))
		if err != nil && !errors.Is(err, errQuestion) {
			t.Errorf("an error of another kind: %v", err)
		}
		if err == nil && (q.Watch < 0 || q.Watch == 0 && q.As == "" || len(q.Text) > maxQuestion*3) {
			t.Errorf("%q was taken as %+v", b, q)
		}
	})
}
