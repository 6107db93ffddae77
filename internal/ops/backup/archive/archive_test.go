package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is what a test compares of a tree.
type seen struct {
	Mode     fs.FileMode
	UID, GID uint32
	Mod      time.Time
	Text     string // of a file, or the target of a link
}

func look(t *testing.T, dir string) map[string]seen {
	t.Helper()
	out := map[string]seen{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		s := seen{Mode: info.Mode(), Mod: info.ModTime()}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			s.UID, s.GID = st.Uid, st.Gid
		}
		switch {
		case info.Mode().IsRegular():
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			s.Text = string(b)
		case info.Mode()&fs.ModeSymlink != 0:
			if s.Text, err = os.Readlink(name); err != nil {
				return err
			}
			s.Mod = time.Time{} // a link's own time means nothing
		}
		rel, err := filepath.Rel(dir, name)
		if rel != "." {
			out[rel] = s
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600), os.Chmod(name, mode))
}

// pack archives what stands below names.
func pack(t *testing.T, base string, names ...string) ([]byte, *Walked) {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out)
	walked, err := Walk(t.Context(), base, names, nil, func(f *Found) error {
		_, err := w.Add(t.Context(), f)
		return err
	})
	must(t, err, w.Close())
	return out.Bytes(), walked
}

func sample(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "uploads/a/one"), "one", 0o640)
	write(t, filepath.Join(dir, "uploads/a.txt"), strings.Repeat("text ", 100_000), 0o444)
	write(t, filepath.Join(dir, "uploads/笔记 №1"), "", 0o600)
	write(t, filepath.Join(dir, "uploads/run"), "#!", 0o755|fs.ModeSetgid)
	must(t, os.Mkdir(filepath.Join(dir, "uploads/empty"), 0o700), os.Symlink("../a.txt", filepath.Join(dir, "uploads/a/link")),
		os.Chmod(filepath.Join(dir, "uploads/a"), 0o750|fs.ModeSticky))
	if os.Geteuid() == 0 {
		must(t, os.Lchown(filepath.Join(dir, "uploads/a/one"), 1000, 1001), os.Lchown(filepath.Join(dir, "uploads/a"), 33, 33))
	}
	for _, name := range []string{"uploads/a/one", "uploads/a.txt", "uploads/run", "uploads/empty", "uploads/a"} {
		must(t, os.Chtimes(filepath.Join(dir, name), time.Time{}, time.Date(2025, 3, 4, 5, 6, 7, 123456789, time.UTC)))
	}
	return dir
}

func TestWhatIsUnpackedIsWhatWasPacked(t *testing.T) {
	t.Parallel()
	dir, to := sample(t), t.TempDir()
	packed, walked := pack(t, dir, "uploads/", "monitoring/")
	if !slices.Equal(walked.Missing, []string{"monitoring"}) {
		t.Errorf("missing = %v", walked.Missing)
	}
	must(t, Unpack(t.Context(), bytes.NewReader(packed), to, 0))
	want, got := look(t, dir), look(t, to)
	// The folder above all was not packed with a time of its own.
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("unpacked (-want +got):\n%s", d)
	}
}

func TestAPersonUnpacksWithTar(t *testing.T) {
	t.Parallel()
	dir, to := sample(t), t.TempDir()
	packed, _ := pack(t, dir, "uploads")
	cmd := exec.Command("tar", "-x", "-p", "-C", to)
	cmd.Stdin = bytes.NewReader(packed)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("tar: %v: %s", err, out)
	}
	if d := cmp.Diff(look(t, dir), look(t, to)); d != "" {
		t.Errorf("unpacked (-want +got):\n%s", d)
	}
}

func TestTheOrderOfAWalkIsTheOrderOfPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 300 {
		name := ""
		for range 1 + rand.IntN(3) {
			name += "/" + string([]byte{"ab!.-z"[rand.IntN(6)], "ab!.-z"[rand.IntN(6)]}) + "x"
		}
		if os.MkdirAll(filepath.Dir(filepath.Join(dir, "d"+name)), 0o755) == nil {
			_ = os.WriteFile(filepath.Join(dir, "d"+name), nil, 0o600)
		}
	}
	var paths []string
	_, err := Walk(t.Context(), dir, []string{"d"}, nil, func(f *Found) error { paths = append(paths, f.Path); return nil })
	must(t, err)
	if len(paths) < 100 || !slices.IsSortedFunc(paths, Compare) {
		t.Errorf("%d paths, sorted: %v", len(paths), slices.IsSortedFunc(paths, Compare))
	}
}

func TestWhatIsConfiguredTwiceIsPackedOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ names, want []string }{
		{[]string{"uploads/", "docker-compose.yml", "uploads/a"}, []string{"docker-compose.yml", "uploads"}},
		{[]string{"a/b", "a", "a.b"}, []string{"a", "a.b"}},
		{[]string{"x", "."}, []string{"."}},
		{[]string{"x", "x/"}, []string{"x"}},
	} {
		if got := topmost(c.names); !slices.Equal(got, c.want) {
			t.Errorf("%v → %v, want %v", c.names, got, c.want)
		}
	}
}

func TestAConfiguredFolderThatIsALinkIsFollowed(t *testing.T) {
	t.Parallel()
	dir, elsewhere, to := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(elsewhere, "pictures/one"), "one", 0o600)
	must(t, os.Symlink(elsewhere, filepath.Join(dir, "uploads")))
	packed, _ := pack(t, dir, "uploads")
	must(t, Unpack(t.Context(), bytes.NewReader(packed), to, 0))
	if got := look(t, to)["uploads/pictures/one"].Text; got != "one" {
		t.Errorf("unpacked %v", look(t, to))
	}
}

func TestPipesAndLinksThatLeaveAreLeftOutByName(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "uploads/one"), "one", 0o600)
	must(t, syscall.Mkfifo(filepath.Join(dir, "uploads/pipe"), 0o600), os.Symlink("/etc/shadow", filepath.Join(dir, "uploads/shadow")),
		os.Symlink("../../x", filepath.Join(dir, "uploads/up")))
	packed, walked := pack(t, dir, "uploads")
	must(t, Unpack(t.Context(), bytes.NewReader(packed), to, 0))
	if walked.Left != 3 || len(walked.LeftOut) != 3 || len(look(t, to)) != 2 {
		t.Errorf("left out %v, unpacked %v", walked.LeftOut, look(t, to))
	}
}

func TestBackupsAreNotBackedUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "backups/old"), "old", 0o600)
	write(t, filepath.Join(dir, "one"), "one", 0o600)
	var paths []string
	_, err := Walk(t.Context(), dir, []string{"."}, []string{filepath.Join(dir, "backups")}, func(f *Found) error { paths = append(paths, f.Path); return nil })
	if must(t, err); !slices.Equal(paths, []string{"one"}) {
		t.Errorf("walked %v", paths)
	}
}

// meddling is a context that changes a file whenever it is asked, which is in the middle of reading it.
type meddling struct {
	context.Context
	change func()
}

func (m meddling) Err() error {
	m.change()
	return m.Context.Err()
}

func TestAFileThatChangesMeanwhileIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		changes int
		steady  bool
	}{{"once", 3, true}, {"always", 1000, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, to := t.TempDir(), t.TempDir()
			name := filepath.Join(dir, "log")
			write(t, name, strings.Repeat("x", 1<<20), 0o600)
			left := c.changes
			ctx := meddling{t.Context(), func() {
				if left--; left >= 0 {
					must(t, os.Truncate(name, int64(1<<19+left)))
				}
			}}
			var out bytes.Buffer
			w := NewWriter(&out)
			var got Added
			_, err := Walk(t.Context(), dir, []string{"log"}, nil, func(f *Found) error {
				var err error
				got, err = w.Add(ctx, f)
				return err
			})
			must(t, err, w.Close(), Unpack(t.Context(), &out, to, 0))
			if got.Steady != c.steady {
				t.Errorf("steady = %v", got.Steady)
			}
			if c.steady && look(t, to)["log"].Text != look(t, dir)["log"].Text {
				t.Error("what was read last is not what is left")
			}
		})
	}
}

// hostile is one archive that must not be unpacked.
func hostile(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		h.Mode = 0o644
		must(t, w.WriteHeader(&h))
		_, err := w.Write(make([]byte, h.Size))
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}

func TestUnpackingRefusesAllThatLeavesItsFolder(t *testing.T) {
	t.Parallel()
	for name, headers := range map[string][]tar.Header{
		"a step up":                     {{Name: "../x"}},
		"a step up in the middle":       {{Name: "a/../../x"}},
		"a step up that comes back":     {{Name: "a/../b"}},
		"an absolute name":              {{Name: "/etc/x"}},
		"a name of nothing":             {{Name: "./", Typeflag: tar.TypeDir}},
		"a link to an absolute name":    {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}},
		"a link out":                    {{Name: "a/l", Typeflag: tar.TypeSymlink, Linkname: "../../x"}},
		"a link through a link":         {{Name: "a/l", Typeflag: tar.TypeSymlink, Linkname: "b/../../x"}},
		"writing through a link":        {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a"}, {Name: "l/x"}},
		"a folder over a link":          {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a"}, {Name: "l/", Typeflag: tar.TypeDir}},
		"writing through a file":        {{Name: "f"}, {Name: "f/x"}},
		"a file over a folder":          {{Name: "d/", Typeflag: tar.TypeDir}, {Name: "d"}},
		"a hard link":                   {{Name: "f"}, {Name: "h", Typeflag: tar.TypeLink, Linkname: "f"}},
		"a device":                      {{Name: "sda", Typeflag: tar.TypeBlock}},
		"a character device":            {{Name: "tty", Typeflag: tar.TypeChar}},
		"a pipe":                        {{Name: "p", Typeflag: tar.TypeFifo}},
		"more bytes than were expected": {{Name: "big", Size: 2000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outside := t.TempDir()
			to := filepath.Join(outside, "in", "here")
			must(t, os.MkdirAll(to, 0o755))
			err := Unpack(t.Context(), bytes.NewReader(hostile(t, headers...)), to, 1000)
			if !errors.Is(err, ErrRefused) {
				t.Errorf("unpacked: %v", err)
			}
			for at := range look(t, outside) {
				if at != "in" && at != "in/here" && !strings.HasPrefix(at, "in/here/") {
					t.Errorf("%s was written", at)
				}
			}
		})
	}
}

func TestAnArchiveThatIsCutIsNotWhole(t *testing.T) {
	t.Parallel()
	packed, _ := pack(t, sample(t), "uploads")
	for _, n := range []int{100, 600, 1536, len(packed) / 2, len(packed) - 2000, len(packed) - 1024} {
		err := Read(t.Context(), bytes.NewReader(packed[:n]), func(Entry, io.Reader) error { return nil })
		if err == nil {
			t.Errorf("read %d of %d bytes without an error", n, len(packed))
		}
	}
}

func FuzzUnpackStaysInside(f *testing.F) {
	t := &testing.T{}
	f.Add(hostile(t, tar.Header{Name: "a/", Typeflag: tar.TypeDir}, tar.Header{Name: "a/f", Size: 3}, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "a/f"}))
	f.Add(hostile(t, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: ".."}, tar.Header{Name: "l/x", Size: 1}))
	f.Add(hostile(t, tar.Header{Name: "x/y/l", Typeflag: tar.TypeSymlink, Linkname: "../../.."}, tar.Header{Name: "x/y/l/z"}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		outside := t.TempDir()
		to := filepath.Join(outside, "here")
		must(t, os.Mkdir(to, 0o755))
		tree, err := OpenTree(to)
		must(t, err)
		defer tree.root.Close()
		if Read(t.Context(), bytes.NewReader(packed), func(e Entry, content io.Reader) error {
			_, err := tree.Put(t.Context(), e, content)
			return err
		}) == nil {
			_ = tree.finish() // what it sets may be refused; waiting for the disk is not what is tried here
		}
		names, err := os.ReadDir(outside)
		if err != nil || len(names) != 1 {
			t.Fatalf("outside is %v, %v", names, err)
		}
		inside, err := filepath.EvalSymlinks(to)
		must(t, err)
		must(t, filepath.WalkDir(to, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // A folder without rights was made as asked.
			}
			if d.Type()&fs.ModeSymlink != 0 {
				if leads, err := filepath.EvalSymlinks(name); err == nil && leads != inside && !strings.HasPrefix(leads, inside+"/") {
					t.Fatalf("the link %s leads to %s", name, leads)
				}
			}
			return nil
		}))
	})
}

func FuzzCheckTargetNeverLeads(f *testing.F) {
	f.Add("a/b/l", "../../x")
	f.Add("l", "x/../..")
	f.Fuzz(func(t *testing.T, name, target string) {
		if CheckPath(name) != nil || CheckTarget(name, target) != nil {
			return
		}
		if at := filepath.Join("/below", filepath.Dir(name), target); at != "/below" && !strings.HasPrefix(at, "/below/") {
			t.Errorf("%q → %q leads to %s", name, target, at)
		}
	})
}
