package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Recovered tells how far a copy that is brought to a moment is.
type Recovered string

// How far it is.
const (
	RecoveredNot    Recovered = "not"    // there is none
	RecoveredPartly Recovered = "partly" // it is being made, or replays the log
	RecoveredWhole  Recovered = "whole"  // it answers, as the cluster was at that moment
)

// lookWithin is how often a copy that replays is looked at.
const lookRecovered = 500 * time.Millisecond

// Recover brings a copy of the cluster to a moment, in a container of its own without a network, under a key. What is there under the key is
// removed first. progress, which may be nil, is told the bytes that were copied. It returns once the copy answers.
func (a *Archive) Recover(ctx context.Context, key, base string, moment time.Time, progress func(done, total int64)) (err error) {
	if err := a.Discard(ctx, key); err != nil {
		return err
	}
	ch, err := a.find(base, moment)
	if err != nil {
		return err
	}
	image, err := a.image(ctx, ch.Base)
	if err != nil {
		return err
	}
	id, err := a.engine.CreateHelper(ctx, docker.Helper{
		Role: roleCopy, Name: a.cfg.Project + "-notebookbot-" + strings.ToLower(key), Image: image, Network: "none",
		Command: []string{program(ch.Base, "postgres"), "-D", inCopy + "/data", "-c", "config_file=" + inCopy + "/postgresql.conf"},
		User:    strconv.Itoa(ch.UID) + ":" + strconv.Itoa(ch.GID),
		Notes:   map[string]string{"key": key, "base": ch.ID, "moment": moment.UTC().Format(time.RFC3339Nano)},
	})
	if err != nil {
		return err
	}
	if err := a.fill(ctx, id, ch, moment, progress); err != nil {
		return err
	}
	if err := a.engine.Start(ctx, id); err != nil {
		return err
	}
	return a.promoted(ctx, id, key)
}

// find gives a copy by its id, if it still leads to the moment.
func (a *Archive) find(base string, moment time.Time) (*chain, error) {
	chains, err := a.chains()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(chains, func(ch chain) bool { return ch.ID == base })
	if i < 0 {
		return nil, fmt.Errorf("the copy %s of the cluster is not there any more", base)
	}
	ch, err := choose(chains[i:i+1], moment, a.now())
	if err != nil {
		return nil, fmt.Errorf("the copy %s does not lead to %s any more: %w", base, moment.Format(time.RFC3339), err)
	}
	return ch, nil
}

// image is the one that the copied server ran; where it is gone, the one that runs now, if it is of the same version.
func (a *Archive) image(ctx context.Context, b *Base) (string, error) {
	if img, err := a.engine.Image(ctx, b.Image); err == nil {
		return img.ID, nil
	} else if !errors.Is(err, docker.ErrNoImage) {
		return "", err
	}
	const major = 10000
	r, err := a.db.Replication(ctx, Slot)
	if err != nil {
		return "", err
	}
	if r.Version/major != b.Version/major {
		return "", fmt.Errorf("the image %s, which the copy was made with, is gone, and the server that runs now is PostgreSQL %d instead of %d",
			b.Image, r.Version/major, b.Version/major)
	}
	server, err := a.server(ctx)
	if err != nil {
		return "", err
	}
	return server.ImageID, nil
}

func program(b *Base, name string) string {
	if b.Bin == "" {
		return name
	}
	return b.Bin + "/" + name
}

// fill copies files and log into the container.
func (a *Archive) fill(ctx context.Context, id string, ch *chain, moment time.Time, progress func(done, total int64)) error {
	from, to := io.Pipe()
	c := &copying{a: a, ch: ch, moment: moment, progress: progress}
	written := make(chan error, 1)
	go func() {
		err := c.write(ctx, to)
		written <- err
		_ = to.CloseWithError(err) // never fails; nil is the end
	}()
	err := a.engine.CopyToHelper(ctx, id, from)
	_ = from.CloseWithError(io.ErrClosedPipe) // the engine may not have read to the end
	if cause := <-written; cause != nil && !errors.Is(cause, io.ErrClosedPipe) {
		return cause
	}
	return err
}

// promoted waits until the copy answers, which it does at the moment that was asked for and not before.
func (a *Archive) promoted(ctx context.Context, id, key string) error {
	db, err := a.Copy(ctx, key)
	if err != nil {
		return err
	}
	tick := time.NewTicker(lookRecovered)
	defer tick.Stop()
	for {
		c, err := a.engine.Container(ctx, id)
		if err != nil {
			return err
		}
		if !c.Running() {
			return a.ended(ctx, c)
		}
		if db.Ready(ctx) == nil || answers(ctx, db) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the copy replays the log still: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// answers tells whether the server answers although it has no such database: it may not have been made by that moment.
func answers(ctx context.Context, db *postgres.Database) bool {
	return errors.Is(db.Ready(ctx), postgres.ErrNoDatabase)
}

// ended tells why a copy did not get to its moment.
func (a *Archive) ended(ctx context.Context, c *docker.Container) error {
	const lines = 200
	var b bytes.Buffer
	if err := a.engine.Logs(ctx, c.ID, lines, time.Time{}, &b); err != nil {
		return err
	}
	text := b.String()
	if strings.Contains(text, "recovery ended before configured recovery target was reached") {
		return errors.New("the log that is archived ends before that moment: choose an earlier one")
	}
	var said []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, "FATAL:") || strings.Contains(line, "PANIC:") {
			said = append(said, strings.TrimSpace(line))
		}
	}
	if len(said) == 0 {
		said = append(said, fmt.Sprintf("it ended with exit code %d", c.ExitCode))
	}
	return fmt.Errorf("the copy could not replay the log: %s", strings.ToValidUTF8(said[len(said)-1], "�"))
}

// under finds the container of a key; nil: there is none.
func (a *Archive) under(ctx context.Context, key string) ([]docker.Container, error) {
	found, err := a.engine.Helpers(ctx, roleCopy)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(c docker.Container) bool { return c.Notes["key"] != key }), nil
}

// Recovered tells how far the copy of a key is.
func (a *Archive) Recovered(ctx context.Context, key string) (Recovered, error) {
	found, err := a.under(ctx, key)
	if err != nil || len(found) == 0 {
		return RecoveredNot, err
	}
	db, err := a.Copy(ctx, key)
	if err != nil {
		return "", err
	}
	if found[0].Running() && (db.Ready(ctx) == nil || answers(ctx, db)) {
		return RecoveredWhole, nil
	}
	return RecoveredPartly, nil
}

// Copy gives the application's database as it is in the copy of a key.
func (a *Archive) Copy(ctx context.Context, key string) (*postgres.Database, error) {
	found, err := a.under(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("the copy of %s is gone: %w", key, docker.ErrGone)
	}
	return postgres.Open(inContainer{a.engine, found[0].ID}, postgres.Config{Service: roleCopy, Name: a.cfg.Name, User: a.cfg.User})
}

// inContainer is an engine that has one container alone.
type inContainer struct {
	Engine
	id string
}

// Containers implements postgres.Engine.
func (e inContainer) Containers(ctx context.Context) ([]docker.Container, error) {
	c, err := e.Container(ctx, e.id)
	if err != nil {
		return nil, err
	}
	return []docker.Container{*c}, nil
}

// Discard removes the copy of a key with all that is in it. None is no error.
func (a *Archive) Discard(ctx context.Context, key string) error {
	found, err := a.under(ctx, key)
	if err != nil {
		return err
	}
	for i := range found {
		if err := a.engine.RemoveHelper(ctx, found[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// Sweep removes copies that nobody waits for any more: those of operations that are over.
func (a *Archive) Sweep(ctx context.Context, alive func(ctx context.Context, key string) (bool, error)) error {
	if alive == nil {
		return nil
	}
	found, err := a.engine.Helpers(ctx, roleCopy)
	if err != nil {
		return err
	}
	for i := range found {
		if live, err := alive(ctx, found[i].Notes["key"]); err != nil || live {
			if err != nil {
				return err
			}
			continue
		}
		a.log.InfoContext(ctx, "removing a copy that nobody waits for", "key", found[i].Notes["key"])
		if err := a.engine.RemoveHelper(ctx, found[i].ID); err != nil {
			return err
		}
	}
	return nil
}
