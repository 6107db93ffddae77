package sample

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	ainotebook "github.com/ai-notebook/notebookbot/examples/ai-notebook"
)

// Files writes the application's folder, as an operator has it: the compose file in a git checkout with a tag for each version, .env
// with the password and the versions that run, and a folder of uploads. What was there is removed.
func (s *Sample) Files(ctx context.Context) error {
	if err := os.RemoveAll(s.cfg.Dir); err != nil {
		return err
	}
	if err := os.CopyFS(s.cfg.Dir, ainotebook.Files); err != nil {
		return err
	}
	env := fmt.Sprintf("IMAGES=%s\nBACKEND_VERSION=v1\nFRONTEND_VERSION=v1\nPOSTGRES_PASSWORD=%s\nPORT=%d\n", Project, rand.Text(), s.cfg.Port)
	for name, content := range map[string]string{
		".env": env, ".gitignore": ".env\nuploads/\n", "uploads/welcome.txt": "What people upload is part of a backup.\n",
	} {
		path := filepath.Join(s.cfg.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	// nginx in its container is another user.
	if err := os.Chmod(filepath.Join(s.cfg.Dir, "nginx", "nginx.conf"), 0o644); err != nil { //nolint:gosec // No secret is in it.
		return err
	}
	if _, err := exec.LookPath("git"); err != nil {
		return nil //nolint:nilerr // The state says that it is missing; nothing can be deployed then.
	}
	return s.versions(ctx)
}

// versions makes the checkout: a commit and a tag for each version, of which the first is checked out.
func (s *Sample) versions(ctx context.Context) error {
	if err := s.git(ctx, "init", "--quiet", "--initial-branch=main"); err != nil {
		return err
	}
	for _, v := range Versions {
		if err := os.WriteFile(filepath.Join(s.cfg.Dir, "VERSION"), []byte(v.Name+"\n"), 0o600); err != nil {
			return err
		}
		for _, args := range [][]string{{"add", "--all"}, {"commit", "--quiet", "--message", "version " + v.Name}, {"tag", v.Name}} {
			if err := s.git(ctx, args...); err != nil {
				return err
			}
		}
	}
	return s.git(ctx, "checkout", "--quiet", Versions[0].Name)
}

// git runs git for the folder, without anything of the user's: no settings, no hooks, no signatures, no other repository.
func (s *Sample) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // Our own words.
	cmd.Dir = s.cfg.Dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GIT_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=AI Notebook", "GIT_AUTHOR_EMAIL=demo@localhost", "GIT_COMMITTER_NAME=AI Notebook", "GIT_COMMITTER_EMAIL=demo@localhost")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, out)
	}
	return nil
}
