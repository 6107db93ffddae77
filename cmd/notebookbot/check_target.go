package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// target looks at the application and at all that operations on it need.
func (c *checkup) target(ctx context.Context) {
	if _, set := c.cfg.lines["target"]; !set {
		c.unchecked("target", words{"没有配置：不能对应用做任何操作", "not set: nothing can be done to an application"})
		return
	}
	if c.cfg.Target.Engine != "compose" {
		c.unchecked("target.engine", words{"这个版本只支持 compose", "this version operates on compose alone"})
		return
	}
	engine, err := docker.Open(docker.Config{
		Host: c.cfg.Target.DockerHost, Project: c.cfg.Target.Project, Dir: c.cfg.Target.Dir, Services: c.cfg.Target.Services,
	})
	if err != nil {
		c.fail("target", both(err.Error()), words{"修正这一行", "correct that line"})
		return
	}
	defer engine.Close() //nolint:errcheck // Idle connections only.
	c.composeFile(ctx, engine)
	if c.docker(ctx, engine) {
		c.composeCommand(ctx, engine)
		running := c.containers(ctx, engine)
		c.database(ctx, engine, running)
		c.logArchive(ctx, engine, running)
		c.redis(ctx, engine, running)
	}
	c.healthURL(ctx)
}

// docker asks the engine for its version, which needs the rights that everything else needs.
func (c *checkup) docker(ctx context.Context, engine *docker.Engine) bool {
	const name = "docker"
	limited, cancel := c.limited(ctx)
	defer cancel()
	version, err := engine.Ping(limited)
	switch {
	case err == nil:
		c.ok(name, format("%s，Docker %s", "%s, Docker %s", c.cfg.Target.DockerHost, version))
	case errors.Is(err, docker.ErrForbidden):
		c.fail(name, both(err.Error()), words{"把机器人的用户加入 docker 组，再重启机器人", "add the bot's user to the group docker, then start the bot again"})
	default:
		c.fail(name, both(err.Error()), words{"启动 Docker（systemctl start docker），或者修正 target.docker_host", "start Docker (systemctl start docker), or correct target.docker_host"})
	}
	return err == nil
}

// composeFile reads the compose file and the checkout, and holds the configuration against them.
func (c *checkup) composeFile(ctx context.Context, engine *docker.Engine) {
	const name = "compose file"
	limited, cancel := c.limited(ctx)
	defer cancel()
	p, err := engine.Project(limited)
	switch {
	case errors.Is(err, docker.ErrUnknownService):
		c.fail("target.services", both(err.Error()), words{"改成 compose 文件里的名字", "write the names of the compose file"})
		return
	case err != nil:
		c.fail(name, both(err.Error()), words{"修正 target.dir 或 compose 文件；机器人的用户要能读它和 .env", "correct target.dir or the compose file; the bot's user must be able to read it and .env"})
		return
	}
	var services []string
	for _, s := range p.Services {
		services = append(services, s.Name)
	}
	c.ok(name, format("%s：%s", "%s: %s", strings.Join(p.Files, "、"), strings.Join(services, "、")))
	for _, s := range slices.Sorted(maps.Keys(c.cfg.Target.Alerts)) {
		if !slices.Contains(services, s) {
			c.warn("target.alerts."+s, words{"没有这个服务", "there is no such service"}, both(strings.Join(services, ", ")))
		}
	}
	for key, service := range map[string]string{"database.service": c.cfg.Database.Service, "redis.service": c.cfg.Redis.Service} {
		elsewhere := key == "database.service" && c.cfg.Database.DSN.Set() || key == "redis.service" && c.cfg.Redis.Addr != ""
		if service != "" && !elsewhere && !p.Defines(service) {
			c.fail(key, format("compose 文件里没有 %s", "the compose file has no %s", service), words{"改成 compose 文件里的名字", "write the name in the compose file"})
		}
	}
	c.checkout(p)
}

// checkout tells whether there is something to deploy from.
func (c *checkup) checkout(p *docker.Project) {
	const name = "git checkout"
	if p.Commit == "" {
		c.warn(name, format("%s 不在 git 目录里：deploy 和 rollback 不可用", "%s is no git checkout: deploy and rollback cannot be used", p.Dir),
			words{"把应用的代码仓库检出到 target.dir", "check the application's repository out to target.dir"})
		return
	}
	if _, err := exec.LookPath("git"); err != nil {
		c.warn(name, words{"没有安装 git：deploy 和 rollback 不可用", "git is not installed: deploy and rollback cannot be used"}, both("apt-get install git"))
		return
	}
	const short = 12
	c.ok(name, format("%s，当前提交 %s", "%s, at %s", p.Dir, p.Commit[:min(len(p.Commit), short)]))
}

// composeCommand looks for the command that made the containers.
func (c *checkup) composeCommand(ctx context.Context, engine *docker.Engine) {
	const name = "compose command"
	limited, cancel := c.limited(ctx)
	defer cancel()
	version, err := engine.ComposeVersion(limited)
	switch {
	case err == nil:
		c.ok(name, both(version))
	case errors.Is(err, docker.ErrMixedCompose):
		c.fail(name, both(err.Error()), words{"安装当初创建容器的那个大版本", "install the major version that made the containers"})
	case errors.Is(err, docker.ErrNoCompose):
		c.fail(name, both(err.Error()), words{"安装 docker compose", "install docker compose"})
	default:
		c.fail(name, both(err.Error()), words{"先修正上面的问题", "mend what stands above first"})
	}
}

// containers looks for the project's containers, and gives one that runs for each service.
func (c *checkup) containers(ctx context.Context, engine *docker.Engine) map[string]string {
	const name = "containers"
	limited, cancel := c.limited(ctx)
	defer cancel()
	list, err := engine.Containers(limited)
	if err != nil {
		c.fail(name, both(err.Error()), words{"启动应用（docker compose up -d），或者修正 target.project", "start the application (docker compose up -d), or correct target.project"})
		return nil
	}
	running := map[string]string{}
	seen := map[string]bool{}
	for i := range list {
		seen[list[i].Service] = true
		if list[i].Running() {
			running[list[i].Service] = list[i].ID
		}
	}
	var down []string
	for _, s := range slices.Sorted(maps.Keys(seen)) {
		if running[s] == "" {
			down = append(down, s)
		}
	}
	if len(down) > 0 {
		c.warn(name, format("没有在运行：%s", "not running: %s", strings.Join(down, ", ")), words{"看 /notebook health", "see /notebook health"})
		return running
	}
	c.ok(name, format("%d 个容器，%d 个服务都在运行", "%d containers, all %d services run", len(list), len(seen)))
	return running
}

// healthURL asks the address by which operations tell that the application serves.
func (c *checkup) healthURL(ctx context.Context) {
	const name = "target.health_url"
	address := c.cfg.Target.HealthURL
	if address == "" {
		c.warn(name, words{"没有设置：操作之后不检查网站能否访问", "not set: nobody asks the site after an operation"}, both("https://…/health"))
		return
	}
	mend := words{"从机器人所在的机器访问它；或者修正 target.health_url", "open it from the machine of the bot; or correct target.health_url"}
	switch status, _, err := c.get(ctx, address); {
	case err != nil:
		c.fail(name, both(err.Error()), mend)
	case status != http.StatusOK:
		c.fail(name, both(fmt.Sprintf("%s: HTTP %d", address, status)), mend)
	default:
		c.ok(name, both(address))
	}
}
