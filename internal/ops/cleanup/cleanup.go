// Package cleanup is the operation that gives disk space back: images and containers of the application that nobody needs, the
// builder's cache, old logs, old temporary files and backups that retention gives up.
//
// What is approved is a list, item by item with its size, and nothing else goes. An item that is gone by the time it is its turn,
// that changed, or that somebody needs again is left alone; nothing is added. Volumes are never looked at: the guide's
// `docker volume prune` removes those of a service whose container is gone, and with them its data. Files are removed by a handle on
// the folder that was listed, so that no link that is put there meanwhile leads elsewhere.
package cleanup

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// Engine is the part of docker.Engine that cleaning up uses beside that of the target.
type Engine interface {
	target.Engine
	Inventory(ctx context.Context) (*docker.Inventory, error)
	SeeImage(ctx context.Context, id string) (*docker.SeenImage, error)
	RemoveImage(ctx context.Context, id string, refs []string) error
	Ended(ctx context.Context, id string) (time.Time, error)
	RemoveEnded(ctx context.Context, id string) error
	RemoveCache(ctx context.Context, id string) (bool, error)
}

var _ Engine = (*docker.Engine)(nil)

// Versions knows which images a rollback needs.
type Versions interface {
	// Needed gives the ids of the images of the last versions of each service.
	Needed(ctx context.Context) ([]string, error)
}

// OldSet is a backup set that retention gives up.
type OldSet struct {
	ID   string
	At   time.Time
	Size int64 // bytes
}

// Backups is where backups are kept. Which of them are too old is theirs to say.
type Backups interface {
	Expired(ctx context.Context) ([]OldSet, error)
	// Forget removes a set that is still given up, and tells whether it did.
	Forget(ctx context.Context, id string) (bool, error)
}

// Config says where to look. Ages are those of the guide where they are zero.
type Config struct {
	Project string
	Dir     string // the application's folder: its logs are in logs/ below it
	Temp    string // empty: the system's folder for temporary files

	Logs       time.Duration // since the last line; 30 days
	Temporary  time.Duration // since the last change; 7 days
	Cache      time.Duration // since the last use; 7 days
	Unused     time.Duration // since an image got its name or a container ended; a day, so that nobody is still at it
	LargeFrom  int64         // bytes from which a file is named as large; 100 MB
	LargeBelow []string      // where large files are looked for; none: Dir, the logs of the system and of Docker
	Now        func() time.Time
}

// Kind is `cleanup`.
type Kind struct {
	Engine   Engine
	App      *target.Application
	Versions Versions // nil: no image with a name that a deploy gave goes
	Backups  Backups  // nil: backups are not looked at

	cfg Config
}

var _ ops.Kind = (*Kind)(nil)

const (
	day       = 24 * time.Hour
	megabyte  = 1_000_000
	stepLasts = 20 * time.Minute
	// maxItems bounds the list of one step, which people read and every checkpoint writes. The largest come first; the rest is for next time.
	maxItems = 1000
)

// New makes the kind.
func New(cfg Config, engine Engine, app *target.Application) *Kind {
	for _, d := range []struct {
		at    *time.Duration
		value time.Duration
	}{{&cfg.Logs, 30 * day}, {&cfg.Temporary, 7 * day}, {&cfg.Cache, 7 * day}, {&cfg.Unused, day}} {
		if *d.at == 0 {
			*d.at = d.value
		}
	}
	if cfg.LargeFrom == 0 {
		cfg.LargeFrom = 100 * megabyte
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Temp == "" {
		cfg.Temp = "/tmp"
	}
	if len(cfg.LargeBelow) == 0 {
		cfg.LargeBelow = []string{cfg.Dir, "/var/log", "/var/lib/docker/containers", cfg.Temp}
	}
	return &Kind{Engine: engine, App: app, cfg: cfg}
}

// Item is one thing that goes.
type Item struct {
	Name string    `json:"name"` // as people know it: logs/nginx/access.log.3, shop/backend:v1
	Size int64     `json:"size"` // bytes that it gives back
	At   time.Time `json:"at,omitzero"`
	ID   string    `json:"id,omitempty"`   // of an image, a container, a record of the cache, a backup set
	Refs []string  `json:"refs,omitempty"` // all names of an image
	File *Identity `json:"file,omitempty"`
}

// List is what one step removes, in this order: a step's arguments.
type List struct {
	Items []Item   `json:"items"`
	Root  string   `json:"root,omitempty"` // of files: their names begin there
	At    Identity `json:"at,omitzero"`    // of Root
}

// Size is what the list gives back.
func (l List) Size() int64 {
	var sum int64
	for _, i := range l.Items {
		sum += i.Size
	}
	return sum
}

// Details are what the plan's card shows beside its steps.
type Details struct {
	Freed  int64   `json:"freed"` // bytes, all together
	Groups []Group `json:"groups"`
	Large  []Item  `json:"large,omitempty"` // advice: they stay
}

// Group is the sum of a step.
type Group struct {
	Step    string `json:"step"`
	Count   int    `json:"count"`
	Size    int64  `json:"size"`
	Largest []Item `json:"largest"` // a few, without how they are found
	More    int    `json:"more,omitempty"`
}

// finding is a list with how many did not fit in it.
type finding struct {
	step string
	list List
	more int
	// foreign are those that the bot has no right to remove.
	foreign int
}

// Word implements ops.Kind.
func (*Kind) Word() string { return "cleanup" }

// Plan implements ops.Kind. What cannot be looked at is named and stays as it is.
func (k *Kind) Plan(ctx context.Context, _ ops.Request) (ops.Plan, error) {
	p := ops.Plan{Word: k.Word(), Project: k.cfg.Project}
	note := func(code string, err error) { p.Notes = append(p.Notes, code+": "+err.Error()) }
	var found []finding
	var running []string
	inDocker, err := k.inDocker(ctx)
	if err != nil {
		note("cleanup_no_docker", err)
	} else {
		found = append(found, inDocker.findings()...)
		running = inDocker.running
		if inDocker.unsure != nil {
			note("cleanup_no_images", inDocker.unsure)
		}
	}
	logs, link, err := k.oldLogs(ctx)
	if err != nil {
		note("cleanup_no_logs", err)
	}
	if link != "" {
		p.Notes = append(p.Notes, "cleanup_logs_link: "+link)
	}
	if logs.foreign > 0 {
		p.Notes = append(p.Notes, "cleanup_no_rights: "+strconv.Itoa(logs.foreign))
	}
	temp, err := k.oldTemporary(ctx)
	if err != nil {
		note("cleanup_no_temp", err)
	}
	sets, err := k.oldBackups(ctx)
	if err != nil {
		note("cleanup_no_backups", err)
	}
	var details Details
	for _, f := range append(found, logs, temp, sets) {
		if len(f.list.Items) == 0 {
			continue
		}
		args, err := json.Marshal(f.list)
		if err != nil {
			return ops.Plan{}, err
		}
		p.Steps = append(p.Steps, ops.StepPlan{Name: f.step, Args: args, Changes: true, Deadline: stepLasts})
		details.Groups = append(details.Groups, f.group())
		details.Freed += f.list.Size()
	}
	details.Large = k.large(ctx)
	if len(p.Steps) == 0 {
		return ops.Plan{}, nothing(p.Notes, details.Large)
	}
	if p.Details, err = json.Marshal(details); err != nil {
		return ops.Plan{}, err
	}
	p.Checks = k.App.Checks(running)
	return p, nil
}

// nothing says that there is nothing to do, what could not be looked at, and what is large all the same.
func nothing(notes []string, large []Item) error {
	p := &ops.Problem{Code: "cleanup_nothing"}
	for _, i := range large {
		p.Names = append(p.Names, i.Name)
	}
	for _, n := range notes {
		_, text, _ := strings.Cut(n, ": ")
		p.Text += text + "\n"
	}
	p.Text = strings.TrimSpace(p.Text)
	return p
}

// fit keeps the largest items of a list.
func (f finding) fit() finding {
	slices.SortStableFunc(f.list.Items, func(a, b Item) int {
		switch {
		case a.Size > b.Size:
			return -1
		case a.Size < b.Size:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	if over := len(f.list.Items) - maxItems; over > 0 {
		f.list.Items, f.more = f.list.Items[:maxItems], f.more+over
	}
	return f
}

func (f finding) group() Group {
	const shown = 3
	g := Group{Step: f.step, Count: len(f.list.Items), Size: f.list.Size(), More: f.more}
	largest := slices.Clone(f.list.Items)
	slices.SortStableFunc(largest, func(a, b Item) int { return int(min(max(b.Size-a.Size, -1), 1)) })
	for _, i := range largest[:min(len(largest), shown)] {
		g.Largest = append(g.Largest, Item{Name: i.Name, Size: i.Size, At: i.At})
	}
	return g
}

// The steps, in the order in which they are done: a container that goes frees its image.
const (
	stepContainers = "clean_containers"
	stepImages     = "clean_images"
	stepCache      = "clean_cache"
	stepLogs       = "clean_logs"
	stepTemp       = "clean_temp"
	stepBackups    = "clean_backups"
)

// Step implements ops.Kind.
func (k *Kind) Step(name string) (ops.Doer, bool) {
	switch name {
	case stepContainers:
		return step{k.containers}, true
	case stepImages:
		return step{k.images}, true
	case stepCache:
		return step{k.cache}, true
	case stepLogs, stepTemp:
		return step{k.files}, true
	case stepBackups:
		return step{k.sets}, true
	}
	return k.App.Check(name)
}

func (k *Kind) oldBackups(ctx context.Context) (finding, error) {
	f := finding{step: stepBackups}
	if k.Backups == nil {
		return f, nil
	}
	old, err := k.Backups.Expired(ctx)
	if err != nil {
		return f, err
	}
	for _, s := range old { // in their order: what others build on goes last
		f.list.Items = append(f.list.Items, Item{Name: s.ID, ID: s.ID, Size: s.Size, At: s.At})
	}
	return f, nil
}
