package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Object names of git: SHA-1 or SHA-256.
var objectName = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// commitOf gives the commit that is checked out in dir, which may lie below the checkout's top; empty where there is none. The
// files are read directly: git itself refuses checkouts of other users, and is asked only about forms that are not known here.
func commitOf(ctx context.Context, dir string) (string, error) {
	git, err := gitFolder(dir)
	if git == "" || err != nil {
		return "", err
	}
	head, err := readLine(filepath.Join(git, "HEAD"))
	if err != nil {
		return "", fmt.Errorf("the git checkout %s: %w", dir, err)
	}
	if objectName.MatchString(head) {
		return head, nil
	}
	ref, ok := strings.CutPrefix(head, "ref: ")
	if !ok || !filepath.IsLocal(ref) {
		return "", fmt.Errorf("the git checkout %s: HEAD is neither a commit nor a branch", dir)
	}
	// A work tree keeps its HEAD apart and shares the branches.
	common := git
	if rest, err := readLine(filepath.Join(git, "commondir")); err == nil {
		if common = rest; !filepath.IsAbs(rest) {
			common = filepath.Join(git, rest)
		}
	}
	if commit, err := readLine(filepath.Join(common, filepath.FromSlash(ref))); err == nil && objectName.MatchString(commit) {
		return commit, nil
	}
	if commit := packed(filepath.Join(common, "packed-refs"), ref); commit != "" {
		return commit, nil
	}
	return revParse(ctx, dir)
}

// gitFolder finds the folder with git's files for dir; empty where dir is not part of a checkout.
func gitFolder(dir string) (string, error) {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		name := filepath.Join(at, ".git")
		info, err := os.Stat(name)
		switch {
		case err == nil && info.IsDir():
			return name, nil
		case err == nil: // a work tree or a submodule: the file says where
			line, err := readLine(name)
			if err != nil {
				return "", err
			}
			to, ok := strings.CutPrefix(line, "gitdir: ")
			if !ok {
				return "", fmt.Errorf("%s does not say where git's folder is", name)
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(at, to)
			}
			return to, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		if at == filepath.Dir(at) {
			return "", nil
		}
	}
}

func packed(name, ref string) string {
	f, err := os.Open(name) //nolint:gosec // The operator's own checkout.
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // Only read.
	for s := bufio.NewScanner(f); s.Scan(); {
		commit, name, ok := strings.Cut(s.Text(), " ")
		if ok && name == ref && objectName.MatchString(commit) {
			return commit
		}
	}
	return ""
}

func revParse(ctx context.Context, dir string) (string, error) {
	ctx, cancel := within(ctx, callWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "rev-parse", "--verify", "HEAD")
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("the git checkout %s has no commit: git rev-parse: %w: %s", dir, err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func readLine(name string) (string, error) {
	b, err := os.ReadFile(name) //nolint:gosec // The operator's own checkout.
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), err
}
