//go:build unix && !linux

package realparts

import "syscall"

// attributes makes the program run as cred says. Only Linux can also tie it to the life of our process.
func attributes(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: cred}
}

// withChildren does nothing: what needs it runs on Linux alone.
func withChildren(*syscall.SysProcAttr) {}
