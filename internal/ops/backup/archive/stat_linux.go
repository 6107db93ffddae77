package archive

import (
	"io/fs"
	"syscall"
)

func stat(info fs.FileInfo) (uid, gid int, s Stamp) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, Stamp{}
	}
	return int(st.Uid), int(st.Gid), Stamp{Inode: st.Ino, Change: st.Ctim.Nano()}
}
