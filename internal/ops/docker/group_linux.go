package docker

import "syscall"

// ownGroup puts a program into a process group of its own, and ends it with the thread that started it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
