package alertmanager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ai-notebook/notebookbot/incidents"
)

// Path is where Alertmanagers post; one of several appends "/" and its name.
const Path = "/webhooks/alertmanager"

const (
	maxBody     = 4 << 20          // the contract's
	readWithin  = 10 * time.Second // a body of that size over a slow line; who takes longer holds a connection for nothing
	storeWithin = 10 * time.Second // Alertmanager waits for a group_interval, which is seldom below
	retryAfter  = 5 * time.Second
	keepBuffer  = 256 << 10 // larger buffers are not kept for the next request
)

// Receiver takes what a webhook told, and returns once it is committed.
type Receiver interface {
	Receive(ctx context.Context, w incidents.Webhook) error
}

// Source is an Alertmanager that may send.
type Source struct {
	Name  string // empty where there is only one
	Token string // of its Authorization header; empty: only loopback peers, and nothing that was forwarded
}

// Config is what a Handler needs to know.
type Config struct {
	Sources  []Source
	Severity []Severity
	Routes   []Route
	// Refused is told of a refusal: what was wrong, in a sentence, and who sent it. The same is told once an hour; what it could not
	// take is told with the next one.
	Refused func(ctx context.Context, reason, peer string) error
	Now     func() time.Time // nil: the system's clock
}

// Handler answers Alertmanager's webhooks. It serves Path and all below it.
type Handler struct {
	gates    []gate
	rules    rules
	receiver Receiver
	refused  *refusals
	metrics  *metrics
	log      *slog.Logger
	now      func() time.Time
	within   time.Duration // for a body to arrive
	buffers  sync.Pool
}

// New makes a Handler. Its errors name the line of the configuration that is wrong.
func New(cfg Config, receiver Receiver, reg prometheus.Registerer, log *slog.Logger) (*Handler, error) {
	r, err := parseRules(cfg.Severity, cfg.Routes)
	if err != nil {
		return nil, err
	}
	gates, err := newGates(cfg.Sources)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Handler{
		gates: gates, rules: r, receiver: receiver, log: log, now: cfg.Now, within: readWithin,
		refused: &refusals{tell: cfg.Refused}, metrics: newMetrics(reg),
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}, nil
}

// ServeHTTP answers one webhook.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	a := h.answer(w, r)
	if a.code == http.StatusOK {
		w.WriteHeader(a.code)
	} else {
		h.refuse(w, r, a)
	}
	h.metrics.answered(a.code, time.Since(began))
}

// answer is a status with, unless it is 200, one plain sentence.
type answer struct {
	code int
	text string
	kind string // where the sentence quotes the sender: what is the same in all of its kind
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) answer {
	g, a := h.admit(r)
	if a.code != http.StatusOK {
		return a
	}
	buf := h.buffers.Get().(*bytes.Buffer) //nolint:errcheck,forcetypeassert // The pool holds nothing else.
	defer func() {
		if buf.Cap() <= keepBuffer {
			buf.Reset()
			h.buffers.Put(buf)
		}
	}()
	if a := h.read(w, r, buf); a.code != http.StatusOK {
		return a
	}
	m, wrong := decode(buf.Bytes())
	if wrong != nil {
		return answer{http.StatusBadRequest, wrong.text, wrong.kind}
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeWithin)
	defer cancel()
	if err := h.receiver.Receive(ctx, h.rules.group(g.name, m, h.now())); err != nil {
		h.log.ErrorContext(ctx, "webhook not stored", "alertmanager", g.name, "alerts", len(m.Alerts), "err", err)
		return answer{code: http.StatusServiceUnavailable, text: "it could not be stored; please send it again"}
	}
	return answer{code: http.StatusOK}
}

// admit looks at everything but the body.
func (h *Handler) admit(r *http.Request) (*gate, answer) {
	if r.Method != http.MethodPost {
		return nil, answer{code: http.StatusMethodNotAllowed, text: "use POST; this is where Alertmanager sends its webhooks"}
	}
	name, ok := strings.CutPrefix(r.URL.Path, Path)
	if !ok || name != "" && name[0] != '/' {
		return nil, answer{code: http.StatusNotFound, text: "there is nothing here; Alertmanager posts to " + Path}
	}
	g, text := h.gate(strings.TrimPrefix(name, "/"))
	if g == nil {
		return nil, answer{http.StatusNotFound, text, "name"}
	}
	if text := g.refuse(r); text != "" {
		return nil, answer{code: http.StatusUnauthorized, text: text}
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, answer{http.StatusBadRequest, "the body is encoded as " + quote(enc) + "; send it plain", "encoding"}
	}
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	return g, answer{code: http.StatusOK}
}

var tooLarge = answer{
	code: http.StatusRequestEntityTooLarge,
	text: fmt.Sprintf("the body is over %d MiB; set max_alerts in Alertmanager's webhook_configs, 1000 for example", maxBody>>20),
}

// read takes the body in, within its bounds of size and time.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, buf *bytes.Buffer) answer {
	// Not every ResponseWriter can; the server's can, and takes the deadline off again when the body has ended.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.within))
	buf.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead) // at most maxBody: looked at before
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		return answer{code: http.StatusOK}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Not the sender's fault for ever: it may try again.
		return answer{code: http.StatusServiceUnavailable, text: fmt.Sprintf("the body did not arrive within %s; please send it again", h.within)}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return answer{code: http.StatusBadRequest, text: "the body ended early"}
	}
	return answer{http.StatusBadRequest, "the body cannot be read: " + quote(err.Error()), "unreadable"}
}

// refuse writes the answer and tells people of it, once.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, a answer) {
	head := w.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("X-Content-Type-Options", "nosniff")
	switch a.code {
	case http.StatusServiceUnavailable:
		head.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	case http.StatusUnauthorized:
		head.Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		head.Set("Allow", http.MethodPost)
	}
	w.WriteHeader(a.code)
	_, _ = io.WriteString(w, a.text+"\n") // who is gone does not read it
	if a.code == http.StatusServiceUnavailable {
		return // not refused: it comes again
	}
	who := peer(r)
	if h.refused.report(r.Context(), a, who, h.now()) {
		h.log.WarnContext(r.Context(), "webhook refused", "code", a.code, "reason", a.text, "peer", who, "path", cut(r.URL.Path, maxQuote))
	}
}
