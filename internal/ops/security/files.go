package security

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// mostFiles is how many files of a folder are looked at.
const mostFiles = 2000

// files looks at the rights of what nobody else may read, and of what makes root of whoever may use it.
func (s *scene) files(ctx context.Context) []health.Check {
	var out []health.Check
	for _, name := range s.cfg.Secrets {
		out = append(out, one("files", name, s.secret(ctx, name)...)...)
	}
	for _, name := range s.cfg.Folders {
		out = append(out, one("files", name, s.folder(name)...)...)
	}
	if s.cfg.Socket != "" {
		out = append(out, one("files", s.cfg.Socket, s.socket(s.cfg.Socket)...)...)
	}
	if len(out) == 0 {
		out = one("files", "", unchecked("off", health.Facts{Word: "backup.secrets"}))
	}
	return out
}

// secret judges a file, or the private keys in a folder: certificates beside them are for everybody.
func (s *scene) secret(ctx context.Context, name string) []health.Finding {
	file, info, bad := s.stat(name)
	if bad != nil {
		return []health.Finding{*bad}
	}
	if !info.IsDir() {
		return s.rights(file, "", info)
	}
	var found []health.Finding
	keys, seen := 0, 0
	err := filepath.WalkDir(file, func(p string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if seen++; seen > mostFiles {
			err = fmt.Errorf("there are more than %d files", mostFiles)
		}
		if err != nil || !e.Type().IsRegular() || !privateKey(p) {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		keys++
		inner, _ := filepath.Rel(file, p)
		for _, f := range s.rights(p, inner, info) {
			if f.State != health.OK {
				found = append(found, f)
			}
		}
		return nil
	})
	if err != nil {
		found = append(found, unchecked("unseen", health.Facts{Text: err.Error()}))
	}
	if len(found) == 0 {
		found = append(found, ok("files.keys", health.Facts{Count: keys}))
	}
	return few(found)
}

// privateKey tells whether a file holds one. What cannot be read is taken for one: then its rights are at least told.
func privateKey(name string) bool {
	const enough = 64 << 10
	f, err := os.Open(name) //nolint:gosec // It lies in a folder of the configuration, and only a word is looked for.
	if err != nil {
		return true
	}
	defer f.Close() //nolint:errcheck // It was only read.
	b, err := io.ReadAll(io.LimitReader(f, enough))
	return err != nil || bytes.Contains(b, []byte("PRIVATE KEY-----"))
}

// rights judges who may read and write a file. Inner is its name in the folder that was asked for; empty: it is what was asked for.
func (s *scene) rights(file, inner string, info fs.FileInfo) []health.Finding {
	mode := info.Mode().Perm()
	who := owner(info)
	f := health.Facts{Word: inner, Text: fmt.Sprintf("%04o", mode), Account: s.account(who)}
	var found []health.Finding
	switch reached := s.reached(file); {
	case mode&0o002 != 0 && reached:
		found = append(found, failed("files.writable", f))
	case mode&0o004 != 0 && reached:
		found = append(found, failed("files.readable", f))
	}
	if who > 0 && who != os.Geteuid() && who != s.keeper(file) {
		found = append(found, warn("files.owner", f))
	}
	if len(found) == 0 {
		found = append(found, ok("files.fine", f))
	}
	return found
}

// keeper is whose the folder of a file is: who may replace the file anyway.
func (s *scene) keeper(file string) int {
	info, err := os.Stat(filepath.Dir(file))
	if err != nil {
		return -1
	}
	return owner(info)
}

// folder judges who may look into a folder.
func (s *scene) folder(name string) []health.Finding {
	file, info, bad := s.stat(name)
	if bad != nil {
		return []health.Finding{*bad}
	}
	mode := info.Mode().Perm()
	f := health.Facts{Text: fmt.Sprintf("%04o", mode), Account: s.account(owner(info))}
	switch {
	case mode&0o002 != 0 && s.reached(file):
		return []health.Finding{failed("files.writable", f)}
	case mode&0o005 != 0 && s.reached(file):
		return []health.Finding{warn("files.folder", f)}
	}
	return []health.Finding{ok("files.fine", f)}
}

// socket judges who may use the engine, and names them: each of them is root.
func (s *scene) socket(name string) []health.Finding {
	file, info, bad := s.stat(name)
	if bad != nil {
		return []health.Finding{*bad}
	}
	mode := info.Mode().Perm()
	f := health.Facts{Text: fmt.Sprintf("%04o", mode), Account: s.account(owner(info)), Names: s.members("docker")}
	if mode&0o006 != 0 && s.reached(file) {
		return []health.Finding{failed("files.socket_open", f)}
	}
	return []health.Finding{ok("files.socket", f)}
}

// stat looks at what a name stands for in the end.
func (s *scene) stat(name string) (string, fs.FileInfo, *health.Finding) {
	file, err := filepath.EvalSymlinks(s.path(name))
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(file)
	}
	if err == nil {
		return file, info, nil
	}
	f := unchecked("unseen", health.Facts{Text: err.Error()})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f = unchecked("files.absent", health.Facts{})
	case errors.Is(err, fs.ErrPermission):
		f = unchecked("forbidden", health.Facts{Word: name})
	}
	return "", nil, &f
}

// reached tells whether everybody may go through all folders above a file.
func (s *scene) reached(file string) bool {
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Clean(s.cfg.Root) || dir == filepath.Dir(dir) || !strings.HasPrefix(dir, filepath.Clean(s.cfg.Root)) {
			return true
		}
	}
}

// account is the name of an account, else its number.
func (s *scene) account(uid int) string {
	if a, known := s.accounts()[uid]; known {
		return a.name
	}
	return strconv.Itoa(uid)
}
