package main

import "syscall"

// dieWithParent ends a program under test when the test dies, whatever it dies of.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
