package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/client"
)

// DefaultHost is where an engine listens that nobody configured.
const DefaultHost = "unix:///var/run/docker.sock"

// How long a call may take that does not wait for a container. A busy engine answers slowly; one that hangs never answers.
const callWithin = 20 * time.Second

// Config says which application it is.
type Config struct {
	Host     string   // unix:///var/run/docker.sock (the default) or tcp://host:port
	Project  string   // the compose project
	Dir      string   // where the compose file and the git checkout are
	Services []string // which services of the compose file; none: all

	// Env is for the compose file and the compose command, beside the file .env in Dir. The program's own environment is not: it
	// holds the bot's secrets.
	Env map[string]string
}

// Engine is the application's Docker engine. It connects when it is first asked.
type Engine struct {
	cfg Config

	connecting chan struct{} // holds one: who connects

	mu       sync.Mutex
	client   *client.Client
	commands []command // the compose commands that are installed
	lookedAt time.Time
}

// Open checks the configuration; it does not speak to the engine yet.
func Open(cfg Config) (*Engine, error) {
	cfg.Host = cmp.Or(cfg.Host, DefaultHost)
	switch scheme, _, _ := strings.Cut(cfg.Host, "://"); scheme {
	case "unix", "tcp":
	case "ssh":
		return nil, fmt.Errorf("docker_host %s: ssh is not supported; forward the engine's socket with ssh -L and use unix://…", cfg.Host)
	default:
		return nil, fmt.Errorf("docker_host %q is not an address such as %s or tcp://host:2376", cfg.Host, DefaultHost)
	}
	if cfg.Project == "" {
		return nil, fmt.Errorf("project is missing: the name of a compose project, such as ai-notebook")
	}
	if !filepath.IsAbs(cfg.Dir) {
		return nil, fmt.Errorf("dir %q is not an absolute path of the folder with the compose file", cfg.Dir)
	}
	return &Engine{cfg: cfg, connecting: make(chan struct{}, 1)}, nil
}

// Close gives the connections back.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.drop()
}

// Ping asks whether the engine answers, and for its version.
func (e *Engine) Ping(ctx context.Context) (string, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return "", err
	}
	v, err := api.ServerVersion(ctx)
	if err != nil {
		return "", e.explain(ctx, err)
	}
	return v.Version, nil
}

// api gives the SDK's client. It agrees on the version of the API before anybody else may use it: the SDK's own way, with the first
// request, is a data race between the first two of them.
func (e *Engine) api(ctx context.Context) (*client.Client, error) {
	if c := e.connected(); c != nil {
		return c, nil
	}
	select {
	case e.connecting <- struct{}{}:
		defer func() { <-e.connecting }()
	case <-ctx.Done():
		return nil, e.explain(ctx, ctx.Err())
	}
	if c := e.connected(); c != nil {
		return c, nil
	}
	opts := []client.Opt{client.WithHost(e.cfg.Host), client.WithAPIVersionNegotiation()}
	if strings.HasPrefix(e.cfg.Host, "tcp://") {
		opts = append(opts, client.WithTLSClientConfigFromEnv())
	}
	c, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("docker_host %s: %w", e.cfg.Host, err)
	}
	ping, err := c.Ping(ctx)
	if err != nil {
		return nil, e.explain(ctx, errors.Join(err, c.Close()))
	}
	c.NegotiateAPIVersionPing(ping)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.client = c
	return c, nil
}

func (e *Engine) connected() *client.Client {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.client
}

// drop forgets the connection: an engine that went may come back as another version, which is agreed on anew.
func (e *Engine) drop() error {
	c := e.client
	e.client = nil
	if c == nil {
		return nil
	}
	return c.Close()
}

// environment is what compose and the compose file see: what programs need, and what the configuration gives them.
func (e *Engine) environment() []string {
	var env []string
	for _, name := range []string{
		"PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "DOCKER_CERT_PATH",
		"DOCKER_TLS_VERIFY", "DOCKER_BUILDKIT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK",
	} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for name, v := range e.cfg.Env {
		env = append(env, name+"="+v)
	}
	return append(env, "DOCKER_HOST="+e.cfg.Host, "COMPOSE_PROJECT_NAME="+e.cfg.Project)
}
