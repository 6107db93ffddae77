package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a running program under test.
type process struct {
	cmd *exec.Cmd
	log *bytes.Buffer

	ended  chan struct{} // closed once it is over
	err    error         // of its end; read after ended
	killed bool
}

func startBot(t *testing.T, bin, config, addr string) *process {
	t.Helper()
	return startProcess(t, exec.Command(bin, "serve", "--config", config), addr)
}

func startProcess(t *testing.T, cmd *exec.Cmd, addr string) *process {
	t.Helper()
	p := &process{cmd: cmd, log: &bytes.Buffer{}, ended: make(chan struct{})}
	p.cmd.Stderr = p.log
	p.cmd.Stdout = p.log
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() && !p.killed {
			t.Logf("last words:\n%s", tail(p.log.String(), 3000))
		}
	})
	until(t, "the bot listens", 20*time.Second, func() bool { return get(addr, "/healthz") != "" || p.over() })
	return p
}

// over tells whether it has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatalf("kill: %v\n%s", err, tail(p.log.String(), 3000))
	}
	<-p.ended // "signal: killed"
	p.killed = true
}

// stop ends the program as systemd does, and expects it to be gone within five seconds.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// The contract's five seconds.
	late := time.AfterFunc(5*time.Second, func() {
		t.Error("SIGTERM did not end it within 5 s")
		_ = p.cmd.Process.Kill()
	})
	defer late.Stop()
	if <-p.ended; p.err != nil {
		t.Errorf("after SIGTERM: %v\n%s", p.err, tail(p.log.String(), 3000))
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

var client = &http.Client{Timeout: 5 * time.Second}

func get(addr, path string) string {
	resp, err := client.Get("http://" + addr + path) //nolint:noctx // bounded by the client's time-out
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(b)
}

func postWebhook(ctx context.Context, addr, token, body string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/webhooks/alertmanager", strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// wait waits, but not longer than ctx.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func until(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-time.After(20 * time.Millisecond)
	}
}
