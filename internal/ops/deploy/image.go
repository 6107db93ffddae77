package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// image sees to the image of one service: it is here, it is pulled, built, or was kept. Its id is recorded before anything runs it.
type image struct{ *Kind }

// Do implements ops.Doer.
func (s image) Do(ctx context.Context, r *ops.Run) error {
	var a imageArgs
	if err := r.Args(&a); err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	var rec imageRecord
	found, err := r.Output(r.Step.Name, &rec)
	if err == nil && !found { // begun again after a crash, what was is what was recorded first
		rec.Was, err = s.called(ctx, a.Service.Ref)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ops.ErrUnchanged, err)
	}
	if err := r.Record(ctx, rec); err != nil {
		return err
	}
	switch a.Service.Source {
	case Here:
	case FromKept:
		err = s.docker.Tag(ctx, a.Service.Image, a.Service.Ref)
	case Pull:
		err = s.compose(ctx, r, a.Pins, "pull", a.Service.Name)
	case Build:
		err = s.compose(ctx, r, a.Pins, "build", a.Service.Name)
	default:
		err = fmt.Errorf("%w: the image of %s comes from %q", ops.ErrUnchanged, a.Service.Name, a.Service.Source)
	}
	if err != nil {
		return err
	}
	img, err := s.docker.Image(ctx, a.Service.Ref)
	if err != nil {
		return err
	}
	if a.Service.Image != "" && img.ID != a.Service.Image {
		return ops.Caused("image_other", a.Service.Ref, fmt.Errorf("it is %s, and %s was approved", shortID(img.ID), shortID(a.Service.Image)))
	}
	if a.Service.Digest != "" && !img.HasDigest(a.Service.Digest) {
		return ops.Caused("image_other", a.Service.Ref, fmt.Errorf("what was pulled is not %s", a.Service.Digest))
	}
	rec.ID = img.ID
	return r.Record(ctx, rec)
}

// called gives the id of the image that has the name; empty: none has.
func (k *Kind) called(ctx context.Context, ref string) (string, error) {
	img, err := k.docker.Image(ctx, ref)
	if errors.Is(err, docker.ErrNoImage) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return img.ID, nil
}

// compose pulls or builds, and shows how far it is.
func (k *Kind) compose(ctx context.Context, r *ops.Run, pins map[string]string, args ...string) error {
	out, err := k.docker.ComposeWith(ctx, docker.Call{Env: pins, Output: &layers{show: r.Progress}}, args...)
	return k.quoted(err, out)
}

// quoted is an error with the last lines of what compose wrote.
func (k *Kind) quoted(err error, out string) error {
	if err == nil {
		return nil
	}
	if out = k.redact(lastLines(out, quotes)); out == "" {
		return err
	}
	return fmt.Errorf("%w\n%s", err, out)
}

// quotes is how many lines of a log a failure quotes.
const quotes = 20

// Look implements ops.Doer.
func (s image) Look(ctx context.Context, r *ops.Run) (ops.Seen, error) {
	var a imageArgs
	var rec imageRecord
	if err := r.Args(&a); err != nil {
		return ops.SeenUnclear, err
	}
	found, err := r.Output(r.Step.Name, &rec)
	if err != nil {
		return ops.SeenUnclear, err
	}
	now, err := s.called(ctx, a.Service.Ref)
	switch {
	case err != nil:
		return ops.SeenUnclear, err
	case undoing(r) && rec.Was != "" && now != rec.Was:
		return ops.SeenPartly, nil
	case !undoing(r) && found && rec.ID != "" && now == rec.ID:
		return ops.SeenDone, nil
	}
	return ops.SeenNotDone, nil // to pull, build or name it once more is no harm
}

// Undo implements ops.Doer. An image that is here now and was not before does no harm.
func (s image) Undo(ctx context.Context, r *ops.Run) error { return s.restoreImage(ctx, r, r.Step) }

// restoreImage gives the name back to the image that had it before. It may be asked again.
func (k *Kind) restoreImage(ctx context.Context, r *ops.Run, st ops.StepPlan) error {
	var a imageArgs
	var rec imageRecord
	found, err := r.Output(st.Name, &rec)
	if err != nil || !found || rec.Was == "" || rec.Was == rec.ID {
		return err
	}
	if err := argsOf(st, &a); err != nil {
		return err
	}
	return k.docker.Tag(ctx, rec.Was, a.Service.Ref)
}

func shortID(id string) string { return short(strings.TrimPrefix(id, "sha256:")) }

var (
	builderStep = regexp.MustCompile(`^(?:Step |#\d+ \[(?:[^\]]* )?)(\d+)/(\d+)`)
	layerWaits  = regexp.MustCompile(`Pulling fs layer`)
	layerDone   = regexp.MustCompile(`Pull complete|Already exists`)
)

// layers reads the layers that are built or pulled from what compose writes: "Step 2/5", "#7 [2/5]", "a3ed95caeb02: Pull complete".
type layers struct {
	show func(ops.Progress)
	mu   sync.Mutex
	rest string
	p    ops.Progress
}

var _ io.Writer = (*layers)(nil)

func (l *layers) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest += string(b)
	was := l.p
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			break
		}
		l.rest = rest
		l.line(strings.TrimSpace(line))
	}
	const most = 16 << 10 // a line without an end
	l.rest = l.rest[max(0, len(l.rest)-most):]
	if l.p != was && l.show != nil {
		l.show(l.p)
	}
	return len(b), nil
}

func (l *layers) line(s string) {
	l.p.Unit = "layers"
	if m := builderStep.FindStringSubmatch(s); m != nil {
		done, err1 := strconv.ParseInt(m[1], 10, 32)
		total, err2 := strconv.ParseInt(m[2], 10, 32)
		if err1 == nil && err2 == nil {
			l.p.Done, l.p.Total = done, total
		}
		return
	}
	if layerWaits.MatchString(s) {
		l.p.Total++
	}
	if layerDone.MatchString(s) {
		l.p.Done++
		l.p.Total = max(l.p.Total, l.p.Done)
	}
}
