package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type small struct{ Text string }

// A file that is written to in its place is half of a file after a crash.
func TestASmallFileIsReplacedAndNeverWrittenTo(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "state.json")
	if err := WriteJSON(name, small{"old"}); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := WriteJSON(name, small{"new"}); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(old); err != nil || !strings.Contains(string(b), `"old"`) {
		t.Errorf("who had it open reads %s, %v", b, err)
	}
	var got small
	if err := ReadJSON(name, &got); err != nil || got.Text != "new" {
		t.Errorf("it is %+v, %v", got, err)
	}
	if found, err := os.ReadDir(filepath.Dir(name)); err != nil || len(found) != 1 {
		t.Errorf("left is %v, %v", found, err)
	}
}

func TestWhatCannotBeWrittenLeavesTheOldFileAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "state.json")
	if err := os.MkdirAll(filepath.Join(name, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(name, small{"new"}); err == nil {
		t.Error("a folder was replaced")
	}
	if err := WriteJSON(filepath.Join(dir, "other"), func() {}); err == nil {
		t.Error("what is no JSON was written")
	}
	if found, err := os.ReadDir(dir); err != nil || len(found) != 1 {
		t.Errorf("left is %v, %v", found, err)
	}
}

func TestAFileThatIsTooLongOrBrokenOrMissingIsSaidToBeSo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var got small
	if err := ReadJSON(filepath.Join(dir, "none"), &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	for text, want := range map[string]string{`{"Text": `: "unexpected end", strings.Repeat(" ", most) + "{}": "longer than"} {
		name := filepath.Join(dir, "state.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ReadJSON(name, &got); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}
