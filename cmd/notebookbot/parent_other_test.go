//go:build !linux

package main

import "syscall"

// dieWithParent has no counterpart here: t.Cleanup ends the programs.
func dieWithParent() *syscall.SysProcAttr { return nil }
