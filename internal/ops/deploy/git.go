package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	gitWithin   = 20 * time.Second
	fetchWithin = 2 * time.Minute
	gitMost     = 16 << 20 // of output: a list of all files of a big repository is a few
)

// repo is the application's checkout. It is spoken to through git with a clean environment: no hooks, no questions, no helpers that
// the checkout's own configuration could start.
type repo struct{ dir string }

// tag is a tag of the checkout.
type tag struct {
	name   string
	commit string
	at     time.Time
}

// gitSettings come before each command. The folder is the operator's own choice, so that another owner is no reason to refuse it.
var gitSettings = []string{
	"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "safe.directory=*",
	"-c", "core.sshCommand=ssh -oBatchMode=yes", "-c", "credential.interactive=false", "-c", "protocol.ext.allow=never",
	"-c", "advice.detachedHead=false", "-c", "submodule.recurse=false", "-c", "core.quotePath=false",
}

func (g repo) env() []string {
	env := []string{
		"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false", "GIT_OPTIONAL_LOCKS=0", "GIT_PAGER=cat",
	}
	for _, name := range []string{"PATH", "HOME", "USER", "TMPDIR", "SSH_AUTH_SOCK", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// run runs one git command and gives what it wrote.
func (g repo) run(ctx context.Context, args ...string) (string, error) {
	return g.runIn(ctx, nil, nil, args...)
}

func (g repo) runIn(ctx context.Context, env []string, stdin []byte, args ...string) (string, error) {
	within := gitWithin
	if args[0] == "fetch" {
		within = fetchWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", slices.Concat(gitSettings, args)...) //nolint:gosec // Our own words; what is not ours are arguments after them.
	var out, said bytes.Buffer
	cmd.Dir, cmd.Env = g.dir, append(g.env(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &capped{buf: &out, left: gitMost}, &capped{buf: &said, left: 64 << 10}
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("git %s did not end within %s: %w", args[0], within, ctx.Err())
	}
	if err != nil {
		return "", &gitError{command: args[0], said: withoutPassword(lastLines(said.String(), 3)), err: err}
	}
	return out.String(), nil
}

// gitError is a git command that failed.
type gitError struct {
	command, said string
	err           error
}

func (e *gitError) Error() string { return fmt.Sprintf("git %s: %s (%v)", e.command, e.said, e.err) }
func (e *gitError) Unwrap() error { return e.err }

var inAddress = regexp.MustCompile(`://[^/@\s]+@`)

// withoutPassword takes names and passwords out of addresses.
func withoutPassword(s string) string { return inAddress.ReplaceAllString(s, "://") }

// there tells whether the folder is part of a checkout.
func (g repo) there(ctx context.Context) error {
	_, err := g.run(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	return err
}

// fetch gets the tags of the remote; false: there is none. A tag that is here already is never moved.
func (g repo) fetch(ctx context.Context) (bool, error) {
	out, err := g.run(ctx, "remote")
	if err != nil {
		return false, err
	}
	remotes := strings.Fields(out)
	if len(remotes) == 0 {
		return false, nil
	}
	remote := remotes[0]
	if slices.Contains(remotes, "origin") {
		remote = "origin"
	}
	if end, ok := ctx.Deadline(); ok { // a remote that hangs leaves time to plan with the tags that are here
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	_, err = g.run(ctx, "fetch", "--quiet", "--no-write-fetch-head", "--no-recurse-submodules", "--", remote, "refs/tags/*:refs/tags/*")
	return true, err
}

// tags lists the tags that lead to a commit, the newest version first.
func (g repo) tags(ctx context.Context) ([]tag, error) {
	out, err := g.run(ctx, "for-each-ref", "--sort=-version:refname",
		"--format=%(refname:strip=2)%09%(objecttype)%09%(objectname)%09%(*objecttype)%09%(*objectname)%09%(creatordate:unix)", "refs/tags")
	if err != nil {
		return nil, err
	}
	var found []tag
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 6 {
			continue
		}
		t := tag{name: f[0]}
		switch {
		case f[1] == "commit":
			t.commit = f[2]
		case f[3] == "commit":
			t.commit = f[4]
		default:
			continue
		}
		if sec, err := strconv.ParseInt(f[5], 10, 64); err == nil {
			t.at = time.Unix(sec, 0).UTC()
		}
		found = append(found, t)
	}
	return found, nil
}

// head is what is checked out: a commit, and the branch that was asked for; empty: none.
type head struct {
	Commit string `json:"commit"`
	Branch string `json:"branch,omitempty"`
}

func (g repo) head(ctx context.Context) (head, error) {
	out, err := g.run(ctx, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return head{}, err
	}
	h := head{Commit: strings.TrimSpace(out)}
	if out, err := g.run(ctx, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
		h.Branch = strings.TrimSpace(out)
	}
	return h, nil
}

// changed lists the files under version control that somebody changed, or that git could not finish.
func (g repo) changed(ctx context.Context) ([]string, error) {
	out, err := g.run(ctx, "status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=all")
	if err != nil {
		return nil, err
	}
	var names []string
	for entry := range strings.SplitSeq(out, "\x00") {
		if len(entry) > 3 {
			names = append(names, entry[3:])
		}
	}
	return names, nil
}

// tracked tells whether a file, named from the application's folder, is under version control.
func (g repo) tracked(ctx context.Context, name string) (bool, error) {
	out, err := g.run(ctx, "ls-files", "--", name)
	return strings.TrimSpace(out) != "", err
}

// has tells whether a commit is here.
func (g repo) has(ctx context.Context, commit string) bool {
	_, err := g.run(ctx, "rev-parse", "--verify", "--quiet", commit+"^{commit}")
	return err == nil
}

// prefix is the application's folder from the top of the checkout: "" or "deploy/".
func (g repo) prefix(ctx context.Context) (string, error) {
	out, err := g.run(ctx, "rev-parse", "--show-prefix")
	return strings.TrimSuffix(out, "\n"), err
}

// contains tells whether the commit has that file in the application's folder.
func (g repo) contains(ctx context.Context, commit, name string) (bool, error) {
	prefix, err := g.prefix(ctx)
	if err != nil {
		return false, err
	}
	_, err = g.run(ctx, "cat-file", "-e", commit+":"+prefix+filepath.ToSlash(filepath.Clean(name)))
	if _, ok := errors.AsType[*gitError](err); ok {
		return false, nil
	}
	return err == nil, err
}

// difference is what lies between two commits.
type difference struct {
	commits, back         int // that come, and that go
	files, added, removed int
	names                 []string
}

func (g repo) difference(ctx context.Context, from, to string) (difference, error) {
	var d difference
	out, err := g.run(ctx, "rev-list", "--left-right", "--count", from+"..."+to, "--")
	if err != nil {
		return d, err
	}
	if _, err := fmt.Sscan(out, &d.back, &d.commits); err != nil {
		return d, fmt.Errorf("git rev-list counts %q: %w", out, err)
	}
	out, err = g.run(ctx, "diff", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", from, to, "--")
	if err != nil {
		return d, err
	}
	for entry := range strings.SplitSeq(out, "\x00") {
		f := strings.SplitN(entry, "\t", 3)
		if len(f) != 3 {
			continue
		}
		d.files++
		d.names = append(d.names, f[2])
		added, _ := strconv.Atoi(f[0]) // "-" for what is no text
		removed, _ := strconv.Atoi(f[1])
		d.added, d.removed = d.added+added, d.removed+removed
	}
	return d, nil
}

// checkout puts the files of a commit in place. Forced, it also puts away what is half-done.
func (g repo) checkout(ctx context.Context, to head, force bool) error {
	args := []string{"checkout", "--quiet", "--no-recurse-submodules"}
	if force {
		args = append(args, "--force")
	}
	if to.Branch != "" {
		out, err := g.run(ctx, "rev-parse", "--verify", "--quiet", "refs/heads/"+to.Branch+"^{commit}")
		if err == nil && strings.TrimSpace(out) == to.Commit {
			_, err = g.run(ctx, append(args, to.Branch, "--")...)
			return err
		}
	}
	_, err := g.run(ctx, append(args, "--detach", to.Commit, "--")...)
	return err
}

// extract writes the small files of a commit that a compose file can consist of below into, and gives the application's folder there.
func (g repo) extract(ctx context.Context, commit, into string) (string, error) {
	prefix, err := g.prefix(ctx)
	if err != nil {
		return "", err
	}
	top, err := g.run(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", err
	}
	from := repo{strings.TrimSuffix(top, "\n")}
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(into, "index")}
	if _, err := from.runIn(ctx, index, nil, "read-tree", commit); err != nil {
		return "", err
	}
	out, err := from.runIn(ctx, index, nil, "ls-files", "-z")
	if err != nil {
		return "", err
	}
	var wanted bytes.Buffer
	for name := range strings.SplitSeq(out, "\x00") {
		if ext := filepath.Ext(name); ext == ".yml" || ext == ".yaml" || ext == ".env" || ext == ".json" {
			wanted.WriteString(name + "\x00")
		}
	}
	tree := filepath.Join(into, "tree") + string(filepath.Separator)
	if _, err := from.runIn(ctx, index, wanted.Bytes(), "checkout-index", "--quiet", "--force", "-z", "--stdin", "--prefix="+tree); err != nil {
		return "", err
	}
	dir := filepath.Join(tree, filepath.FromSlash(prefix))
	return dir, os.MkdirAll(dir, 0o700)
}

// capped keeps the first of what is written.
type capped struct {
	buf  *bytes.Buffer
	left int
}

func (c *capped) Write(b []byte) (int, error) {
	n := min(len(b), c.left)
	c.left -= n
	c.buf.Write(b[:n])
	return len(b), nil
}

// lastLines gives the last lines that say something.
func lastLines(s string, n int) string {
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(s, "�")) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
