package security

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
)

// holes counts the vulnerabilities of an image.
type holes struct {
	critical, high int
	mended         int // of these, for which there is a version without
}

// parseTrivy reads the report that Trivy writes as JSON.
func parseTrivy(text string) (holes, error) {
	var report struct {
		SchemaVersion int
		Results       []struct {
			Vulnerabilities []struct{ VulnerabilityID, Severity, FixedVersion string }
		}
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		return holes{}, fmt.Errorf("what trivy wrote: %w", err)
	}
	if report.SchemaVersion == 0 {
		return holes{}, fmt.Errorf("what trivy wrote is no report of it")
	}
	var h holes
	for _, r := range report.Results {
		for _, v := range r.Vulnerabilities {
			switch v.Severity {
			case "CRITICAL":
				h.critical++
			case "HIGH":
				h.high++
			default:
				continue
			}
			if v.FixedVersion != "" {
				h.mended++
			}
		}
	}
	return h, nil
}

// trivy tells what Trivy found in the images of the containers that run.
func (s *scene) trivy(ctx context.Context) []health.Check {
	if _, err := find("trivy"); err != nil {
		return one("trivy", "", unchecked("absent", health.Facts{Word: "trivy"}))
	}
	list, err := s.exposures(ctx)
	if err != nil {
		return s.engine(ctx, "trivy", err)
	}
	images := imagesOf(list)
	if len(images) == 0 {
		return one("trivy", "", unchecked("confinement.none", health.Facts{}))
	}
	return one("trivy", "", s.scanned("trivy", scanFresh, func(ctx context.Context) []health.Finding { return s.scanImages(ctx, images) })...)
}

// imagesOf are the images that containers were made of, once each.
func imagesOf(list []docker.Exposure) []string {
	var images []string
	for _, x := range list {
		images = append(images, x.Image)
	}
	slices.Sort(images)
	return slices.Compact(images)
}

func (s *scene) scanImages(ctx context.Context, images []string) []health.Finding {
	var env []string
	if s.cfg.DockerHost != "" {
		env = append(env, "DOCKER_HOST="+s.cfg.DockerHost)
	}
	var found []health.Finding
	for _, image := range images {
		text, err := runWith(ctx, env, "trivy", "image", "--quiet", "--format", "json", "--scanners", "vuln", "--severity", "HIGH,CRITICAL", "--", image)
		var h holes
		if err == nil {
			h, err = parseTrivy(text)
		}
		f := health.Facts{Word: image, Count: h.critical, Total: h.critical + h.high, Most: h.mended}
		switch {
		case ctx.Err() != nil:
			return append(few(found), unchecked("slow", health.Facts{Took: scanWithin}))
		case err != nil:
			f.Text = err.Error()
			found = append(found, unchecked("trivy.failed", f))
		case h.critical > 0 && h.mended > 0:
			found = append(found, failed("trivy.holes", f))
		case f.Total > 0:
			found = append(found, warn("trivy.holes", f))
		default:
			found = append(found, ok("trivy.none", f))
		}
	}
	slices.SortStableFunc(found, func(a, b health.Finding) int {
		return cmp.Or(a.State.Rank()-b.State.Rank(), b.Facts.Count-a.Facts.Count)
	})
	return few(found)
}
