package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/commands"
)

// Secret is a token. It does not print; Reveal gives it.
type Secret string

const hidden = "(secret)"

// String hides the token.
func (Secret) String() string { return hidden }

// GoString hides the token.
func (Secret) GoString() string { return hidden }

// LogValue hides the token.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the token.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Reveal gives the token itself.
func (s Secret) Reveal() string { return string(s) }

// Config is what the Slack edge needs to know.
type Config struct {
	AppToken Secret // xapp-…
	BotToken Secret // xoxb-…
	APIURL   string // empty: Slack's own
	Sockets  int    // zero: two
	// Location is the time zone of times that Slack cannot show in the reader's own; nil: UTC.
	Location *time.Location

	// NotTaken gives the words for a request that could not be stored in time and was therefore not taken.
	NotTaken func() string
	// Validate checks the answers of a modal before they are taken: a sentence for each wrong one, by Input.ID. Optional. It
	// runs inside the acknowledgement's second.
	Validate func(commands.Request) map[string]string
	// OnGroupChanged is told that the members of a user group changed. Optional. It must not block.
	OnGroupChanged func(group string)
	// OnTeam is told which workspace is ours, once Slack has told us. Optional. It must not block.
	OnTeam func(team string)

	timing timing
}

// timing holds the waits, so that tests need not live through them.
type timing struct {
	accept  time.Duration // from an envelope's arrival to its answer
	call    time.Duration // one Web API call
	open    time.Duration // each of: asking for an address, the handshake, the hello
	silence time.Duration // no ping and no frame for so long: the socket is dead
	leave   time.Duration // how long a socket with a warning is still read
	healthy time.Duration // a socket that lived so long resets the back-off
	retry   time.Duration // first back-off
	retries time.Duration // longest back-off
	mend    time.Duration // wait after a refusal that only a person can mend
	between time.Duration // between two openings of sockets
	flush   time.Duration // for the last acknowledgements at the end
}

// Slack recycles a socket every few hours, pings every 10 s, and takes 50 openings a minute at best.
var realTiming = timing{
	accept: 900 * time.Millisecond, call: 15 * time.Second, open: 10 * time.Second, silence: 30 * time.Second,
	leave: 30 * time.Second, healthy: time.Minute, retry: time.Second, retries: time.Minute, mend: 5 * time.Minute,
	between: 2 * time.Second, flush: 2 * time.Second,
}

const slackAPI = "https://slack.com/api/"

// Acceptor commits requests. commands.Inbox is one.
type Acceptor interface {
	// Accept returns nil once the request is committed, also when it was before. It gives up when ctx ends; an error says that the
	// request will not be carried out, but for a mention, which Slack delivers again.
	Accept(ctx context.Context, r commands.Request) error
}

var _ Acceptor = commands.Inbox(nil)

// Bot is the edge to one Slack workspace.
type Bot struct {
	cfg     Config
	log     *slog.Logger
	web     *web
	render  renderer
	metrics *metrics
	sockets []*socket
	gate    gate
	intake  *intake
	self    identity
	replies replies
	opened  chan struct{} // signalled when a socket has opened

	mu  sync.Mutex
	dms map[string]string // user id → id of our direct channel
}

// New makes a Bot. It opens no connection before Run or a call.
func New(cfg Config, acceptor Acceptor, reg prometheus.Registerer, log *slog.Logger) (*Bot, error) {
	if cfg.APIURL == "" {
		cfg.APIURL = slackAPI
	}
	api, err := url.Parse(cfg.APIURL)
	if err != nil || api.Host == "" || api.Scheme != "https" && api.Scheme != "http" {
		return nil, errors.New("slack api_url: an http or https address such as " + slackAPI + " is needed")
	}
	if !strings.HasSuffix(cfg.APIURL, "/") {
		cfg.APIURL += "/"
	}
	if err := checkTokens(cfg); err != nil {
		return nil, err
	}
	if cfg.Sockets == 0 {
		cfg.Sockets = 2
	}
	if cfg.Sockets < 1 || cfg.Sockets > 9 {
		return nil, fmt.Errorf("slack sockets: %d, Slack allows 10 for all replicas of an app together", cfg.Sockets)
	}
	if cfg.Location == nil {
		cfg.Location = time.UTC
	}
	if cfg.timing == (timing{}) {
		cfg.timing = realTiming
	}
	b := &Bot{cfg: cfg, log: log, render: renderer{loc: cfg.Location, prefix: newPrefix}, dms: map[string]string{}, opened: make(chan struct{}, 1)}
	b.metrics = newMetrics()
	b.web = newWeb(cfg, api, b.metrics)
	b.gate = newGate(cfg.timing.between)
	b.intake = &intake{
		cfg: cfg, log: log, acceptor: acceptor, metrics: b.metrics, self: &b.self, met: b.replies.met,
		slots: make(chan struct{}, maxAccepts),
	}
	for i := range cfg.Sockets {
		b.sockets = append(b.sockets, newSocket(i+1, b))
	}
	if err := b.metrics.register(reg, b.sockets); err != nil {
		return nil, fmt.Errorf("slack metrics: %w", err)
	}
	return b, nil
}

// checkTokens names a token in the wrong place before Slack does, less clearly.
func checkTokens(cfg Config) error {
	for _, t := range []struct{ key, prefix, value string }{
		{"app_token", "xapp-", cfg.AppToken.Reveal()},
		{"bot_token", "xoxb-", cfg.BotToken.Reveal()},
	} {
		switch {
		case t.value == "":
			return fmt.Errorf("slack %s: missing, it begins with %s", t.key, t.prefix)
		case !strings.HasPrefix(t.value, t.prefix):
			return fmt.Errorf("slack %s: not a token that begins with %s", t.key, t.prefix)
		}
	}
	return nil
}

func newHTTPClient(timeout time.Duration) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck,forcetypeassert // documented to be one
	t.MaxIdleConnsPerHost = 16
	t.ResponseHeaderTimeout = timeout
	return &http.Client{
		Transport: t, Timeout: timeout,
		// A redirect would carry the token to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
