package deploy

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

// keeps is how many versions of each service are kept.
const keeps = 3

// keepPrefix is how images that are kept are called: notebookbot-keep/PROJECT/SERVICE:NUMBER-COMMIT-VERSION. The name lives in the engine, so
// that neither a prune nor the loss of the bot's store takes an image that a rollback needs.
const keepPrefix = "notebookbot-keep/"

// KeptImage is an image that a deploy has kept.
type KeptImage struct {
	Service string
	ID      string // sha256:…
	Ref     string // notebookbot-keep/…
	Number  int    // grows
	Commit  string // the first 12 digits
	Version string
	Needed  bool // among the last three of its service: no clean-up may take it. Others only have the name still
}

// Lister lists images by a pattern of their names.
type Lister interface {
	ImagesLike(ctx context.Context, pattern string) ([]docker.Image, error)
}

var keptRef = regexp.MustCompile(`^` + regexp.QuoteMeta(keepPrefix) + `[^/]+/([^/:]+):(\d{1,9})-([0-9a-f]{1,12}|none)-([A-Za-z0-9_.-]+)$`)

// Kept lists the images of the project's services that deploys have kept, each service's newest first. An image that is Needed must not be
// removed; the images that containers run, also stopped ones, are not in the list for that.
func Kept(ctx context.Context, engine Lister, project string) ([]KeptImage, error) {
	images, err := engine.ImagesLike(ctx, keepPrefix+project+"/*")
	if err != nil {
		return nil, err
	}
	var out []KeptImage
	for _, img := range images {
		for _, ref := range img.Refs {
			m := keptRef.FindStringSubmatch(ref)
			if m == nil || !strings.HasPrefix(ref, keepPrefix+project+"/") {
				continue
			}
			n, err := strconv.Atoi(m[2])
			if err != nil {
				continue // the pattern allows nine digits: unreachable
			}
			out = append(out, KeptImage{Service: m[1], ID: img.ID, Ref: ref, Number: n, Commit: m[3], Version: m[4]})
		}
	}
	slices.SortFunc(out, func(a, b KeptImage) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), b.Number-a.Number, strings.Compare(a.Ref, b.Ref))
	})
	seen := map[string][]string{} // by service, the images so far
	for i, k := range out {
		if !slices.Contains(seen[k.Service], k.ID) {
			seen[k.Service] = append(seen[k.Service], k.ID)
		}
		out[i].Needed = slices.Index(seen[k.Service], k.ID) < keeps
	}
	return out, nil
}

var notInTag = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// keep gives an image of a service the next number among those that are kept. The newest one is not named twice.
func (k *Kind) keep(ctx context.Context, service, id string, v Version) error {
	all, err := Kept(ctx, k.docker, k.cfg.Project)
	if err != nil {
		return err
	}
	next := 1
	for _, i := range all {
		if i.Service != service {
			continue
		}
		if i.ID == id && i.Commit == short(v.Commit) {
			return nil // the list is by number: this one is the newest
		}
		next = i.Number + 1
		break
	}
	commit := cmp.Or(short(v.Commit), "none")
	name := notInTag.ReplaceAllString(cmp.Or(v.Name, commit), "_")
	ref := fmt.Sprintf("%s%s/%s:%d-%s-%s", keepPrefix, k.cfg.Project, service, next, commit, name[:min(len(name), 64)])
	return k.docker.Tag(ctx, id, ref)
}

// keptOf finds the image of a service that was kept for a commit.
func (k *Kind) keptOf(ctx context.Context, service, commit string) (string, error) {
	all, err := Kept(ctx, k.docker, k.cfg.Project)
	if err != nil {
		return "", err
	}
	for _, i := range all {
		if i.Service == service && i.Commit == short(commit) {
			return i.ID, nil
		}
	}
	return "", nil
}

// short is a commit as people know it.
func short(commit string) string { return commit[:min(len(commit), 12)] }
