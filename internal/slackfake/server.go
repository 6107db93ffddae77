package slackfake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is the workspace and its API. All state stands under one lock: a handler sees the workspace as no other call changes it.
type Server struct {
	cfg    Config
	ctx    context.Context // the server's life, ended by Close; no call's context
	cancel context.CancelFunc
	http   *http.Server
	addr   string
	wg     sync.WaitGroup // requests, sockets

	mu     sync.Mutex
	closed bool
	rng    *rand.Rand
	serial int64 // for ids

	version int64
	changed chan struct{}

	tokens   map[string]*Token
	users    map[string]*User
	userIDs  []string
	channels map[string]*channel
	order    []string // channels
	groups   []*Group
	views    map[string]*View
	stacks   map[string][]string // views by user, the top last
	homes    map[string]string   // view by user
	triggers map[string]*trigger
	replies  map[string]*responseURL
	files    map[string]*file
	ephemera []*Ephemeral
	posted   map[string][]Ref // by metadata key

	sockets   []*socket
	ghosts    []time.Time // when each goes away
	tickets   map[string]bool
	envelopes map[string]*envelope
	envOrder  []string
	shuffle   Shuffle
	noSockets bool
	away      bool

	faults  []*fault
	limited bool
	buckets map[string]*bucket

	violations []Violation
	calls      []*Call
	acks       []Ack
	sent       []Envelope
}

// New makes a workspace. What the Config leaves out is taken from Default.
func New(cfg Config) *Server {
	cfg.fill()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, ctx: ctx, cancel: cancel,
		rng:     rand.New(rand.NewPCG(cfg.Seed, 7)), //nolint:gosec // Repeatable on purpose.
		changed: make(chan struct{}),
		tokens:  map[string]*Token{}, users: map[string]*User{}, channels: map[string]*channel{},
		views: map[string]*View{}, stacks: map[string][]string{}, homes: map[string]string{},
		triggers: map[string]*trigger{}, replies: map[string]*responseURL{}, files: map[string]*file{},
		posted: map[string][]Ref{}, tickets: map[string]bool{}, envelopes: map[string]*envelope{},
		limited: cfg.RateLimits, buckets: map[string]*bucket{},
	}
	for _, t := range cfg.Tokens {
		s.tokens[t.Value] = &t
	}
	for _, u := range cfg.Users {
		if u.Team == "" {
			u.Team = cfg.Team.ID
		}
		s.users[u.ID] = &u
		s.userIDs = append(s.userIDs, u.ID)
	}
	for _, c := range cfg.Channels {
		s.addChannel(c)
	}
	for _, g := range cfg.Groups {
		s.groups = append(s.groups, &g)
	}
	return s
}

// Start listens on addr, for example "127.0.0.1:0".
func (s *Server) Start(addr string) error {
	ln, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("slackfake: %w", err)
	}
	s.addr = ln.Addr().String()
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 30 * time.Second,
		ConnContext:       withConn,
	}
	s.wg.Go(func() {
		if err := s.http.Serve(&listener{Listener: ln, s: s}); !errors.Is(err, http.ErrServerClosed) {
			s.mu.Lock()
			s.blame("server", "serving ended: "+err.Error())
			s.mu.Unlock()
		}
	})
	return nil
}

// Close ends everything and waits until nothing runs any more. It may be called twice.
func (s *Server) Close() {
	s.cancel()
	s.mu.Lock()
	s.closed = true
	for _, e := range s.envelopes {
		e.stop()
	}
	for _, k := range s.sockets {
		k.cut()
	}
	s.bump()
	s.mu.Unlock()
	if s.http != nil {
		_ = s.http.Close()
	}
	s.wg.Wait()
}

// URL is the address of the Web API; it ends in "/api/".
func (s *Server) URL() string { return "http://" + s.addr + "/api/" }

// SetReachable closes and opens the workspace: while false, every connection is cut at once, the sockets too.
func (s *Server) SetReachable(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = !yes
	if s.away {
		for _, k := range s.sockets {
			k.cut()
		}
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed || s.away {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()

	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/api/"):
		s.serveAPI(w, r, strings.TrimPrefix(path, "/api/"))
	case path == "/link/":
		s.serveSocket(w, r)
	case strings.HasPrefix(path, "/response/"):
		s.serveResponseURL(w, r, strings.TrimPrefix(path, "/response/"))
	case strings.HasPrefix(path, "/upload/"):
		s.serveUpload(w, r, strings.TrimPrefix(path, "/upload/"))
	default:
		s.mu.Lock()
		s.blame(r.Method+" "+path, "no such address")
		s.mu.Unlock()
		http.NotFound(w, r)
	}
}

// bump says that something changed. The lock is held.
func (s *Server) bump() int64 {
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
	return s.version
}

// id makes an identifier that is unique in this workspace. The lock is held.
func (s *Server) id(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%07dFAKE", prefix, s.serial)
}

func (s *Server) now() time.Time { return s.cfg.Now() }
