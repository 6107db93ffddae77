package main

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// database looks whether the database answers, can be dumped, and can be restored. running has a container for each service that runs.
func (c *checkup) database(ctx context.Context, engine *docker.Engine, running map[string]string) {
	const name = "database"
	limited, cancel := c.limited(ctx)
	defer cancel()
	if c.cfg.Database.DSN.Set() {
		f, err := health.Remote{DSN: c.cfg.Database.DSN.Reveal()}.Facts(limited)
		if err != nil {
			c.fail(name, both(err.Error()), words{"修正 database.dsn，或者看数据库是否在运行", "correct database.dsn, or see whether the database runs"})
			return
		}
		c.ok(name, format("database.dsn，PostgreSQL %s", "database.dsn, PostgreSQL %s", f.Version))
	}
	service := c.cfg.Database.Service
	switch {
	case service == "":
		if !c.cfg.Database.DSN.Set() {
			c.unchecked(name, words{"没有设置 database.service", "database.service is not set"})
		}
		return
	case running[service] == "":
		c.unchecked(name, format("%s 没有在运行", "%s does not run", service))
		return
	}
	db, err := postgres.Open(engine, postgres.Config{Service: service, Name: c.cfg.Database.Name, User: c.cfg.Database.User})
	if err != nil {
		c.fail(name, both(err.Error()), words{"修正这一行", "correct that line"})
		return
	}
	version, err := db.Version(limited)
	switch {
	case errors.Is(err, postgres.ErrNoDatabase):
		c.fail("database.name", both(err.Error()), words{"改成应用的数据库名", "write the name of the application's database"})
		return
	case errors.Is(err, postgres.ErrRefused):
		c.fail("database.user", both(err.Error()), words{"改成在容器内不用密码就能连接的用户", "write a user that may connect inside the container without a password"})
		return
	case err != nil:
		c.fail(name, both(err.Error()), format("看 docker logs：%s 是否能连接", "see docker logs: can %s be reached", service))
		return
	}
	hidden, err := db.Unreadable(limited)
	switch {
	case err != nil:
		c.fail(name, both(err.Error()), words{"检查 database.user 的权限", "check the rights of database.user"})
	case hidden > 0:
		c.fail("database.user", format("%s 读不了 %d 张表或序列：备份会失败", "%s may not read %d tables or sequences: a dump would fail", c.cfg.Database.User, hidden),
			both("GRANT pg_read_all_data TO "+c.cfg.Database.User))
	default:
		c.ok(name, format("PostgreSQL %s，%s 可以导出", "PostgreSQL %s, %s may dump it", version, c.cfg.Database.User))
	}
	if may, err := db.MayOperate(limited); err == nil && !may {
		c.warn("database.user", format("%s 不是超级用户：不能恢复", "%s is no superuser: nothing can be restored", c.cfg.Database.User),
			words{"改成超级用户，例如 postgres", "write a superuser such as postgres"})
	}
}

// redis asks the application's Redis for a sign of life.
func (c *checkup) redis(ctx context.Context, engine *docker.Engine, running map[string]string) {
	const name = "redis"
	limited, cancel := c.limited(ctx)
	defer cancel()
	var said string
	var err error
	service := c.cfg.Redis.Service
	asked := c.cfg.askedRedis()
	switch {
	case c.cfg.Redis.Addr != "":
		said, err = asked.Ask(limited, "PING")
	case service == "":
		c.unchecked(name, words{"没有设置 redis.service", "redis.service is not set"})
		return
	case running[service] == "":
		c.unchecked(name, format("%s 没有在运行", "%s does not run", service))
		return
	default:
		var out bytes.Buffer
		argv, words := asked.Words("PING")
		_, err = engine.Exec(limited, running[service], argv, strings.NewReader(words), &out, &out)
		said = out.String()
	}
	if err != nil {
		said += err.Error()
	}
	switch {
	case err == nil && strings.Contains(said, "PONG"):
		c.ok(name, both("PONG"))
	case strings.Contains(said, "WRONGPASS"):
		c.fail(name, words{"redis.password 不对", "redis.password is wrong"}, words{"改成 Redis 的 requirepass", "write what Redis has as requirepass"})
	case strings.Contains(said, "NOAUTH"):
		c.warn(name, words{"需要密码，机器人不知道：health 看不到它的数据", "it wants a password, which the bot does not have: health cannot see its figures"},
			words{"设置 redis.password", "set redis.password"})
	case err != nil:
		c.fail(name, both(err.Error()), words{"检查 redis.service 或 redis.addr", "check redis.service or redis.addr"})
	default:
		const most = 200
		c.fail(name, both(strings.TrimSpace(said[:min(len(said), most)])), words{"检查 redis.service 或 redis.addr", "check redis.service or redis.addr"})
	}
}
