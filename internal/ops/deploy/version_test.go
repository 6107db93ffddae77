package deploy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
)

func tagsOf(names ...string) []tag {
	var out []tag
	for _, n := range names {
		out = append(out, tag{name: n, commit: strings.Repeat(n[len(n)-1:], 40)})
	}
	return out
}

func TestAVersionThatDoesNotExistGetsTheNearestOnes(t *testing.T) {
	t.Parallel()
	k := &Kind{cfg: Config{Versions: "v*", Dir: "/opt/shop"}}
	tags := tagsOf("v2.10.0", "v2.9.1", "v2.9.0", "v1.0.0", "nightly", "v1..2")
	for written, want := range map[string]*ops.Problem{
		"v2.91":      {Code: "deploy_unknown_version", Names: []string{"v2.9.1", "v2.10.0", "v2.9.0", "v1.0.0"}},
		"2.9.1":      {Code: "deploy_unknown_version", Names: []string{"v2.9.1", "v2.10.0", "v2.9.0", "v1.0.0"}},
		"":           {Code: "deploy_which", Names: []string{"v2.10.0", "v2.9.1", "v2.9.0", "v1.0.0"}},
		"nightly":    {Code: "deploy_not_allowed"},
		"v1..2":      {Code: "deploy_not_allowed"},
		"--help":     {Code: "deploy_unknown_version"},
		"v1; reboot": {Code: "deploy_unknown_version"},
	} {
		_, err := k.version(written, tags)
		p, ok := errors.AsType[*ops.Problem](err)
		if !ok || p.Code != want.Code {
			t.Errorf("%q gives %v, want %s", written, err, want.Code)
			continue
		}
		if len(want.Names) > 0 && cmp.Diff(want.Names, p.Names) != "" {
			t.Errorf("%q names %v, want %v", written, p.Names, want.Names)
		}
	}
	if v, err := k.version("v2.9.1", tags); err != nil || v.Name != "v2.9.1" {
		t.Errorf("it finds %+v, %v", v, err)
	}
	if _, err := k.version("v1", tagsOf("nightly")); err == nil || !strings.Contains(err.Error(), "deploy_no_versions") {
		t.Errorf("without a version it says %v", err)
	}
}

func TestAVersionConcernsWhatHoldsAVersionOfTheCheckout(t *testing.T) {
	t.Parallel()
	k := &Kind{cfg: Config{Never: []string{"postgres", "redis"}}}
	tags := tagsOf("v1", "v2", "15")
	dir := t.TempDir()
	const file = `services:
  api: {image: "${REGISTRY:-registry.example.com}/api:${API_VERSION:-1}", depends_on: [postgres]}
  web: {build: ./web, depends_on: [api]}
  grafana: {image: "grafana:${GRAFANA_VERSION:-11.2}"}
  postgres: {build: ./postgres, image: "postgres:${POSTGRES_VERSION:-15}"}
`
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := docker.Open(docker.Config{Project: "shop", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.ProjectAs(t.Context(), docker.View{})
	if err != nil {
		t.Fatal(err)
	}
	pins := k.pinned(tags, p)
	if diff := cmp.Diff(map[string]string{"API_VERSION": "1"}, pins); diff != "" {
		t.Error(diff)
	}
	if got := valueFor("v2", "1", tags); got != "2" {
		t.Errorf("the pin of v2 is %q", got)
	}
	if got := valueFor("v2", "v1", tags); got != "v2" {
		t.Errorf("the pin of v2 is %q", got)
	}
	services, others, err := k.concerned(&world{next: p, pins: pins})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
	}
	if strings.Join(names, " ") != "api web" || strings.Join(others, " ") != "grafana postgres" {
		t.Errorf("it concerns %v and not %v", names, others)
	}
}

func TestLayersAreCountedInWhatComposeWrites(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ops.Progress{
		"Step 2/5 : COPY app /app\n":                                                          {Done: 2, Total: 5, Unit: "layers"},
		"#7 [2/4] RUN make\n#8 [build 3/4] COPY . .\n":                                        {Done: 3, Total: 4, Unit: "layers"},
		"a1: Pulling fs layer\na2: Pulling fs layer\na0: Already exists\na1: Pull complete\n": {Done: 2, Total: 2, Unit: "layers"},
		"nothing of that\n": {Unit: "layers"},
		"Step 3/":           {},
	} {
		var got ops.Progress
		l := &layers{show: func(p ops.Progress) { got = p }}
		for _, part := range strings.SplitAfter(text, " ") {
			if _, err := l.Write([]byte(part)); err != nil {
				t.Fatal(err)
			}
		}
		if got != want {
			t.Errorf("%q gives %+v, want %+v", text, got, want)
		}
	}
}

func TestOnlyAnswersOfTheTimeAreCounted(t *testing.T) {
	t.Parallel()
	n := &counter{}
	for _, part := range []string{
		`10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl"` + "\n" + `10.0.0.1 - - [24/Nov/2026:10:00:01 +0000] "GET /b HT`,
		`TP/1.1" 502 157 "-" "curl"` + "\n" + `2026/11/24 10:00:01 [error] 7#7: "GET / HTTP/1.1" something 502` + "\n" + "GET /c 500\n",
	} {
		if _, err := n.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if n.total != 2 || n.bad != 1 {
		t.Errorf("it counts %d of %d", n.bad, n.total)
	}
}
