package main

import (
	"context"

	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
	"github.com/ai-notebook/notebookbot/internal/ops/wal"
)

// logArchive looks whether the log of the database can be archived: the folder, and what the server must allow.
func (c *checkup) logArchive(ctx context.Context, engine *docker.Engine, running map[string]string) {
	const name = "backup.wal"
	service, dir := c.cfg.Database.Service, c.cfg.Backup.WAL
	switch {
	case dir == "":
		c.unchecked(name, words{"没有设置：不能恢复到任意时刻", "not set: nothing can be brought back to any moment"})
		return
	case running[service] == "":
		c.unchecked(name, format("%s 没有在运行", "%s does not run", service))
		return
	}
	space, err := backup.SpaceAt(dir)
	if err == nil {
		err = writable(dir)
	}
	if err != nil {
		c.fail(name, both(err.Error()), format("建立 %s 并允许机器人写入", "make %s and let the bot write to it", dir))
		return
	}
	limited, cancel := c.limited(ctx)
	defer cancel()
	db, err := postgres.Open(engine, postgres.Config{Service: service, Name: c.cfg.Database.Name, User: c.cfg.Database.User})
	if err != nil {
		return // the database's own line says so
	}
	r, err := db.Replication(limited, wal.Slot)
	if err != nil {
		c.fail(name, both(err.Error()), words{"检查 database.user 的权限：需要超级用户", "check the rights of database.user: it takes a superuser"})
		return
	}
	if !c.logServer(r) {
		return
	}
	if err := db.MayReplicate(limited); err != nil {
		c.fail(name, both(err.Error()), format("在 pg_hba.conf 里加一行 host replication %s 127.0.0.1/32 trust，再 SELECT pg_reload_conf()",
			"add the line `host replication %s 127.0.0.1/32 trust` to pg_hba.conf, then SELECT pg_reload_conf()", c.cfg.Database.User))
		return
	}
	switch {
	case r.Bound < 0:
		c.warn(name, words{
			"可以归档，但没有设置 max_slot_wal_keep_size：归档停下时 WAL 会一直占用数据库的磁盘",
			"can be archived, but max_slot_wal_keep_size is not set: while the archive stands still, WAL fills the database's disk",
		}, words{"ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'，再 SELECT pg_reload_conf()", "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB', then SELECT pg_reload_conf()"})
	case space.Bytes < leastFree:
		c.warn(name, format("磁盘只剩 %d MB", "its disk has %d MB left", space.Bytes>>20), words{"清理磁盘，或换一个目录", "free some room, or choose another folder"})
	default:
		c.ok(name, format("PostgreSQL %d 的日志可以归档，剩余 %d GB", "the log of PostgreSQL %d can be archived, %d GB are free", r.Version/10000, space.Bytes>>30)) //nolint:mnd // As server_version_num counts.
	}
}

// logServer tells whether the server's log can be followed at all.
func (c *checkup) logServer(r *postgres.Replication) bool {
	const name = "backup.wal"
	restart := func(setting string) words {
		return format("ALTER SYSTEM SET %s，再重启数据库", "ALTER SYSTEM SET %s, then restart the database", setting)
	}
	switch wal.Unfit(r) {
	case "":
		return true
	case wal.TroubleVersion:
		c.fail(name, format("服务器版本号是 %d", "the server's version number is %d", r.Version), words{"连续归档需要 PostgreSQL 13 或更新", "archiving the log takes PostgreSQL 13 or newer"})
	case wal.TroubleStandby:
		c.fail(name, words{"这个数据库是备库", "the database is a standby"}, words{"归档主库", "archive the primary"})
	case wal.TroubleLevel:
		c.fail(name, words{"wal_level 是 minimal", "wal_level is minimal"}, restart("wal_level = 'replica'"))
	case wal.TroubleSenders:
		c.fail(name, format("max_wal_senders 是 %d，max_replication_slots 是 %d", "max_wal_senders is %d, max_replication_slots is %d", r.Senders, r.Slots),
			restart("max_wal_senders = 10 / max_replication_slots = 10"))
	case wal.TroubleRight:
		c.fail(name, format("%s 没有 REPLICATION 权限", "%s has no right to REPLICATION", c.cfg.Database.User), words{"改成超级用户，例如 postgres", "write a superuser such as postgres"})
	}
	return false
}
