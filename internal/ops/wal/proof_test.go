package wal

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/ai-notebook/notebookbot/internal/ops/backup"
)

// copyOf writes what pg_basebackup does: files, then the manifest that tells of them.
func copyOf(t testing.TB, files [][2]string, bend func(name, text string) string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name, text string) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), Uid: 70, Gid: 71}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for _, f := range files {
		lines = append(lines, fmt.Sprintf(`{"Path": %q, "Size": %d, "Checksum-Algorithm": "CRC32C", "Checksum": %q}`, f[0], len(f[1]), hexSum(crc32.Checksum([]byte(f[1]), castagnoli))))
		if text := bend(f[0], f[1]); text != "" {
			add(f[0], text)
		}
	}
	add("backup_manifest", `{"PostgreSQL-Backup-Manifest-Version": 1, "Files": [`+strings.Join(lines, ",")+`],
"WAL-Ranges": [{ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" }]}`)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const label = "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nCHECKPOINT LOCATION: 0/2000060\nBACKUP METHOD: streamed\nSTART TIMELINE: 1\n"

var wholeCopy = [][2]string{{"backup_label", label}, {"PG_VERSION", "15\n"}, {"base/1/1259", strings.Repeat("row", 1000)}}

func TestACopyThatIsNotWholeIsNone(t *testing.T) {
	t.Parallel()
	same := func(_, text string) string { return text }
	whole := copyOf(t, wholeCopy, same)
	s, err := readBase(bytes.NewReader(whole))
	if err != nil || s.from != 0x2000028 || s.until != 0x2000100 || s.timeline != 1 || s.uid != 70 || s.gid != 71 || s.files != 3 {
		t.Fatalf("a whole one is %+v, %v", s, err)
	}
	bent := func(which string, to func(text string) string) []byte {
		return copyOf(t, wholeCopy, func(name, text string) string {
			if name == which {
				return to(text)
			}
			return text
		})
	}
	for what, b := range map[string][]byte{
		"a file is missing":  bent("base/1/1259", func(string) string { return "" }),
		"a byte is another":  bent("base/1/1259", func(text string) string { return "R" + text[1:] }),
		"a file is shorter":  bent("base/1/1259", func(text string) string { return text[1:] }),
		"no label":           bent("backup_label", func(string) string { return "" }),
		"it is cut":          whole[:len(whole)/2],
		"it has no manifest": {},
	} {
		if _, err := readBase(bytes.NewReader(b)); !errors.Is(err, errBase) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzReadBase(f *testing.F) {
	f.Add(copyOf(f, wholeCopy, func(_, text string) string { return text }))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = readBase(bytes.NewReader(b)) // it ends, whatever it is given
	})
}

func TestWhatIsFinishedIsPutAwayAsBackupsAre(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := backup.Config{Dir: filepath.Join(dir, "sets"), Root: dir, Recipients: []string{id.Recipient().String()}, EncryptAll: true}
	open := func() *Archive {
		t.Helper()
		sets, err := backup.Open(cfg, nil, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		a, err := Open(Config{Dir: filepath.Join(dir, "wal")}, nil, nil, sets, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := open()
	c := &cluster{Format: format, System: "7", Segment: 1 << 20}
	for _, d := range []string{receivingDir, logDir, sealingDir} {
		if err := os.MkdirAll(a.path("7", d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	names := []string{"000000010000000000000001", "000000010000000000000002", "000000010000000000000003" + partial}
	for _, name := range names {
		path := a.path("7", receivingDir, name)
		if err := errors.Join(os.WriteFile(path, bytes.Repeat([]byte(name), 1000), 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.putAway(t.Context(), c, false); err != nil {
		t.Fatal(err)
	}
	// The newest full file stays: the receiver goes on from it.
	left, err := filepath.Glob(a.path("7", receivingDir, "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("left are %v, %v", left, err)
	}
	if have, err := a.stock(c); err != nil || len(have) != 3 {
		t.Errorf("there are %v, %v", have, err)
	}
	if got := a.written(c, segment{1, 1}); !got.Equal(old) {
		t.Errorf("it was written at %s instead of %s", got, old)
	}
	if _, err := a.logFile(c, names[0]); code(err) != "backup_sealed" {
		t.Errorf("without a key: %v", err)
	}
	stored, err := os.ReadFile(a.path("7", logDir, names[0]+".zst.age"))
	if err != nil || bytes.Contains(stored, []byte(names[0])) {
		t.Errorf("it lies there in plain: %v", err)
	}
	cfg.IdentityFile = key
	in, err := open().logFile(c, names[0])
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(in)
	if err := errors.Join(err, in.Close()); err != nil || !bytes.Equal(b, bytes.Repeat([]byte(names[0]), 1000)) {
		t.Errorf("what comes back is %d bytes, %v", len(b), err)
	}
	if err := a.putAway(t.Context(), c, true); err != nil {
		t.Fatal(err)
	}
	if have, err := a.stock(c); err != nil || len(have) != 3 {
		t.Errorf("before a receiver that begins anew there are %v, %v", have, err)
	}
	if err := a.trim(c, 2); err != nil {
		t.Fatal(err)
	}
	if have, err := a.stock(c); err != nil || len(have) != 2 || have[segment{1, 1}] {
		t.Errorf("of the log that nobody needs there are %v, %v", have, err)
	}
}
