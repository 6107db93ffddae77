package cleanup

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
)

// keptNames begin the names that deploys give to images which a rollback may need.
const keptNames = "notebookbot-keep/"

// inDocker is what the engine keeps for the application and nobody needs.
type inDocker struct {
	containers, images, cache finding

	running []string // services that run now, and must run afterwards
	unsure  error    // why no image goes
}

func (d *inDocker) findings() []finding { return []finding{d.containers, d.images, d.cache} }

// inDocker looks at the engine. What belongs to others never is among it.
func (k *Kind) inDocker(ctx context.Context) (*inDocker, error) {
	project, err := k.Engine.Project(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	inv, err := k.Engine.Inventory(ctx)
	if err != nil {
		return nil, target.Explain(err)
	}
	o := k.owner(project)
	d := &inDocker{cache: k.oldCache(inv)}
	if d.containers, err = k.oldContainers(ctx, inv, o); err != nil {
		return nil, target.Explain(err)
	}
	for _, c := range inv.Containers {
		if c.Project == k.cfg.Project && c.State == "running" && !c.OneOff && slices.Contains(target.Names(project), c.Service) {
			d.running = append(d.running, c.Service)
		}
	}
	slices.Sort(d.running)
	d.running = slices.Compact(d.running)
	needed, err := k.needed(ctx)
	if err != nil {
		d.images.step, d.unsure = stepImages, err
		return d, nil
	}
	if d.images, err = k.oldImages(ctx, inv, o, d.containers.list.Items, needed); err != nil {
		return nil, target.Explain(err)
	}
	return d, nil
}

func (k *Kind) needed(ctx context.Context) ([]string, error) {
	if k.Versions == nil {
		return nil, nil
	}
	return k.Versions.Needed(ctx)
}

// owner knows what is the application's.
type owner struct {
	project      string
	file         *docker.Project
	repositories []string // of its images
	current      []string // the references that the compose file names: they are started with the next up
}

func (k *Kind) owner(p *docker.Project) owner {
	o := owner{project: k.cfg.Project, file: p}
	for _, s := range p.Services {
		refs := []string{s.Image}
		if s.Image == "" || s.Build != "" { // compose's own name where the file gives none
			refs = append(refs, k.cfg.Project+"_"+s.Name, k.cfg.Project+"-"+s.Name)
		}
		for _, ref := range refs {
			if ref == "" {
				continue
			}
			o.repositories = append(o.repositories, docker.Repository(ref))
			if !strings.ContainsAny(ref[strings.LastIndexByte(ref, '/')+1:], ":@") {
				ref += ":latest"
			}
			o.current = append(o.current, ref)
		}
	}
	return o
}

// owns tells whether a name is of one of the application's images.
func (o owner) owns(repository string) bool {
	return slices.Contains(o.repositories, repository) || strings.HasPrefix(repository, keptNames+o.project+"/")
}

// image tells whether an image is the application's, or nobody's: without a name, without a builder that wrote down a project, and
// never from a registry.
func (o owner) image(i *docker.StoredImage) bool {
	if i.Project != "" {
		return i.Project == o.project
	}
	for _, r := range i.Repositories {
		if !o.owns(r) {
			return false // it has another owner as well
		}
	}
	return len(i.Repositories) > 0 || len(i.Refs) == 0
}

// oldContainers are those that ended and that compose will not start again: of services that are gone from the file, of compose run,
// and those that somebody made by hand of the application's images.
func (k *Kind) oldContainers(ctx context.Context, inv *docker.Inventory, o owner) (finding, error) {
	ours := map[string]bool{} // images with a name of the application's
	for _, i := range inv.Images {
		ours[i.ID] = slices.ContainsFunc(i.Repositories, o.owns)
	}
	f := finding{step: stepContainers}
	for _, c := range inv.Containers {
		unknown := c.Project == o.project && (c.OneOff || !o.file.Defines(c.Service)) || c.Project == "" && ours[c.ImageID]
		if !unknown || !c.Ended() {
			continue
		}
		ended, err := k.Engine.Ended(ctx, c.ID)
		if errors.Is(err, docker.ErrGone) {
			continue
		}
		if err != nil {
			return f, err
		}
		if ended.IsZero() {
			ended = c.Created
		}
		if k.younger(ended, k.cfg.Unused) {
			continue
		}
		f.list.Items = append(f.list.Items, Item{Name: c.Name, ID: c.ID, Size: c.Size, At: ended})
	}
	return f.fit(), nil
}

// oldImages are the application's images that no container uses, nor the compose file names, nor a rollback needs.
func (k *Kind) oldImages(ctx context.Context, inv *docker.Inventory, o owner, going []Item, needed []string) (finding, error) {
	used := map[string]bool{}
	for _, c := range inv.Containers {
		if !slices.ContainsFunc(going, func(i Item) bool { return i.ID == c.ID }) {
			used[c.ImageID] = true
		}
	}
	f := finding{step: stepImages}
	for _, i := range inv.Images {
		if used[i.ID] || slices.Contains(needed, i.ID) || !o.image(&i) || k.untouchable(&i, o) || k.younger(i.Created, k.cfg.Unused) {
			continue
		}
		seen, err := k.Engine.SeeImage(ctx, i.ID)
		if errors.Is(err, docker.ErrGone) {
			continue
		}
		if err != nil {
			return f, err
		}
		if k.younger(seen.Tagged, k.cfg.Unused) {
			continue
		}
		name := strings.Join(i.Refs, " ")
		if name == "" {
			name = i.ID[:min(len(i.ID), len("sha256:")+12)]
		}
		f.list.Items = append(f.list.Items, Item{Name: name, ID: i.ID, Refs: i.Refs, Size: i.Own, At: i.Created})
	}
	return f.fit(), nil
}

// untouchable tells whether a name of an image keeps it.
func (k *Kind) untouchable(i *docker.StoredImage, o owner) bool {
	return slices.ContainsFunc(i.Refs, func(ref string) bool {
		return slices.Contains(o.current, ref) || k.Versions == nil && strings.HasPrefix(ref, keptNames)
	})
}

// oldCache are the records of the builder's cache that nothing was built with for a while. What is built on others goes first.
func (k *Kind) oldCache(inv *docker.Inventory) finding {
	f := finding{step: stepCache}
	depth := depths(inv.Cache)
	records := slices.Clone(inv.Cache)
	slices.SortStableFunc(records, func(a, b docker.CacheRecord) int { return depth[b.ID] - depth[a.ID] })
	for _, r := range records {
		last := r.Used
		if last.IsZero() {
			last = r.Created
		}
		if r.InUse || k.younger(last, k.cfg.Cache) {
			continue
		}
		if len(f.list.Items) == maxItems {
			f.more++
			continue
		}
		f.list.Items = append(f.list.Items, Item{Name: r.What, ID: r.ID, Size: r.Size, At: last})
	}
	return f
}

// depths gives how many records each is built on, one upon the other.
func depths(cache []docker.CacheRecord) map[string]int {
	parents := map[string][]string{}
	for _, r := range cache {
		parents[r.ID] = r.Parents
	}
	out := map[string]int{}
	var visit func(id string) int
	visit = func(id string) int {
		if n, known := out[id]; known {
			return n
		}
		out[id] = 0 // a circle, which there is none, would end here
		most := 0
		for _, p := range parents[id] {
			most = max(most, visit(p)+1)
		}
		out[id] = most
		return most
	}
	for _, r := range cache {
		visit(r.ID)
	}
	return out
}

// younger tells whether a moment is less than that long ago. What lies in the future is a wrong clock, and young.
func (k *Kind) younger(at time.Time, than time.Duration) bool {
	return k.cfg.Now().Sub(at) < than
}
