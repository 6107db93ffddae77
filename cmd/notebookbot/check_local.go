package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ai-notebook/notebookbot/internal/store"
)

// othersMayRead are the rights that nobody but the bot needs on a file with a secret.
const othersMayRead fs.FileMode = 0o077

// secretModes looks at who may read the files that hold secrets.
func (c *checkup) secretModes() {
	const name = "secrets"
	files := c.cfg.SecretFiles
	if len(c.cfg.InlineSecrets) > 0 {
		files = append([]SecretFile{{Key: strings.Join(c.cfg.InlineSecrets, ", "), Path: c.cfg.File}}, files...)
	}
	open := 0
	for _, f := range files {
		info, err := os.Stat(f.Path)
		if err != nil {
			c.fail(name, both(f.Key+": "+err.Error()), words{"检查该文件的路径和权限", "check the file's path and rights"})
			open++
			continue
		}
		if info.Mode().Perm()&othersMayRead != 0 {
			c.warn(name, format("%s 含有密钥（%s），权限是 %04o", "%s holds secrets (%s) and its mode is %04o", f.Path, f.Key, info.Mode().Perm()),
				both("chmod 600 "+f.Path))
			open++
		}
	}
	if open == 0 {
		c.ok(name, words{"只有机器人自己能读取密钥文件", "no other user may read the files with secrets"})
	}
}

func (c *checkup) timezone() {
	now := time.Now().In(c.cfg.App.Location)
	c.ok("app.timezone", format("%s，现在是 %s", "%s, where it is %s", c.cfg.App.Timezone, now.Format("2006-01-02 15:04 -07:00")))
}

// listen finds out whether serve could listen there, or whether it does already.
func (c *checkup) listen(ctx context.Context) {
	const name = "listen"
	addr := c.cfg.Listen
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	switch {
	case err == nil:
		_ = l.Close()
		c.ok(name, format("%s 空闲", "%s is free", addr))
	case errors.Is(err, syscall.EADDRINUSE):
		if c.running = c.isOurs(ctx); c.running {
			c.ok(name, format("%s 上有一个正在运行的 notebookbot", "a running notebookbot answers on %s", addr))
			return
		}
		c.fail(name, format("%s 已被另一个程序占用", "another program has %s", addr),
			format("在配置中换一个端口，或用 `ss -ltnp` 找到那个程序", "choose another port, or find that program with `ss -ltnp`"))
	case errors.Is(err, syscall.EACCES):
		c.fail(name, both(err.Error()), words{"1024 以下的端口需要特权，请换一个", "ports below 1024 need privileges: choose another one"})
	default:
		c.fail(name, both(err.Error()), words{"使用本机的一个地址", "use an address of this machine"})
	}
	c.exposed()
}

// exposed warns of webhooks that nobody can send, or everybody sees.
func (c *checkup) exposed() {
	host, _, _ := net.SplitHostPort(c.cfg.Listen)
	if isLoopback(host) {
		return
	}
	c.warn("listen", words{"不只是本机能访问，而且没有加密", "it is open to more than this machine, and not encrypted"},
		words{"放在带 TLS 的反向代理后面", "put it behind a reverse proxy with TLS"})
}

// address is where listen is reached from this machine.
func (c *checkup) address() string {
	host, port, _ := net.SplitHostPort(c.cfg.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// isOurs knows a bot by the names of its metrics.
func (c *checkup) isOurs(ctx context.Context) bool {
	status, body, err := c.get(ctx, c.address()+"/metrics")
	return err == nil && status == http.StatusOK && strings.Contains(body, "notebookbot_")
}

// get asks an address and gives its answer, bounded.
func (c *checkup) get(ctx context.Context, url string) (status int, body string, err error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	const most = 1 << 20
	b, err := io.ReadAll(io.LimitReader(resp.Body, most))
	return resp.StatusCode, string(b), err
}

// store opens the store and writes to it. A store that is not there yet is not made: it would belong to whoever runs check.
func (c *checkup) store(ctx context.Context) {
	const name = "store"
	address := c.cfg.Store.Reveal()
	path, lite := strings.CutPrefix(address, "sqlite:")
	if c.running {
		c.readiness(ctx)
		if lite { // one program has the file at a time, so the running one has told
			return
		}
	}
	if lite {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			c.folder(name, path)
			return
		}
	}
	ctx, cancel := c.limited(ctx)
	defer cancel()
	s, err := store.Open(ctx, address, slog.New(slog.DiscardHandler), store.Options{})
	if err == nil {
		err = errors.Join(s.Healthy(ctx), s.Close())
	}
	_, newer := errors.AsType[*store.NewerError](err)
	switch {
	case err == nil:
		c.ok(name, words{"可以打开并写入", "opens and takes writes"})
	case newer:
		c.fail(name, both(err.Error()), words{"运行较新的版本", "run the newer version"})
	case lite:
		c.fail(name, both(err.Error()), words{"检查文件的权限和磁盘空间", "check the file's rights and the free space"})
	default:
		c.fail(name, both(err.Error()), words{"检查地址、密码和 PostgreSQL 是否在运行", "check the address, the password, and that PostgreSQL runs"})
	}
}

// readiness asks the running bot how its parts are.
func (c *checkup) readiness(ctx context.Context) {
	_, body, err := c.get(ctx, c.address()+"/readyz")
	var report struct {
		Checks []struct{ Name, State, Reason string }
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &report)
	}
	if err != nil {
		c.fail("running", both("/readyz: "+err.Error()), words{"查看机器人的日志", "look at the bot's log"})
		return
	}
	for _, part := range report.Checks {
		name, why := "running "+part.Name, both(part.Reason)
		switch {
		case part.State != stateOK:
			if !slices.Contains([]string{stateWarning, stateFailed, stateUnchecked}, part.State) {
				part.State = stateFailed
			}
			c.add(part.State, name, why, words{"查看机器人的日志", "look at the bot's log"})
		case part.Reason == "":
			c.ok(name, words{"正常", "works"})
		default:
			c.ok(name, why)
		}
	}
}

// folder tries whether a store could be made in its folder.
func (c *checkup) folder(name, path string) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".notebookbot-check-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		c.fail(name, both(err.Error()), format("建立 %s 并允许机器人写入", "make %s and let the bot write to it", dir))
		return
	}
	c.ok(name, format("%s 还不存在；serve 会建立它，目录可写", "%s does not exist yet; serve makes it, and its folder takes writes", path))
}

// publicURL asks the public address for the bot, when the bot runs.
func (c *checkup) publicURL(ctx context.Context) {
	const name = "public_url"
	address := strings.TrimSuffix(c.cfg.PublicURL, "/")
	switch {
	case address == "":
		c.unchecked(name, words{"没有设置；要用到它的页面在后续版本", "not set; the pages that need it come with a later version"})
		return
	case !c.running:
		c.unchecked(name, words{"机器人没有在运行", "the bot does not run"})
		return
	}
	status, _, err := c.get(ctx, address+"/healthz")
	switch {
	case err != nil:
		c.fail(name, both(err.Error()), words{"检查域名和反向代理", "check the name and the reverse proxy"})
	case status != http.StatusOK:
		c.fail(name, format("%s/healthz 返回 %d", "%s/healthz answers %d", address, status),
			words{"检查反向代理是否指向 listen", "check that the reverse proxy leads to `listen`"})
	default:
		c.ok(name, both(address))
	}
}

// later names what the configuration sets and this version does not use.
func (c *checkup) later() {
	for _, key := range c.cfg.Later() {
		c.unchecked(key, words{"后续版本才会使用", "comes with a later version"})
	}
}
