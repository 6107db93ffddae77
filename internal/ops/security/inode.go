package security

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// names counts the names that a file has; 0: it was deleted.
func names(file string) (uint64, error) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	st, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return 0, fmt.Errorf("%s: this system does not count the names of a file", file)
	}
	return uint64(st.Nlink), nil
}

// owner is the number of the account whose file it is; -1: not known.
func owner(info fs.FileInfo) int {
	if st, is := info.Sys().(*syscall.Stat_t); is {
		return int(st.Uid)
	}
	return -1
}
