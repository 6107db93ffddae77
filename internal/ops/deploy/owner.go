package deploy

import (
	"io/fs"
	"syscall"
)

// ownerOf gives a file's user and group; -1: not known.
func ownerOf(info fs.FileInfo) [2]int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return [2]int{int(st.Uid), int(st.Gid)}
	}
	return [2]int{-1, -1}
}
