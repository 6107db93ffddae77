//go:build unix && !linux

package docker

import "syscall"

// ownGroup puts a program into a process group of its own. Only Linux can also tie it to the life of our process.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
