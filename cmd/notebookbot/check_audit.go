package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/ai-notebook/notebookbot/internal/audit"
	"github.com/ai-notebook/notebookbot/internal/store"
)

// audit verifies the audit log from its first entry to its last, beside a bot that may run.
func (c *checkup) audit(ctx context.Context) {
	const name = "audit log"
	ctx, cancel := c.limited(ctx)
	defer cancel()
	log, err := store.OpenAudit(ctx, c.cfg.Store.Reveal())
	var head audit.Head
	if err == nil {
		head, err = log.Verify(ctx)
		err = errors.Join(err, log.Close())
	}
	broken, isBroken := errors.AsType[*audit.BrokenError](err)
	switch {
	case err == nil:
		c.ok(name, headText(head))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, store.ErrNoAudit):
		c.unchecked(name, words{"还没有：机器人第一次启动时建立", "none yet: it is made when the bot first starts"})
	case isBroken:
		c.fail(name, format("第 %d 条对不上（%s）", "entry %d does not fit (%s)", broken.Seq, broken.What),
			words{"有人改动了数据库：保留现场，与备份和 Slack 里每天公布的哈希对照", "somebody changed the database: keep it as it is, and compare it with backups and with the hashes told in Slack each day"})
	case ctx.Err() != nil:
		c.unchecked(name, words{"10 秒内没有核对完：运行 notebookbot audit --verify", "not done within 10 s: run notebookbot audit --verify"})
	default:
		c.fail(name, both(err.Error()), words{"检查存储是否可用", "check the store"})
	}
}
