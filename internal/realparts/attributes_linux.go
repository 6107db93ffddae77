package realparts

import "syscall"

// attributes makes the program end with our process, however that ends, and run as cred says.
func attributes(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: cred}
}
