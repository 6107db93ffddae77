package console_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ai-notebook/notebookbot/internal/console"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// stage is a sample application of which the test decides how it is.
type stage struct {
	mu      sync.Mutex
	state   map[string]any
	version int64
	changed chan struct{}
	did     []string
	answer  error
}

var errNotNow = errors.New("not now")

func (s *stage) show(state map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	state["version"] = s.version
	s.state = state
	if s.changed != nil {
		close(s.changed)
	}
	s.changed = make(chan struct{})
}

func (s *stage) sample() *console.Sample {
	return &console.Sample{
		State: func(ctx context.Context, since int64) any {
			for {
				s.mu.Lock()
				state, version, changed := s.state, s.version, s.changed
				s.mu.Unlock()
				if version != since {
					return state
				}
				select {
				case <-changed:
				case <-ctx.Done():
					return state
				}
			}
		},
		Do: func(_ context.Context, what string) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.did = append(s.did, what)
			return s.answer
		},
		NotNow: errNotNow,
	}
}

func (s *stage) done() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.did) == 0 {
		return ""
	}
	return s.did[len(s.did)-1]
}

func TestTheSampleApplicationIsOfferedStartedBrokenAndRemovedOnThePage(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	const hostile = `<img src=x onerror="window.pwned=1">`
	s := &stage{}
	s.show(map[string]any{"phase": "absent", "missing": []any{
		map[string]any{"code": "docker", "text": hostile}, map[string]any{"code": "other", "text": hostile}, map[string]any{"code": "unheard-of"},
	}})
	p := open(t, workspace(t), func(c *console.Config) {
		c.Sample, c.Commands = s.sample(), []string{"restart", "health", "logs"}
	})
	p.see("#sample", "Docker does not answer. Install and start it")
	p.see("#sample", "no demo made; it is left alone: "+hostile)
	p.see("#sample", "unheard-of")

	s.show(map[string]any{"phase": "offered", "parts": []any{
		map[string]any{"name": "PostgreSQL", "from": "installed", "image": "postgres:15"},
		map[string]any{"name": "Redis", "from": "engine", "image": "redis:7"},
		map[string]any{"name": "nginx", "from": "registry", "image": "nginx:1"},
	}})
	p.see("#sample", "PostgreSQL: made of what is installed")
	p.see("#sample", "nginx: nginx:1 is pulled from the registry")
	p.click("#sample .go")
	p.until("!document.querySelector('#sample .go').disabled")
	if d := s.done(); d != "start" {
		t.Errorf("the button does %q", d)
	}

	began := time.Now()
	s.show(map[string]any{"phase": "starting", "steps": []any{
		map[string]any{"code": "files", "began": began, "took": 1234}, map[string]any{"code": "image", "name": "nginx", "began": began},
	}})
	p.see("#sample .ok", "write files and git versions 1.2 s")
	p.see("#sample .wait", "make the image: nginx")
	s.show(map[string]any{"phase": "failed", "error": hostile, "steps": []any{map[string]any{"code": "up", "began": began}}})
	p.see("#sample pre", hostile)
	p.see("#sample .bad", "start the containers")
	p.see("#sample .go", "Try again")

	up := func(health, backend string) {
		s.show(map[string]any{"phase": "up", "url": "http://127.0.0.1:1/", "running": "v1", "health": health, "errors": 20, "services": []any{
			map[string]any{"name": "backend", "state": backend, "version": "v1", "since": began, "detail": "exit code 137"},
			map[string]any{"name": "nginx", "state": "up", "since": began},
		}})
	}
	up("ok", "up")
	p.see("#sampleanswers", "version v1 · 20% of the last requests failed")
	p.see("#sample .ok", "nginx up")
	p.see("#sampletour", "/notebook restart backend")
	if got := p.js("document.getElementById('sampletour').innerText.includes('deploy')"); got != "false" {
		t.Error("the tour names a command that the bot does not have")
	}
	p.click(`#sample [data-do="kill"]`)
	p.see("#toast", "Done")
	if d := s.done(); d != "kill" {
		t.Errorf("the button does %q", d)
	}
	up("502 Bad Gateway", "down")
	p.see("#sampleanswers.bad", "502 Bad Gateway")
	p.see("#sample .bad", "exit code 137")
	for answer, shown := range map[error]string{errNotNow: "Not now", errors.New(hostile): hostile} {
		s.mu.Lock()
		s.answer = answer
		s.mu.Unlock()
		p.click(`#sample [data-do="hang"]`)
		p.see("#toast", shown)
	}
	p.click("#lang")
	p.see("#sample .bad", "已停止")
	p.see("#sampletour", "要求重启")
	p.js("document.querySelector('#sample [data-do=remove]').focus()")
	up("ok", "up")
	p.until("document.activeElement.dataset.do === 'remove'") // what is drawn anew keeps the focus
	p.do(chromedp.EmulateViewport(420, 700))
	p.click("#menu")
	p.see("#sample", "杀掉 backend")
	p.until("document.documentElement.scrollWidth <= 420")
	p.until("[...document.querySelectorAll('#sample *')].every(e => e.getBoundingClientRect().right <= document.getElementById('side').getBoundingClientRect().right)")
	if got := p.js("window.pwned || document.querySelectorAll('#sample img').length"); got != "0" {
		t.Error("text became more than text")
	}
}

func TestWithoutASampleApplicationThePageHasNoPlaceForIt(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "chromium")
	p := open(t, workspace(t), nil)
	p.see("#tour", "Service down")
	p.until("document.getElementById('samplepart').hidden")
}
