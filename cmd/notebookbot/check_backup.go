package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
)

// backups looks at where backups go and who could open them.
func (c *checkup) backups(ctx context.Context) {
	_, target := c.cfg.lines["target"]
	_, configured := c.cfg.lines["backup"]
	if !target && !configured {
		c.unchecked("backup", words{"没有配置 target 和 backup：不会自动备份", "neither `target` nor `backup` is set: no backups are taken by themselves"})
		return
	}
	remote, err := c.cfg.backupRemote()
	if err != nil {
		c.fail("backup.s3", both(err.Error()), words{"修正这一行", "correct that line"})
		return
	}
	if _, err := backup.Open(c.cfg.backupConfig(), nil, remote, nil); err != nil {
		c.fail("backup", both(err.Error()), words{"修正这一行", "correct that line"})
		return
	}
	c.backupFolder()
	c.backupKeys()
	if remote == nil {
		c.warn("backup.s3", words{"没有异地备份：本机损坏时备份一起丢失", "no second place: when this machine is lost, so are the backups"},
			words{"填写 backup.s3", "fill in `backup.s3`"})
		return
	}
	limited, cancel := c.limited(ctx)
	defer cancel()
	if err := remote.Check(limited); err != nil {
		why := err.Error()
		if p, ok := errors.AsType[*ops.Problem](err); ok {
			why = p.Text
		}
		c.fail("backup.s3", both(why), words{"检查地址、密钥、权限以及存储桶是否存在", "check address, keys and rights, and that the bucket exists"})
		return
	}
	c.backupCopies(limited, remote)
}

// backupCopies says what lies in the second place: the bot deletes nothing there, and somebody pays for it.
func (c *checkup) backupCopies(ctx context.Context, remote *backup.Remote) {
	const name = "backup.s3"
	bucket := c.cfg.Backup.S3.Bucket
	st, err := remote.Stock(ctx)
	const day = 24 * time.Hour
	switch {
	case err != nil:
		c.fail(name, both(farError(err)), words{"授予列出对象的权限（s3:ListBucket）", "grant the right to list objects (s3:ListBucket)"})
	case st.Sets == 0:
		c.ok(name, format("存储桶 %s 可用，还没有备份", "the bucket %s can be used, and has no backups yet", bucket))
	case time.Since(st.Oldest) > c.cfg.Backup.Retention+2*day:
		c.warn(name, format("存储桶 %s 有%d份备份，共%d MB，最早的是%s，早于 backup.retention", "the bucket %s has %d backups, %d MB; the oldest is of %s, older than `backup.retention`",
			bucket, st.Sets, st.Bytes/1e6, st.Oldest.Format(time.DateOnly)),
			format("机器人不在异地删除：给前缀 %s 设置生命周期规则，期限不短于 backup.retention 加两天", "the bot deletes nothing there: give the prefix %s a lifecycle rule, not shorter than `backup.retention` and two days", c.cfg.Backup.S3.Prefix))
	default:
		c.ok(name, format("存储桶 %s 可用，有%d份备份，共%d MB，最早的是%s", "the bucket %s can be used and has %d backups, %d MB; the oldest is of %s",
			bucket, st.Sets, st.Bytes/1e6, st.Oldest.Format(time.DateOnly)))
	}
}

// leastFree is how much a disk should have left for backups, whatever their size.
const leastFree = 1 << 30

// backupFolder looks whether the folder takes writes, has room, and lies on a disk of its own.
func (c *checkup) backupFolder() {
	const name = "backup.dir"
	dir := c.cfg.Backup.Dir
	space, err := backup.SpaceAt(dir)
	if err == nil {
		err = writable(dir)
	}
	switch {
	case err != nil:
		c.fail(name, both(err.Error()), format("建立 %s 并允许机器人写入", "make %s and let the bot write to it", dir))
		return
	case space.Bytes < leastFree:
		c.warn(name, format("磁盘只剩 %d MB", "its disk has %d MB left", space.Bytes>>20), words{"清理磁盘，或换一个目录", "free some room, or choose another folder"})
	case sameDisk(dir, c.cfg.Target.Dir):
		c.warn(name, format("可写，但与 %s 在同一块磁盘上：磁盘坏了会一起丢失", "takes writes, but lies on the same disk as %s: both are lost with it", c.cfg.Target.Dir),
			words{"换到另一块磁盘，或配置 backup.s3", "choose another disk, or set `backup.s3`"})
	default:
		c.ok(name, format("可写，剩余 %d GB", "takes writes, %d GB are free", space.Bytes>>30))
	}
}

// writable tries to write to a folder, or to the nearest one above it that is there: it is made when the first backup is.
func writable(dir string) error {
	for {
		f, err := os.CreateTemp(dir, ".notebookbot-check-*")
		if errors.Is(err, os.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		if err != nil {
			return err
		}
		return errors.Join(f.Close(), os.Remove(f.Name()))
	}
}

// sameDisk tells whether two folders lie on one file system. What cannot be looked at does not.
func sameDisk(a, b string) bool {
	x, okX := device(a)
	y, okY := device(b)
	return okX && okY && x == y
}

func device(dir string) (uint64, bool) {
	var st syscall.Stat_t
	for {
		err := syscall.Stat(dir, &st)
		if errors.Is(err, os.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		return uint64(st.Dev), err == nil //nolint:unconvert // Its type differs between systems.
	}
}

// backupKeys warns of secrets in plain, and of backups that this machine could not open.
func (c *checkup) backupKeys() {
	const name = "backup.recipients"
	b := c.cfg.Backup
	switch {
	case len(b.Recipients) == 0:
		c.warn(name, words{"没有填写：机密文件不加密，也不会上传异地", "not set: secrets are kept in plain, and never go to the second place"},
			words{"用 age-keygen 生成密钥，把公钥写在这里，私钥放在别的机器", "make a key with age-keygen, put its public half here and its private half elsewhere"})
	case b.Encrypt == "all" && b.IdentityFile == "":
		c.warn(name, words{"全部加密，而本机没有私钥：刚做完的能验证，之后机器人不能恢复", "everything is encrypted and no key is here: backups are proven when they are taken, and the bot cannot restore them later"},
			words{"需要机器人恢复时，填写 backup.identity_file", "set `backup.identity_file` when the bot shall restore"})
	default:
		c.ok(name, format("为 %d 个收件人加密", "encrypted for %d recipients", len(b.Recipients)))
	}
}
