package restore

import "os"

// swapInSteps exchanges two names where the file system cannot do it at once. A crash between the steps leaves one of the names empty and
// the other file beside under a name of ours: people have to look.
func swapInSteps(a, b string) error {
	held := b + ".notebookbot-held"
	if err := os.Rename(b, held); err != nil {
		return err
	}
	if err := os.Rename(a, b); err != nil {
		return err
	}
	return os.Rename(held, a)
}
