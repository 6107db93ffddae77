package cleanup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Identity tells a file from one that was put in its place.
type Identity struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
	Dir bool   `json:"dir,omitempty"`
}

func identityOf(info fs.FileInfo) (Identity, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Identity{}, false
	}
	return Identity{Dev: uint64(st.Dev), Ino: st.Ino, Dir: info.IsDir()}, true //nolint:unconvert // Of another type on other systems.
}

// tree is a folder that is walked by handles: nothing in it leads out of it.
type tree struct {
	root *os.Root
	path string
	id   Identity
	open map[Identity]bool // files that a program holds open
}

func openTree(name string) (*tree, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	id, ok := identityOf(info)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s: this system does not tell files apart", name), root.Close())
	}
	return &tree{root: root, path: name, id: id, open: openFiles()}, nil
}

func (t *tree) close() { _ = t.root.Close() } // nothing was written to it

// each calls do for everything below dir that lies on the same file system, folders after what is in them, until ctx ends. A folder
// that cannot be read is not gone into. do gets the name from the tree's root on.
func (t *tree) each(ctx context.Context, dir string, do func(name string, info fs.FileInfo, id Identity)) error {
	f, err := t.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // Only read.
	entries, err := f.ReadDir(-1)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := path.Join(dir, e.Name())
		info, err := t.root.Lstat(name)
		if err != nil {
			continue // it went meanwhile
		}
		id, ok := identityOf(info)
		if !ok || id.Dev != t.id.Dev {
			continue
		}
		if info.IsDir() {
			_ = t.each(ctx, name, do) // a folder that keeps something stays by that
		}
		do(name, info, id)
	}
	return nil
}

// mayRemove tells whether the rights on the item's folder let us remove it. That it can be removed shows only when it is.
func (t *tree) mayRemove(name string, info fs.FileInfo) bool {
	us := os.Geteuid()
	if us == 0 {
		return true
	}
	const write, search = 2, 1
	dir := filepath.Join(t.path, path.Dir(name))
	if syscall.Access(dir, write|search) != nil {
		return false
	}
	at, err := os.Lstat(dir)
	if err != nil || at.Mode()&fs.ModeSticky == 0 {
		return err == nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == us
}

// logName is what logs are called, also those that were rotated: access.log, access.log.3, access.log.2.gz, app.log-20260101.
var logName = regexp.MustCompile(`(?i)\.log([.-][0-9a-z._-]*)?$`)

// oldLogs lists the logs that nobody has written to for a long time. link: where the folder leads if it is a link.
func (k *Kind) oldLogs(ctx context.Context) (f finding, link string, err error) {
	f.step = stepLogs
	name := filepath.Join(k.cfg.Dir, "logs")
	whole, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, "", nil
	}
	if err != nil {
		return f, "", err
	}
	if info, err := os.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 { // as the guide does when the disk is full
		link = whole
	}
	t, err := openTree(whole)
	if err != nil {
		return f, link, err
	}
	defer t.close()
	f.list.Root, f.list.At = t.path, t.id
	err = t.each(ctx, ".", func(name string, info fs.FileInfo, id Identity) {
		old := info.Mode().IsRegular() && logName.MatchString(info.Name()) && !k.younger(info.ModTime(), k.cfg.Logs) && !t.open[id]
		switch {
		case !old:
		case !t.mayRemove(name, info):
			f.foreign++
		default:
			f.list.Items = append(f.list.Items, Item{Name: name, Size: info.Size(), At: info.ModTime(), File: &id})
		}
	})
	return f.fit(), link, err
}

// oldTemporary lists the temporary files and folders of the application that nobody has changed for a while: a folder with all that
// is in it, or not at all.
func (k *Kind) oldTemporary(ctx context.Context) (f finding, err error) {
	f.step = stepTemp
	t, err := openTree(k.cfg.Temp)
	if err != nil {
		return f, err
	}
	defer t.close()
	f.list.Root, f.list.At = t.path, t.id
	top, err := fs.ReadDir(t.root.FS(), ".")
	if err != nil {
		return f, err
	}
	for _, e := range top {
		if !k.temporary(e.Name()) {
			continue
		}
		items, ok := k.temporaryItems(ctx, t, e.Name())
		switch {
		case !ok:
		case len(f.list.Items)+len(items) > maxItems:
			f.more += len(items)
		default:
			f.list.Items = append(f.list.Items, items...)
		}
	}
	return f, nil
}

// temporary tells whether a name has the application's in it as a word of its own. systemd's private folders are those of services
// that run.
func (k *Kind) temporary(name string) bool {
	if strings.HasPrefix(name, "systemd-private-") {
		return false
	}
	word := func(s string) bool {
		return s == "" || !strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
	}
	for at := 0; ; at++ {
		i := strings.Index(name[at:], k.cfg.Project)
		if i < 0 {
			return false
		}
		at += i
		end := at + len(k.cfg.Project)
		if word(name[max(at-1, 0):at]) && word(name[end:min(end+1, len(name))]) {
			return true
		}
	}
}

// temporaryItems lists an entry and all below it, what is in a folder before the folder. False: something of it is young, in use, or
// no plain file.
func (k *Kind) temporaryItems(ctx context.Context, t *tree, name string) (items []Item, ok bool) {
	ok = true
	add := func(name string, info fs.FileInfo, id Identity) {
		plain := info.Mode().IsRegular() || info.IsDir() || info.Mode()&fs.ModeSymlink != 0 // a link goes as such
		if !plain || t.open[id] || k.younger(changed(info), k.cfg.Temporary) || !t.mayRemove(name, info) {
			ok = false
			return
		}
		item := Item{Name: name, At: info.ModTime(), File: &id}
		if info.Mode().IsRegular() {
			item.Size = info.Size()
		}
		items = append(items, item)
	}
	info, err := t.root.Lstat(name)
	if err != nil {
		return nil, false
	}
	id, known := identityOf(info)
	if !known || id.Dev != t.id.Dev {
		return nil, false
	}
	if info.IsDir() {
		if err := t.each(ctx, name, add); err != nil {
			return nil, false
		}
	}
	add(name, info, id)
	return items, ok
}

// changed is when a file or its name, rights or owner last changed: what was unpacked today keeps its old times.
func changed(info fs.FileInfo) time.Time {
	at := info.ModTime()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		if c := changeTime(st); c.After(at) {
			at = c
		}
	}
	return at
}

const largeWithin = 3 * time.Second

// large names the largest files, as advice. It looks for a few seconds only.
func (k *Kind) large(ctx context.Context) []Item {
	ctx, cancel := context.WithTimeout(ctx, largeWithin)
	defer cancel()
	const most = 5
	var out []Item
	seen := map[Identity]bool{}
	for _, dir := range k.cfg.LargeBelow {
		t, err := openTree(dir)
		if err != nil {
			continue // it is advice
		}
		_ = t.each(ctx, ".", func(name string, info fs.FileInfo, id Identity) {
			if !info.Mode().IsRegular() || info.Size() < k.cfg.LargeFrom || seen[id] {
				return
			}
			seen[id] = true
			out = append(out, Item{Name: filepath.Join(dir, name), Size: info.Size(), At: info.ModTime()})
		})
		t.close()
	}
	slices.SortFunc(out, func(a, b Item) int { return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Name, b.Name)) })
	return out[:min(len(out), most)]
}
