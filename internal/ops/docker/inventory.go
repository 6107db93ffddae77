package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
)

// Inventory is what the engine keeps, whosever it is. Volumes are not part of it: nothing here ever removes one.
type Inventory struct {
	Images     []StoredImage
	Containers []StoredContainer
	Cache      []CacheRecord
}

// StoredImage is an image on the engine's disk.
type StoredImage struct {
	ID           string   // sha256:…
	Refs         []string // its names with tags; none: nobody can name it any more
	Repositories []string // its names without tags, also those from which a tag was taken
	Project      string   // the compose project that built it, where the builder wrote that down
	Created      time.Time
	Size         int64 // bytes
	Own          int64 // of these, what no other image shares: what goes with it
}

// StoredContainer is a container, running or not.
type StoredContainer struct {
	ID      string
	Name    string
	Project string // of compose; empty: it was not made by compose
	Service string
	OneOff  bool // made by compose run
	Image   string
	ImageID string
	State   string
	Created time.Time
	Size    int64 // bytes that it wrote beside its volumes
}

// Ended tells whether it has ended, or never began.
func (c *StoredContainer) Ended() bool {
	return c.State == string(container.StateExited) || c.State == string(container.StateDead) || c.State == string(container.StateCreated)
}

// CacheRecord is a part of the builder's cache.
type CacheRecord struct {
	ID      string
	What    string // the step of a build that made it
	InUse   bool
	Size    int64 // bytes
	Created time.Time
	Used    time.Time // last; zero: never since it was made
	Parents []string
}

// inventoryWithin is how long the engine may count: it walks over what every container wrote.
const inventoryWithin = 2 * time.Minute

// Inventory counts what the engine keeps. It takes the engine a while where there is much.
func (e *Engine) Inventory(ctx context.Context) (*Inventory, error) {
	ctx, cancel := within(ctx, inventoryWithin)
	defer cancel()
	api, err := e.api(ctx)
	if err != nil {
		return nil, err
	}
	usage, err := api.DiskUsage(ctx, types.DiskUsageOptions{Types: []types.DiskUsageObject{
		types.ContainerObject, types.ImageObject, types.BuildCacheObject,
	}})
	if err != nil {
		return nil, e.explain(ctx, err)
	}
	out := &Inventory{}
	for _, i := range usage.Images {
		img := StoredImage{
			ID: i.ID, Refs: named(i.RepoTags), Project: i.Labels[labelProject], Created: time.Unix(i.Created, 0).UTC(), Size: i.Size,
			Own: max(0, i.Size-max(0, i.SharedSize)),
		}
		for _, ref := range slices.Concat(img.Refs, named(i.RepoDigests)) {
			if r := Repository(ref); !slices.Contains(img.Repositories, r) {
				img.Repositories = append(img.Repositories, r)
			}
		}
		out.Images = append(out.Images, img)
	}
	for _, c := range usage.Containers {
		name := c.ID
		if len(c.Names) > 0 {
			name = strings.TrimPrefix(c.Names[0], "/")
		}
		out.Containers = append(out.Containers, StoredContainer{
			ID: c.ID, Name: name, Project: c.Labels[labelProject], Service: c.Labels[labelService], OneOff: oneOff(c.Labels), Image: c.Image,
			ImageID: c.ImageID, State: string(c.State), Created: time.Unix(c.Created, 0).UTC(), Size: c.SizeRw,
		})
	}
	for _, r := range usage.BuildCache {
		rec := CacheRecord{ID: r.ID, What: r.Description, InUse: r.InUse, Size: r.Size, Created: r.CreatedAt, Parents: r.Parents}
		if p := r.Parent; p != "" && !slices.Contains(rec.Parents, p) { //nolint:staticcheck // Engines before API 1.42 tell no other.
			rec.Parents = append(slices.Clone(rec.Parents), p)
		}
		if r.LastUsedAt != nil {
			rec.Used = *r.LastUsedAt
		}
		out.Cache = append(out.Cache, rec)
	}
	return out, nil
}

// named leaves out what the engine writes where there is no name.
func named(refs []string) []string {
	return slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return strings.Contains(r, "<none>") })
}

// Repository is an image's name without tag and digest: shop/backend of shop/backend:v1.
func Repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if at := strings.LastIndexByte(ref, ':'); at > strings.LastIndexByte(ref, '/') {
		ref = ref[:at]
	}
	return ref
}

// ErrInUse says that somebody needs what was to be removed, or that it is not any more what it was.
var ErrInUse = errors.New("it is in use")
