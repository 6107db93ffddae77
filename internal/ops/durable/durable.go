// Package durable writes small files so that a crash at any moment leaves the old one or the new one, and both for good.
package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteFile puts a small file in its place at once and for good, readable by its owner alone. An error leaves the old one.
func WriteFile(name string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(name))
}

// WriteJSON writes a value as WriteFile does.
func WriteJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return WriteFile(name, append(b, '\n'))
}

// most is how many bytes a file may have that is read: ours are far smaller, and what lies there may be somebody else's.
const most = 8 << 20

// ReadJSON reads what WriteJSON wrote. A file that is not there is fs.ErrNotExist.
func ReadJSON(name string, into any) error {
	f, err := os.Open(name) //nolint:gosec // Its name is made of the configuration and of checked parts.
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return err
	}
	if len(b) > most {
		return fmt.Errorf("read %s: it is longer than %d bytes", name, most)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// SyncFolder makes what was created, renamed or removed in a folder survive a crash.
func SyncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // Its name is made of the configuration and of checked parts.
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("write the folder %s to the disk: %w", dir, err)
	}
	return nil
}
