package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/backup"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// folderPrefix begins the name of an operation's folder in the application's folder. It must be on the same file system, so that what is
// in it takes the place of what is live by a rename.
const folderPrefix = ".notebookbot-restore-"

// folder is where an operation has its files beside the live ones, and afterwards those that it has replaced.
func (k *Kind) folder(operation string) string {
	return filepath.Join(k.Config.Root, folderPrefix+strings.ToLower(strings.ReplaceAll(operation, "-", "")))
}

// marks of a part in an operation's folder.
func readyMark(folder, part string) string { return filepath.Join(folder, part+".ready") }

func exchangeMark(folder, part string) string { return filepath.Join(folder, part+".exchange.json") }
func besideFolder(folder, part string) string { return filepath.Join(folder, part) }

// configured are the names of a part, as the configuration has them.
func (k *Kind) configured(part string) []string {
	return map[string][]string{partFiles: k.Config.Files, partConfig: k.Config.Config, partSecrets: k.Config.Secrets}[part]
}

// exchangeArgs are the arguments of the exchange of files.
type exchangeArgs struct {
	Paths []string `json:"paths,omitempty"` // below the application's folder
	From  string   `json:"from,omitempty"`  // the operation whose files are put back; empty: those that were taken out
}

func (k *Kind) planFiles(ctx context.Context, p *ops.Plan, last *[]ops.StepPlan, d *Details, set *backup.Set, part string) error {
	project, err := k.Engine.Project(ctx)
	if err != nil {
		return target.Explain(err)
	}
	var paths []string
	for _, name := range k.configured(part) {
		name = filepath.Clean(name)
		if !filepath.IsLocal(name) {
			continue
		}
		// What runs was made of the compose file as it is. Another one would be carried out by the next deploy, by surprise.
		if slices.ContainsFunc(project.Files, func(f string) bool { return filepath.Base(f) == name }) {
			p.Notes = append(p.Notes, "restore_compose_stays: "+name)
			continue
		}
		paths = append(paths, name)
	}
	if len(paths) == 0 {
		return nil
	}
	if err := k.room(ctx, set, []string{part}); err != nil {
		return err
	}
	if part == partFiles {
		d.Files = set.Files.Count
	}
	d.Paths = append(d.Paths, paths...)
	p.Steps = append(p.Steps, ops.StepPlan{
		Name: stepUnpack + ":" + part, Args: args(setArgs{Set: set.ID}), Changes: true, Undo: "remove_unpacked", Deadline: longStep,
	})
	*last = append(*last, ops.StepPlan{
		Name: stepExchange + ":" + part, Args: args(exchangeArgs{Paths: paths}), Changes: true, Undo: "restore_old_files", Deadline: exchangeWithin,
	})
	return nil
}

// unpackStep takes files out of the set into the operation's folder.
type unpackStep struct{ k *Kind }

// Do implements ops.Doer. What an earlier try has left is removed first.
func (s unpackStep) Do(ctx context.Context, r *ops.Run) error {
	var a setArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	part, folder := r.Subject(), s.k.folder(r.Operation.Key())
	if err := clearAway(folder, part); err != nil {
		return err
	}
	beside := besideFolder(folder, part)
	if err := os.MkdirAll(beside, 0o700); err != nil { // nobody else reads what is not in its place yet
		return err
	}
	var err error
	if part == partFiles {
		set, e := s.k.Sets.Find(a.Set)
		if e != nil {
			return e
		}
		err = s.k.Sets.UnpackFiles(ctx, a.Set, beside, func(n int64) {
			r.Progress(ops.Progress{Done: n, Total: max(n, set.Files.Bytes), Unit: "bytes"})
		})
	} else {
		err = s.k.Sets.UnpackPart(ctx, a.Set, stored[part], beside)
	}
	if err != nil {
		return err
	}
	if part == partSecrets {
		env, err := s.k.env()
		if err != nil {
			return err
		}
		if err := r.Record(ctx, unpacked{Env: env}); err != nil {
			return err
		}
		if err := s.k.keepPins(ctx, beside); err != nil {
			return err
		}
	}
	return durable.WriteFile(readyMark(folder, part), []byte(a.Set+"\n"))
}

// unpacked is what taking out the secrets records: which .env the versions that run were taken from.
type unpacked struct {
	Env string `json:"env"`
}

// clearAway removes what was taken out of a set. What an exchange has put there is never removed by it.
func clearAway(folder, part string) error {
	if _, err := os.Lstat(exchangeMark(folder, part)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s holds what was replaced: %w", folder, errors.Join(errExchanged, err))
	}
	for _, name := range []string{readyMark(folder, part), besideFolder(folder, part)} {
		if err := os.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

var errExchanged = errors.New("the exchange was begun")

// Look implements ops.Doer.
func (s unpackStep) Look(_ context.Context, r *ops.Run) (ops.Seen, error) {
	part, folder := r.Subject(), s.k.folder(r.Operation.Key())
	ready, err := there(readyMark(folder, part))
	if err != nil {
		return "", err
	}
	some, err := there(besideFolder(folder, part))
	switch {
	case err != nil:
		return "", err
	case ready && !undoing(r):
		return ops.SeenDone, nil
	case !some && !ready, mayGoOn(r):
		return ops.SeenNotDone, nil
	}
	return ops.SeenPartly, nil
}

// Undo implements ops.Doer.
func (s unpackStep) Undo(_ context.Context, r *ops.Run) error {
	folder := s.k.folder(r.Operation.Key())
	if err := clearAway(folder, r.Subject()); err != nil {
		return err
	}
	// The last part takes the folder along.
	if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) && !notEmpty(folder) {
		return err
	}
	return nil
}

func notEmpty(folder string) bool {
	left, err := os.ReadDir(folder)
	return err == nil && len(left) > 0
}

func there(name string) (bool, error) {
	_, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// readJSON reads a small file of ours, and tells whether it is there.
func readJSON(name string, into any) (bool, error) {
	err := durable.ReadJSON(name, into)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
