package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

const (
	stopWithin     = 30 * time.Second
	exchangeWithin = 15 * time.Minute // with the restarts of what sees the files
)

// exchange is what is about to be exchanged, written before anything is: how a look tells what was done.
type exchange struct {
	Operation string               `json:"operation"`
	Part      string               `json:"part"`
	Pairs     []pair               `json:"pairs"`
	Started   map[string]time.Time `json:"started,omitempty"` // of the containers that see one of them, before the exchange
	Back      map[string]time.Time `json:"back,omitempty"`    // the same before the way back
	At        time.Time            `json:"at"`
}

// pair is a path of the application's folder and who is who: the numbers that the file system gives.
type pair struct {
	Path   string `json:"path"`
	Live   string `json:"live,omitempty"`   // empty: there is nothing
	Beside string `json:"beside,omitempty"` // likewise
}

// identity is the file system's own number of a file or folder, which a rename does not change; empty: there is none.
func identity(name string) (string, error) {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("%s has no number on this system", name)
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino), nil
}

// exchangeStep exchanges what is live for what is beside, path by path, and restarts the services that see one of them.
type exchangeStep struct{ k *Kind }

// Do implements ops.Doer. It goes on where an earlier try has ended.
func (s exchangeStep) Do(ctx context.Context, r *ops.Run) error {
	x, err := s.prepare(ctx, r)
	if err != nil {
		return err
	}
	if err := r.Held(ctx); err != nil {
		return err
	}
	for _, p := range x.Pairs {
		if err := s.k.flip(s.k.folder(r.Operation.Key()), x.Part, p, true); err != nil {
			return err
		}
	}
	return s.restart(ctx, r, x.Started)
}

// prepare writes down what is about to be exchanged, or reads what was written.
func (s exchangeStep) prepare(ctx context.Context, r *ops.Run) (*exchange, error) {
	var a exchangeArgs
	if err := r.Args(&a); err != nil {
		return nil, err
	}
	key, part := r.Operation.Key(), r.Subject()
	folder := s.k.folder(key)
	if a.From != "" {
		if err := adopt(s.k.folder(a.From), folder); err != nil {
			return nil, err
		}
	}
	var was exchange
	if ok, err := readJSON(exchangeMark(folder, part), &was); err != nil || ok && was.Operation == key {
		return &was, err
	}
	if a.From == "" {
		if err := s.k.stillReady(r, folder, part); err != nil {
			return nil, fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
		}
	}
	x := &exchange{Operation: key, Part: part, At: s.k.now().UTC(), Started: map[string]time.Time{}}
	for _, path := range a.Paths {
		live, err := identity(filepath.Join(s.k.Config.Root, path))
		if err != nil {
			return nil, err
		}
		beside, err := identity(filepath.Join(besideFolder(folder, part), path))
		if err != nil {
			return nil, err
		}
		// What the set does not have stays as it is. Only a way back takes something away: what was not there before.
		if beside != "" || live != "" && a.From != "" {
			x.Pairs = append(x.Pairs, pair{Path: path, Live: live, Beside: beside})
		}
	}
	var err error
	if x.Started, err = s.k.seeing(ctx, x.Pairs); err != nil {
		return nil, err
	}
	return x, s.write(folder, x)
}

// stillReady refuses to exchange what is not any more what was prepared: what somebody took away would be left as it is without a word,
// and a .env that was written to since would lose that.
func (k *Kind) stillReady(r *ops.Run, folder, part string) error {
	for _, name := range []string{readyMark(folder, part), besideFolder(folder, part)} {
		if ok, err := there(name); err != nil || !ok {
			return errors.Join(err, ops.Caused("unpacked_gone", name, nil))
		}
	}
	var was unpacked
	if known, err := r.Output(stepUnpack+":"+part, &was); err != nil || !known {
		return err
	}
	is, err := k.env()
	if err == nil && is != was.Env {
		err = &ops.MovedError{Changed: []ops.Difference{{What: "file", Name: envName, Was: was.Env, Is: is}}}
	}
	return err
}

// adopt takes over the folder of the operation that is taken back.
func adopt(from, to string) error {
	if ok, err := there(to); err != nil || ok {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(to))
}

func (exchangeStep) write(folder string, x *exchange) error {
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return durable.WriteFile(exchangeMark(folder, x.Part), b)
}

// seeing gives the running containers that see one of the paths, with when they started.
func (k *Kind) seeing(ctx context.Context, pairs []pair) (map[string]time.Time, error) {
	containers, err := k.Engine.Containers(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	out := map[string]time.Time{}
	for i := range containers {
		c := &containers[i]
		if c.Running() && slices.ContainsFunc(pairs, func(p pair) bool { return k.sees(c, p.Path) }) {
			out[c.ID] = c.Started
		}
	}
	return out, nil
}

// sees tells whether a container was given that path of the application's folder, or something in it.
func (k *Kind) sees(c *docker.Container, path string) bool {
	return slices.ContainsFunc(c.Binds, func(bind string) bool { return within(bind, filepath.Join(k.Config.Root, path)) })
}

// flip exchanges one path, or takes that back; one that is as wanted is left as it is.
func (k *Kind) flip(folder, part string, p pair, forth bool) error {
	live, beside := filepath.Join(k.Config.Root, p.Path), filepath.Join(besideFolder(folder, part), p.Path)
	done, err := flipped(live, beside, p)
	if err != nil {
		return err
	}
	if done == forth {
		return nil
	}
	for _, name := range []string{live, beside} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // Folders of the application are for its users.
			return err
		}
	}
	there, that := p.Live != "", p.Beside != ""
	if !forth {
		there, that = that, there
	}
	switch {
	case there && that:
		err = swapNames(live, beside)
	case that:
		err = os.Rename(beside, live)
	default:
		err = os.Rename(live, beside)
	}
	if err != nil {
		return fmt.Errorf("exchange %s: %w", p.Path, err)
	}
	return errors.Join(durable.SyncFolder(filepath.Dir(live)), durable.SyncFolder(filepath.Dir(beside)))
}

// flipped tells whether a pair is exchanged. Where somebody else has put another file, nothing is touched.
func flipped(live, beside string, p pair) (bool, error) {
	now, err := identity(live)
	if err != nil {
		return false, err
	}
	aside, err := identity(beside)
	if err != nil {
		return false, err
	}
	switch {
	case now == p.Beside && aside == p.Live:
		return true, nil
	case now == p.Live && aside == p.Beside:
		return false, nil
	}
	return false, ops.Caused("other_file", p.Path, errOther)
}

var errOther = errors.New("somebody else has put another file there")

// restart restarts the containers that have not started since.
func (s exchangeStep) restart(ctx context.Context, r *ops.Run, before map[string]time.Time) error {
	for id, started := range before {
		c, err := s.k.Engine.Container(ctx, id)
		if errors.Is(err, docker.ErrGone) {
			continue // a new one sees what is there now
		}
		if err != nil {
			return target.Explain(err)
		}
		if c.Running() && c.Started.After(started) {
			continue
		}
		if err := s.k.Engine.Restart(ctx, id, stopWithin); err != nil {
			return target.Explain(err)
		}
		if _, err := s.k.Engine.WaitHealthy(ctx, id, time.Second, target.Tell(r)); err != nil {
			return s.k.App.Quote(err)
		}
	}
	return nil
}

// Look implements ops.Doer: what is half-done may be gone on with.
func (s exchangeStep) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	key, part := r.Operation.Key(), r.Subject()
	folder := s.k.folder(key)
	var x exchange
	ok, err := readJSON(exchangeMark(folder, part), &x)
	if err != nil {
		return "", err
	}
	if !ok || x.Operation != key {
		return ops.SeenNotDone, nil
	}
	before := x.Started
	if undoing(r) {
		before = x.Back
	}
	n, fresh := 0, true
	for _, p := range x.Pairs {
		done, err := flipped(filepath.Join(s.k.Config.Root, p.Path), filepath.Join(besideFolder(folder, part), p.Path), p)
		if errors.Is(err, errOther) {
			return ops.SeenUnclear, err
		}
		if err != nil {
			return "", err
		}
		if done {
			n++
		}
	}
	for id, started := range before {
		c, err := s.k.Engine.Container(ctx, id)
		switch {
		case errors.Is(err, docker.ErrGone):
		case err != nil:
			return "", target.Explain(err)
		default:
			fresh = fresh && c.Running() && c.Started.After(started)
		}
	}
	switch {
	case undoing(r) && n == 0 && before != nil && fresh:
		return ops.SeenNotDone, nil
	case undoing(r):
		return ops.SeenPartly, nil
	case n == len(x.Pairs) && fresh:
		return ops.SeenDone, nil
	case n == 0, mayGoOn(r):
		return ops.SeenNotDone, nil
	}
	return ops.SeenPartly, nil
}

// Undo implements ops.Doer. What was replaced is back, the services see it, and what came out of the set is beside again.
func (s exchangeStep) Undo(ctx context.Context, r *ops.Run) error {
	key, part := r.Operation.Key(), r.Subject()
	folder := s.k.folder(key)
	var x exchange
	ok, err := readJSON(exchangeMark(folder, part), &x)
	if err != nil || !ok || x.Operation != key {
		return err
	}
	if x.Back == nil {
		if x.Back, err = s.k.seeing(ctx, x.Pairs); err != nil {
			return err
		}
		if err := s.write(folder, &x); err != nil {
			return err
		}
	}
	if err := r.Held(ctx); err != nil {
		return err
	}
	for _, p := range slices.Backward(x.Pairs) {
		if err := s.k.flip(folder, part, p, false); err != nil {
			return err
		}
	}
	if err := s.restart(ctx, r, x.Back); err != nil {
		return err
	}
	var a exchangeArgs
	if err := r.Args(&a); err != nil {
		return err
	}
	if a.From != "" { // what it found is kept for another try
		x.Operation = a.From
		if err := s.write(folder, &x); err != nil {
			return err
		}
		if ok, err := there(s.k.folder(a.From)); err != nil || ok {
			return err
		}
		return os.Rename(folder, s.k.folder(a.From))
	}
	return os.Remove(exchangeMark(folder, part))
}
