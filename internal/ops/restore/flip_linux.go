package restore

import (
	"errors"

	"golang.org/x/sys/unix"
)

// swapNames exchanges two names in one step. A file system that cannot do that gets two steps.
func swapNames(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return swapInSteps(a, b)
	}
	return err
}
