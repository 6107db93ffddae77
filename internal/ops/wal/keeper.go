package wal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/durable"
	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// State is how the archive stands, as its keeper saw it last. It lies in the archive's folder, for whoever asks.
type State struct {
	Looked time.Time `json:"looked"`
	System string    `json:"system,omitempty"` // the cluster that is archived now
	To     time.Time `json:"to,omitzero"`      // what was committed before it is archived
	Since  time.Time `json:"since,omitzero"`   // when the keeper began to wait for the first of it

	Trouble string `json:"trouble,omitempty"` // a code: why the log does not come; empty: it does
	Text    string `json:"text,omitempty"`    // what a program said of it: hostile
	Keeps   int64  `json:"keeps,omitempty"`   // bytes that the server holds back for the archive
	Unbound bool   `json:"unbound,omitempty"` // nothing but the disk bounds them

	Late     time.Time `json:"late,omitzero"` // the To of which people were told that it is late
	BaseText string    `json:"base_text,omitempty"`
	Copying  time.Time `json:"copying,omitzero"` // since when the cluster is being copied
	Copied   int64     `json:"copied,omitempty"` // bytes of it
}

// The codes of Trouble.
const (
	TroubleAway      = "away"      // the database does not answer
	TroubleVersion   = "version"   // it is older than 13
	TroubleStandby   = "standby"   // it follows another
	TroubleLevel     = "level"     // wal_level is minimal
	TroubleSenders   = "senders"   // max_wal_senders or max_replication_slots is 0
	TroubleRight     = "right"     // the user may not follow the log
	TroubleFolder    = "folder"    // the folder takes no writes
	TroubleElsewhere = "elsewhere" // the engine's folder is not ours
	TroubleReceiver  = "receiver"  // pg_receivewal ended, or could not be started
	TroubleDropped   = "dropped"   // the slot was given up to save the server's disk
	TroubleBehind    = "behind"    // it comes, but slower than it is written
)

// LateAfter is how old what is archived may be before people are told: several starts of the receiver and a restart of the database fit into it.
const LateAfter = 5 * time.Minute

// Keeper keeps the archive. Of several that share the folder one works.
type Keeper struct {
	Archive *Archive
	Every   time.Duration // between looks; zero: 10 s
	Late    time.Duration // zero: LateAfter
	Log     *slog.Logger
	// Tell says that the log stands still (late), or comes again. The same key is told once.
	Tell func(ctx context.Context, late bool, key string, s State, lag time.Duration) error
	// Rehearse is how often the newest copy is brought to a moment for a try; zero: never. TellTrial tells of a try that is not good.
	Rehearse  time.Duration
	TellTrial func(ctx context.Context, t Trial) error
	// TellBase says that no copy of the cluster comes about: newest is the last good one (nil: there is none). It is told once a day.
	TellBase func(ctx context.Context, newest *Base, why string) error
	// Alive tells whether an operation may still go on; what others left is removed.
	Alive func(ctx context.Context, key string) (bool, error)

	lock *flock.Flock

	mu    sync.Mutex
	beats []beat // that are not known to be archived yet
	ready bool   // the log comes: a copy may be taken

	follows bool // the receiver was seen to get the log
	tries   int  // in a row that the receiver had to be started
	again   time.Time

	nowhere   time.Time // since when the folder could not be made
	cut       bool      // the newest copy looked cut off from the log
	baseTries int
	nextBase  time.Time
	baseText  string // why the last copy failed; guarded by mu, as are the next two
	copying   time.Time
	copied    int64
}

// failed keeps why the last copy failed.
func (k *Keeper) failed(why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.baseText = why
}

// beat is a moment and the place of the log before which nothing was committed after it.
type beat struct {
	at       time.Time
	mark     uint64
	timeline uint32
}

const (
	lookEvery = 10 * time.Second
	baseEvery = 20 * time.Second
	mostWait  = time.Minute
	mostBeats = 1000
)

// Run keeps the archive until ctx ends. The receiver is left running: it goes on until the next bot takes it over.
func (k *Keeper) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return k.loop(ctx, orElse(k.Every, lookEvery), "receiver", k.Once) })
	g.Go(func() error {
		return k.loop(ctx, min(2*orElse(k.Every, lookEvery), baseEvery), "copies", k.Bases)
	})
	err := g.Wait()
	if k.lock != nil {
		err = errors.Join(err, k.lock.Close())
	}
	return err
}

func (k *Keeper) loop(ctx context.Context, every time.Duration, what string, once func(context.Context) error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := ""
	for {
		err := once(ctx)
		switch {
		case err == nil:
			said = ""
		case ctx.Err() == nil && said != err.Error():
			said = err.Error()
			k.Log.WarnContext(ctx, "keeping the archive of the log", "what", what, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// hold tells whether this process keeps the archive.
func (k *Keeper) hold() (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lock == nil {
		if err := os.MkdirAll(k.Archive.cfg.Dir, folderRights); err != nil {
			return false, err
		}
		k.lock = flock.New(k.Archive.path(lockName), flock.SetPermissions(fileRights))
	}
	if k.lock.Locked() {
		return true, nil
	}
	return k.lock.TryLock()
}

// Once looks at the receiver, starts it where it has to, puts away what is finished, and tells people how the archive stands.
func (k *Keeper) Once(ctx context.Context) error {
	ours, err := k.hold()
	if err != nil {
		return errors.Join(fmt.Errorf("backup.wal: %w", err), k.noFolder(ctx, err))
	}
	if !ours {
		return nil
	}
	s, err := k.Archive.State()
	if err != nil {
		return err
	}
	now := k.Archive.now()
	if s.Since.IsZero() {
		s.Since = now
	}
	s.Looked, s.Trouble, s.Text = now, "", ""
	looking := k.look(ctx, s)
	if ctx.Err() != nil {
		return nil
	}
	k.mu.Lock()
	k.ready = s.Trouble == "" && looking == nil && k.follows && !s.To.IsZero()
	s.BaseText, s.Copying, s.Copied = k.baseText, k.copying, k.copied
	k.mu.Unlock()
	if looking != nil && s.Trouble == "" {
		s.Trouble, s.Text = TroubleReceiver, looking.Error()
	}
	told := k.tell(ctx, s, now)
	return errors.Join(looking, told, durable.WriteJSON(k.Archive.path(stateName), s))
}

// noFolder tells that there is nowhere to keep anything, not even how the archive stands.
func (k *Keeper) noFolder(ctx context.Context, err error) error {
	now := k.Archive.now()
	if k.nowhere.IsZero() {
		k.nowhere = now
	}
	return k.tell(ctx, &State{Since: k.nowhere, Trouble: TroubleFolder, Text: err.Error()}, now)
}

// State reads how the archive stands. Without one it is the zero State.
func (a *Archive) State() (*State, error) {
	s := &State{}
	if err := durable.ReadJSON(a.path(stateName), s); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, nil
}

// look does the work of Once and finds what is wrong.
func (k *Keeper) look(ctx context.Context, s *State) error {
	a := k.Archive
	k.follows = false
	r, err := a.db.Replication(ctx, Slot)
	if err != nil {
		s.Trouble, s.Text = TroubleAway, err.Error()
		return nil
	}
	if s.Trouble = Unfit(r); s.Trouble != "" {
		return nil
	}
	server, err := a.server(ctx)
	if err != nil {
		s.Trouble, s.Text = TroubleAway, err.Error()
		return nil
	}
	c, err := a.begin(r)
	if err == nil && c.Mark > r.Mark && c.Timeline == r.Timeline {
		k.Log.WarnContext(ctx, "the server is behind what it had written: its disk was put back; its archive is set aside", "was", c.Mark, "is", r.Mark)
		k.beats = nil
		c, err = a.setAside(ctx, r)
	}
	if err != nil {
		s.Trouble, s.Text = TroubleFolder, err.Error()
		return nil
	}
	if s.System != r.System {
		k.beats = nil
		s.System, s.To, s.Since = r.System, c.To, s.Looked
	}
	s.Unbound, s.Keeps = r.Bound < 0, 0
	if r.Slot != nil {
		s.Keeps = r.Slot.Keeps
	}
	if given, err := k.giveUp(ctx, s, r); given || err != nil {
		return err
	}
	running, err := a.receiver(ctx)
	if err != nil {
		return err
	}
	if running != nil && running.Running() && a.fits(running, server, r.System) && r.Slot != nil && r.Slot.Status != "lost" {
		return k.follow(ctx, s, c, r, running)
	}
	return k.start(ctx, s, c, r, server, running)
}

// Unfit tells why the log of a server cannot be followed, as a code of Trouble; empty: it can.
func Unfit(r *postgres.Replication) string {
	const oldest = 130000 // copies have a manifest since then
	switch {
	case r.Version < oldest:
		return TroubleVersion
	case r.Standby:
		return TroubleStandby
	case r.Level == "minimal":
		return TroubleLevel
	case r.Senders == 0 || r.Slots == 0:
		return TroubleSenders
	case !r.Right:
		return TroubleRight
	}
	return ""
}

// follow sees how far a receiver is that runs.
func (k *Keeper) follow(ctx context.Context, s *State, c *cluster, r *postgres.Replication, running *docker.Container) error {
	a := k.Archive
	k.beats = append(k.beats, beat{r.Beat, r.Mark, r.Timeline})
	k.beats = k.beats[max(0, len(k.beats)-mostBeats):]
	const settle = 30 * time.Second
	switch {
	case r.Slot.Active:
		k.tries, k.follows = 0, true
	case a.now().Sub(running.Started) > settle: // it runs and is not connected
		s.Trouble, s.Text = TroubleReceiver, a.said(ctx, running.ID)
		return a.endReceiver(ctx)
	}
	for len(k.beats) > 0 && r.Flushed >= k.beats[0].mark {
		b := k.beats[0]
		here, err := a.has(c, b.mark)
		if err != nil {
			return err
		}
		if !here {
			s.Trouble = TroubleElsewhere
			return nil
		}
		c.To, c.Mark, c.Timeline, s.To = b.at, b.mark, b.timeline, b.at
		k.beats = k.beats[1:]
	}
	if err := durable.WriteJSON(a.path(c.System, clusterName), c); err != nil {
		return err
	}
	return a.putAway(ctx, c, false)
}

// start starts the receiver, with growing waits where it ends again and again.
func (k *Keeper) start(ctx context.Context, s *State, c *cluster, r *postgres.Replication, server, old *docker.Container) error {
	a := k.Archive
	if old != nil && !old.Running() {
		s.Trouble, s.Text = TroubleReceiver, a.said(ctx, old.ID)
	}
	if old != nil && a.fits(old, server, r.System) && a.now().Before(k.again) {
		return nil
	}
	lost := r.Slot == nil || r.Slot.Status == "lost"
	if lost {
		if err := a.endReceiver(ctx); err != nil {
			return err
		}
		if r.Slot != nil {
			if err := a.db.DropSlot(ctx, Slot); err != nil {
				return err
			}
		}
		if err := a.db.MakeSlot(ctx, Slot); err != nil {
			s.Trouble, s.Text = TroubleReceiver, err.Error()
			return nil
		}
		// The receiver would insist on the file after the newest that it has, which the server may have thrown away by now.
		if err := a.putAway(ctx, c, true); err != nil {
			return err
		}
	}
	k.Log.InfoContext(ctx, "starting the receiver of the log", "server", server.Name, "system", r.System, "try", k.tries+1, "new_slot", lost, "said", s.Text)
	k.again = a.now().Add(min(mostWait, time.Second<<min(k.tries, 6)))
	k.tries++
	if err := a.receive(ctx, server, r); err != nil {
		s.Trouble, s.Text = TroubleReceiver, err.Error()
	}
	return nil
}

// giveUp drops the slot where what it keeps is more than the server's disk has left: the database goes before its archive.
func (k *Keeper) giveUp(ctx context.Context, s *State, r *postgres.Replication) (bool, error) {
	const little = 1 << 30
	if r.Slot == nil || r.Slot.Keeps < little {
		return false, nil
	}
	free, known, err := k.Archive.db.Free(ctx)
	if err != nil || !known || free > r.Slot.Keeps {
		return false, err
	}
	k.Log.WarnContext(ctx, "the slot of the archive is given up: it fills the disk of the database", "keeps", r.Slot.Keeps, "free", free)
	s.Trouble, s.Keeps = TroubleDropped, r.Slot.Keeps
	return true, k.Archive.db.DropSlot(ctx, Slot)
}

// tell says once that the log stands still, and once that it comes again.
func (k *Keeper) tell(ctx context.Context, s *State, now time.Time) error {
	from := s.To
	if from.IsZero() {
		from = s.Since
	}
	lag := now.Sub(from)
	if lag > orElse(k.Late, LateAfter) && s.Trouble == "" {
		s.Trouble = TroubleBehind
	}
	switch late := orElse(k.Late, LateAfter); {
	case k.Tell == nil:
	case lag > late && !s.Late.Equal(from):
		if err := k.Tell(ctx, true, from.Format(time.RFC3339Nano), *s, lag); err != nil {
			return err
		}
		s.Late = from
	case lag <= late && !s.Late.IsZero():
		if err := k.Tell(ctx, false, s.Late.Format(time.RFC3339Nano), *s, from.Sub(s.Late)); err != nil {
			return err
		}
		s.Late = time.Time{}
	}
	return nil
}

func orElse(d, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return d
}
