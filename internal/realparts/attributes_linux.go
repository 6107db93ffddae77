package realparts

import "syscall"

// attributes makes the program end with our process, however that ends, and run as cred says.
func attributes(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: cred}
}

// withChildren makes all that the program starts end with it: it is the first process of a space of its own.
func withChildren(a *syscall.SysProcAttr) { a.Cloneflags |= syscall.CLONE_NEWPID }
