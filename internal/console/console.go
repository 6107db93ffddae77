// Package console is the browser face of slackfake: a page like Slack, to try the bot without an account.
//
// It is for this machine alone: it answers only requests that were made to a loopback name, so that no web page elsewhere can
// act through the browser of whoever tries it.
package console

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

//go:embed page
var page embed.FS

// Person is somebody whom the visitor can be.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role,omitempty"` // operator, commander or stranger; empty: seen but not played
}

// Shortcut is an entry of the menu of a message. Label has a text for each language.
type Shortcut struct {
	Callback string            `json:"callback"`
	Label    map[string]string `json:"label"`
}

// Alert is something that can be made to happen. Label has a text for each language.
type Alert struct {
	Name  string                      `json:"name"`
	Label map[string]string           `json:"label"`
	Fire  func(context.Context) error `json:"-"`
}

// Config is what the page shows beside the workspace.
type Config struct {
	Slack     *slackfake.Server
	Locale    string // of the bot; the page begins in it
	People    []Person
	Topics    map[string]map[string]string // by channel id and language
	Shortcuts []Shortcut
	Alerts    []Alert
	Hold      time.Duration     // told in the tour
	Absent    map[string]string // by host:port: what links lead to that is not there, which the page says instead of opening them
	Sample    *Sample           // nil: there is none
	Commands  []string          // the first words of the bot's commands: the tour names no others
}

// Console serves the page and its API.
type Console struct{ cfg Config }

// New makes a console.
func New(cfg Config) *Console {
	for _, p := range cfg.People {
		if p.Role != "" && p.Role != roleStranger { // Slack lets nobody write to an app of another workspace
			cfg.Slack.User(p.ID).DM()
		}
	}
	if cfg.Alerts == nil {
		cfg.Alerts = []Alert{}
	}
	return &Console{cfg}
}

const roleStranger = "stranger"

// plays says whether the visitor may be that user.
func (c *Console) plays(id string) bool {
	return slices.ContainsFunc(c.cfg.People, func(p Person) bool { return p.ID == id && p.Role != "" })
}

// maxBody bounds what the page may send: a modal's answers.
const maxBody = 1 << 20

// Handler serves the page at "/" and its API below "/api/".
func (c *Console) Handler() http.Handler {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic("console: " + err.Error()) // the embedded folder is there or it does not compile
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /api/state", c.state)
	mux.HandleFunc("GET /api/sample", c.sampleState)
	mux.HandleFunc("GET /api/file/{id}", c.file)
	for name, act := range map[string]func(context.Context, request) answer{
		"say": c.say, "click": c.click, "shortcut": c.shortcut, "submit": c.submit, "close": c.close, "alert": c.alert, "sample": c.sample,
	} {
		mux.HandleFunc("POST /api/"+name, c.action(act))
	}
	return here(mux)
}

// here lets only requests through that were made to a loopback address by its name or number.
func here(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(r.Host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "the demo answers only at a loopback address such as 127.0.0.1", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// request is what the page asks. Which fields are set depends on the call.
type request struct {
	As, Channel, Thread, Text string
	TS, Block, Action         string
	View, Name                string
	Values                    map[string]string
}

type answer struct {
	Error  string            `json:"error,omitempty"`
	Note   string            `json:"note,omitempty"`   // a word of the page
	Errors map[string]string `json:"errors,omitempty"` // of a modal, by block
}

func (c *Console) action(act func(context.Context, request) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			http.Error(w, "send JSON", http.StatusUnsupportedMediaType) // a form of another page cannot
			return
		}
		var req request
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&req); err != nil {
			http.Error(w, "unreadable: "+err.Error(), http.StatusBadRequest)
			return
		}
		if !c.plays(req.As) {
			reply(w, answer{Error: "nobody here is " + strconv.Quote(req.As)})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		reply(w, act(ctx, req))
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the page asks again when it did not arrive
}

// ended waits for what Slack would show the person.
func ended(ctx context.Context, in *slackfake.Interaction) (slackfake.Outcome, answer) {
	out, err := in.Wait(ctx)
	switch {
	case err != nil:
		return out, answer{Error: err.Error()}
	case out.Error != "":
		return out, answer{Error: out.Error}
	}
	return out, answer{}
}

// say is what the person types: a slash command, or a message, which may mention the bot.
func (c *Console) say(ctx context.Context, r request) answer {
	p := c.cfg.Slack.User(r.As)
	if strings.HasPrefix(r.Text, "/") {
		if r.Thread != "" {
			return answer{Error: "Slack has no slash commands in threads: write @notebookbot instead"}
		}
		command, text, _ := strings.Cut(r.Text, " ")
		_, a := ended(ctx, p.SlashCommand(command, r.Channel, text))
		return a
	}
	_, a := ended(ctx, p.Post(r.Channel, r.Thread, r.Text))
	return a
}

func (c *Console) click(ctx context.Context, r request) answer {
	p := c.cfg.Slack.User(r.As)
	if r.View != "" {
		_, a := ended(ctx, p.ClickIn(r.View, r.Action))
		return a
	}
	_, a := ended(ctx, p.Click(r.Channel, r.TS, r.Action))
	return a
}

// shortcut chooses an entry of a message's menu.
func (c *Console) shortcut(ctx context.Context, r request) answer {
	_, a := ended(ctx, c.cfg.Slack.User(r.As).SelectShortcut(r.Channel, r.TS, r.Name))
	return a
}

func (c *Console) submit(ctx context.Context, r request) answer {
	out, a := ended(ctx, c.cfg.Slack.User(r.As).Submit(r.View, r.Values))
	var ack struct {
		Errors map[string]string `json:"errors"`
	}
	if len(out.Ack) > 0 && json.Unmarshal(out.Ack, &ack) == nil && len(ack.Errors) > 0 {
		return answer{Errors: ack.Errors}
	}
	return a
}

func (c *Console) close(ctx context.Context, r request) answer {
	_, a := ended(ctx, c.cfg.Slack.User(r.As).CloseView(r.View, false))
	return a
}

var errNoAlert = errors.New("no such alert")

// ErrNothing is what Fire gives when there is nothing to send: to end what does not fire.
var ErrNothing = errors.New("nothing to send")

func (c *Console) alert(ctx context.Context, r request) answer {
	err := fmt.Errorf("%q: %w", r.Name, errNoAlert)
	for _, a := range c.cfg.Alerts {
		if a.Name == r.Name {
			err = a.Fire(ctx)
		}
	}
	switch {
	case errors.Is(err, ErrNothing):
		return answer{Note: "nothing"}
	case err != nil:
		return answer{Error: err.Error()}
	}
	return answer{}
}
