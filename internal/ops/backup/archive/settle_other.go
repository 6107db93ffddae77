//go:build !linux

package archive

import "os"

func settle(dir *os.File) error { return dir.Sync() }
