package archive

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// settle waits until the file system of a folder has written everything: one call for any number of files.
func settle(dir *os.File) error {
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("write %s to the disk: %w", dir.Name(), err)
	}
	return nil
}
