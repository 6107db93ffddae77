package security

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// errNoEngine says that none is configured.
var errNoEngine = errors.New("no Docker engine is configured")

// engine says why the engine could not be asked.
func (s *scene) engine(ctx context.Context, name string, err error) []health.Check {
	switch {
	case errors.Is(err, errNoEngine):
		return one(name, "", unchecked("off", health.Facts{Word: "target"}))
	case ctx.Err() != nil:
		return one(name, "", unchecked("slow", health.Facts{Took: s.cfg.Within}))
	}
	return one(name, "", unchecked("unseen", health.Facts{Text: err.Error()}))
}

// published names the ports that Docker opens on all addresses: it does so beside the rules of UFW, which do not hold for them.
func (s *scene) published(ctx context.Context) []health.Check {
	list, err := s.exposures(ctx)
	if err != nil {
		return s.engine(ctx, "published", err)
	}
	var found []health.Finding
	total := 0
	for _, x := range list {
		seen := map[string]bool{} // once, although 0.0.0.0 and :: are two
		for _, p := range x.Published {
			total++
			word := fmt.Sprintf("%d/%s", p.Port, p.Proto)
			a, err := netip.ParseAddr(p.Address)
			if err != nil && p.Address != "" || err == nil && a.Unmap().IsLoopback() || seen[word] {
				continue
			}
			seen[word] = true
			f := health.Facts{Word: word, Where: x.Name, Text: net.JoinHostPort(p.Address, strconv.Itoa(p.Port))}
			switch {
			case p.Port == 80 || p.Port == 443: // the guide opens them for everybody
				found = append(found, ok("published.web", f))
			case err == nil && !a.IsUnspecified():
				found = append(found, ok("published.one", f))
			default:
				found = append(found, warn("published.open", f))
			}
		}
	}
	if len(found) == 0 {
		found = append(found, ok("published.none", health.Facts{Count: total}))
	}
	return one("published", "", few(found)...)
}

// confinement tells of each container how it could reach beyond itself.
func (s *scene) confinement(ctx context.Context) []health.Check {
	list, err := s.exposures(ctx)
	if err != nil {
		return s.engine(ctx, "confinement", err)
	}
	if len(list) == 0 {
		return one("confinement", "", unchecked("confinement.none", health.Facts{}))
	}
	var out []health.Check
	for _, x := range list {
		var found []health.Finding
		add := func(yes bool, f health.Finding) {
			if yes {
				found = append(found, f)
			}
		}
		add(x.Privileged, failed("confinement.privileged", health.Facts{}))
		add(x.Socket, failed("confinement.socket", health.Facts{}))
		add(x.HostPID, warn("confinement.host_pid", health.Facts{}))
		add(x.HostNetwork, warn("confinement.host_network", health.Facts{}))
		add(x.MemoryLimit == 0, warn("confinement.unlimited", health.Facts{}))
		add(s.root(&x), warn("confinement.root", health.Facts{}))
		add(latest(x.Image), warn("confinement.latest", health.Facts{Word: x.Image}))
		add(len(found) == 0, ok("confinement.fine", health.Facts{Of: x.MemoryLimit}))
		out = append(out, one("confinement", x.Name, found...)...)
	}
	return out
}

// root tells whether a container's main process is root's: nobody gave it another user, and it did not take one itself.
func (s *scene) root(x *docker.Exposure) bool {
	user, _, _ := strings.Cut(x.User, ":")
	if user != "" && user != "root" && user != "0" {
		return false
	}
	for _, r := range s.residents() {
		if r.container == x.ID && r.main && r.uid >= 0 {
			return r.uid == 0
		}
	}
	return true
}

// latest tells whether an image is named by a tag that means another image tomorrow.
func latest(ref string) bool {
	if strings.Contains(ref, "@") || strings.HasPrefix(ref, "sha256:") {
		return false
	}
	name := ref[strings.LastIndexByte(ref, '/')+1:]
	_, tag, tagged := strings.Cut(name, ":")
	return !tagged || tag == "latest"
}
