package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// inReceiver is where the receiver sees the folder that it writes to.
const inReceiver = "/notebookbot-wal"

// receiver finds the container that receives; nil: there is none.
func (a *Archive) receiver(ctx context.Context) (*docker.Container, error) {
	found, err := a.engine.Helpers(ctx, roleReceiver)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// server finds the container that the database runs in.
func (a *Archive) server(ctx context.Context) (*docker.Container, error) {
	containers, err := a.engine.Containers(ctx)
	if err != nil {
		return nil, err
	}
	for i := range containers {
		if c := &containers[i]; c.Service == a.db.Service() && c.Running() {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: no container of %s runs", postgres.ErrAway, a.db.Service())
}

// fits tells whether a receiver follows this very server: who shares the network of a container loses it when that one starts anew.
func (a *Archive) fits(r *docker.Container, server *docker.Container, system string) bool {
	return r.Notes["server"] == server.ID && r.Notes["started"] == server.Started.Format(time.RFC3339Nano) && r.Notes["folder"] == a.path(system, receivingDir)
}

// receive starts a receiver for the server, in the place of any other.
func (a *Archive) receive(ctx context.Context, server *docker.Container, r *postgres.Replication) error {
	if err := a.endReceiver(ctx); err != nil {
		return err
	}
	folder := a.path(r.System, receivingDir)
	id, err := a.engine.CreateHelper(ctx, docker.Helper{
		Role: roleReceiver, Name: a.cfg.Project + "-notebookbot-wal", Image: server.ImageID,
		// It ends when the connection does, so that what is wrong is seen at once and not after a silence.
		Command: []string{
			"pg_receivewal", "--directory=" + inReceiver, "--slot=" + Slot, "--synchronous", "--no-loop", "--no-password",
			"--dbname=host=127.0.0.1 port=" + strconv.Itoa(r.Port) + " user=" + a.cfg.User + " application_name=notebookbot",
		},
		User: strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid()), Network: "container:" + server.ID,
		Binds: []docker.HelperBind{{Source: folder, Target: inReceiver}},
		Notes: map[string]string{"server": server.ID, "started": server.Started.Format(time.RFC3339Nano), "folder": folder},
	})
	if err != nil {
		return err
	}
	return a.engine.Start(ctx, id)
}

// Retire ends what an archive has left that is not configured any more: its slot would keep the server's log until the disk is full. It tells whether
// there was anything. The slot is looked for by itself, since the receiver may have been pruned; one that somebody follows without a receiver of ours is
// somebody else's. After an error it is to be called again.
func (a *Archive) Retire(ctx context.Context) (bool, error) {
	running, err := a.receiver(ctx)
	if err != nil {
		return false, err
	}
	r, err := a.db.Replication(ctx, Slot)
	if err != nil {
		return running != nil, err
	}
	if running != nil {
		if err := a.endReceiver(ctx); err != nil {
			return true, err
		}
	}
	if r.Slot == nil || running == nil && r.Slot.Active {
		return running != nil, nil
	}
	return true, a.db.DropSlot(ctx, Slot)
}

func (a *Archive) endReceiver(ctx context.Context) error {
	found, err := a.engine.Helpers(ctx, roleReceiver)
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

// said is what a helper said last.
func (a *Archive) said(ctx context.Context, id string) string {
	const lines = 5
	var b bytes.Buffer
	if err := a.engine.Logs(ctx, id, lines, time.Time{}, &b); err != nil {
		return err.Error()
	}
	const most = 600
	text := strings.TrimSpace(strings.ToValidUTF8(b.String(), "�"))
	return text[max(0, len(text)-most):]
}

// begin makes the folders of a cluster.
func (a *Archive) begin(r *postgres.Replication) (*cluster, error) {
	for _, dir := range []string{receivingDir, logDir, sealingDir} {
		if err := os.MkdirAll(a.path(r.System, dir), folderRights); err != nil {
			return nil, err
		}
	}
	c, err := a.cluster(r.System)
	if !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	c = &cluster{Format: format, System: r.System, Version: r.Version, Segment: r.Segment}
	return c, durable.WriteJSON(a.path(r.System, clusterName), c)
}

// setAside begins the archive of a cluster anew. The server was put back by other means, a snapshot of its disk, and goes on from there on the same
// timeline: the same names of the log mean something else from now on, and nothing that was archived may be mixed with it. What there is stays
// beside, for whoever needs it by hand.
func (a *Archive) setAside(ctx context.Context, r *postgres.Replication) (*cluster, error) {
	if err := a.endReceiver(ctx); err != nil {
		return nil, err
	}
	if err := os.Rename(a.path(r.System), a.path(r.System+"-until-"+a.now().Format("20060102T150405Z"))); err != nil {
		return nil, err
	}
	return a.begin(r)
}

// file is one that the receiver has written.
type file struct {
	name string
	segment
	part bool // it is not full yet
}

// received lists what the receiver has written, in order; others are the files that tell where timelines part.
func (a *Archive) received(c *cluster) (files []file, others []string, err error) {
	found, err := os.ReadDir(a.path(c.System, receivingDir))
	if err != nil {
		return nil, nil, err
	}
	for _, d := range found {
		name, part := strings.CutSuffix(d.Name(), partial)
		if s, ok := parseSegment(name, c.Segment); ok {
			files = append(files, file{d.Name(), s, part})
		} else if historyName.MatchString(d.Name()) {
			others = append(others, d.Name())
		}
	}
	slices.SortFunc(files, func(x, y file) int { return strings.Compare(x.name, y.name) })
	return files, others, nil
}

// putAway keeps what is finished as backups are kept. The newest full file stays: the receiver goes on from the newest that it finds.
// all is for a receiver that begins anew, and does not run.
func (a *Archive) putAway(ctx context.Context, c *cluster, all bool) error {
	files, others, err := a.received(c)
	if err != nil {
		return err
	}
	newest := ""
	for _, f := range files {
		if !f.part {
			newest = f.name
		}
	}
	for _, f := range files {
		if !all && (f.part && f.name >= newest || f.name == newest) {
			continue
		}
		others = append(others, f.name)
	}
	for _, name := range others {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.putAwayFile(c, name); err != nil {
			return fmt.Errorf("put %s of the log away: %w", name, err)
		}
	}
	return nil
}

// putAwayFile reads back what it has written before the file goes.
func (a *Archive) putAwayFile(c *cluster, name string) (err error) {
	from := a.path(c.System, receivingDir, name)
	in, err := os.Open(from) //nolint:gosec // A name of the log.
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	dir := a.path(c.System, sealingDir)
	part, reopen, err := a.seal.Seal(dir, name, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
	if err != nil {
		return err
	}
	if err := readBack(reopen); err != nil {
		return err
	}
	if part.Raw != info.Size() {
		return fmt.Errorf("it has %d bytes and %d were written", info.Size(), part.Raw)
	}
	sealed := dir + "/" + part.Name
	// When it was written last tells what can be in it.
	if err := os.Chtimes(sealed, info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	if err := os.Rename(sealed, a.path(c.System, logDir, part.Name)); err != nil {
		return err
	}
	if err := durable.SyncFolder(a.path(c.System, logDir)); err != nil {
		return err
	}
	return os.Remove(from)
}

func readBack(open func() (io.ReadCloser, error)) error {
	in, err := open()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, in.Close())
}

// has tells whether the file of the log with that place is in the receiver's folder as this process sees it.
func (a *Archive) has(c *cluster, place uint64) (bool, error) {
	have, err := a.stock(c)
	if err != nil {
		return false, err
	}
	// A place right at the end of a file is in the file before it.
	number := at(max(place, 1)-1, c.Segment)
	for s := range have {
		if s.Number == number {
			return true, nil
		}
	}
	return false, nil
}
