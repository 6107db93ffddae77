package cleanup

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/ai-notebook/notebookbot/internal/ops"
	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/target"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// shop is a compose project on an engine of its own, with a volume, and the bot that cleans up after it.
type shop struct {
	t      *testing.T
	host   string
	dir    string
	sdk    *client.Client
	engine *docker.Engine
	cfg    Config
}

const composeFile = `version: "2.4"
services:
  backend: {image: "shop/backend:v2", command: [serve], init: false}
  redis: {image: "shop/redis:7", command: [serve], init: false, volumes: ["redis:/ctl"]}
  tool: {image: "shop/tool:1", command: [serve], init: false, profiles: [by-hand]}
volumes: {redis: {}}
`

func openShop(t *testing.T) *shop {
	t.Helper()
	realparts.Require(t, "docker-compose")
	s := &shop{t: t, host: realparts.StartDocker(t).Host, dir: t.TempDir()}
	var err error
	if s.sdk, err = client.NewClientWithOpts(client.WithHost(s.host), client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.sdk.Close() })
	for _, ref := range []string{"shop/backend:v2", "shop/redis:7", "shop/tool:1"} {
		s.build(ref)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "docker-compose.yml"), []byte(composeFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.engine, err = docker.Open(docker.Config{Host: s.host, Project: "shop", Dir: s.dir}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.engine.Close() })
	s.compose("up", "-d")
	s.cfg = Config{
		Project: "shop", Dir: s.dir, Temp: t.TempDir(), LargeBelow: []string{t.TempDir()},
		Now: func() time.Time { return time.Now().Add(10 * day) }, // nothing here is older than this test
	}
	return s
}

// build makes an image with something of its own in it.
func (s *shop) build(ref string, lines ...string) string {
	s.t.Helper()
	text := "FROM scratch\n" + strings.Join(lines, "\n") + "\nCOPY app /app\nCOPY name /name\nENTRYPOINT [\"/app\"]\nCMD [\"serve\"]\n"
	realparts.BuildImage(s.t, s.host, ref, text, map[string][]byte{"app": realparts.GoProgram(s.t, "../docker/testdata/app"), "name": []byte(ref)})
	i, err := s.sdk.ImageInspect(s.t.Context(), ref)
	if err != nil {
		s.t.Fatal(err)
	}
	return i.ID
}

func (s *shop) run(name string, env []string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Dir, cmd.Env = s.dir, append(append(os.Environ(), "DOCKER_HOST="+s.host), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (s *shop) compose(args ...string) {
	s.t.Helper()
	s.run("docker-compose", nil, append([]string{"--project-name", "shop"}, args...)...)
}

// buildKit builds with the builder that has a cache of its own, as docker build does today.
func (s *shop) buildKit(ref string, files map[string][]byte) {
	s.t.Helper()
	var body bytes.Buffer
	w := tar.NewWriter(&body)
	for name, b := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(b))}); err != nil {
			s.t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.sdk.ImageBuild(s.t.Context(), &body, build.ImageBuildOptions{Version: build.BuilderBuildKit, Tags: []string{ref}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.sdk.ImageInspect(s.t.Context(), ref); err != nil {
		s.t.Fatalf("%v\n%s", err, said)
	}
}

// ended makes a container that has ended.
func (s *shop) ended(name, image string, labels map[string]string) string {
	s.t.Helper()
	ctx := s.t.Context()
	c, err := s.sdk.ContainerCreate(ctx, &container.Config{Image: image, Cmd: []string{"check"}, Labels: labels}, &container.HostConfig{NetworkMode: "none"}, nil, nil, name)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.sdk.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
		s.t.Fatal(err)
	}
	done, failed := s.sdk.ContainerWait(ctx, c.ID, container.WaitConditionNotRunning)
	select {
	case <-done:
	case err := <-failed:
		s.t.Fatal(err)
	}
	return c.ID
}

func (s *shop) images() []string {
	s.t.Helper()
	list, err := s.sdk.ImageList(s.t.Context(), image.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, i := range list {
		for _, ref := range i.RepoTags {
			out = append(out, strings.Replace(ref, "<none>:<none>", i.ID, 1))
		}
	}
	slices.Sort(out)
	return out
}

func (s *shop) containers() []string {
	s.t.Helper()
	list, err := s.sdk.ContainerList(s.t.Context(), container.ListOptions{All: true})
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, c := range list {
		out = append(out, strings.TrimPrefix(c.Names[0], "/"))
	}
	slices.Sort(out)
	return out
}

func (s *shop) volumes() []string {
	s.t.Helper()
	list, err := s.sdk.VolumeList(s.t.Context(), volume.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, v := range list.Volumes {
		out = append(out, v.Name)
	}
	return out
}

func (s *shop) kind() *Kind {
	return New(s.cfg, s.engine, &target.Application{Engine: s.engine, Project: "shop", Stable: 300 * time.Millisecond})
}

// versions are the images that a rollback needs.
type versions struct{ ids []string }

func (v *versions) Needed(context.Context) ([]string, error) { return v.ids, nil }

func TestTheGuidesPruneLosesAVolumeAndCleaningUpDoesNot(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "docker")
	s := openShop(t)
	s.compose("rm", "-sf", "redis") // as while it is moved, or by mistake
	old := s.build("shop/backend:v1")
	st := newStory(t, s.kind())
	op := st.approve(st.ask())
	st.run(t.Context())
	op = st.want(op, ops.Done)
	if f := op.Outcome.Facts; len(f) != 1 || f[0].Code != "cleaned" || f[0].Count == 0 || f[0].Bytes == 0 {
		t.Errorf("it says %+v", f)
	}
	if slices.Contains(s.images(), old) || slices.Contains(s.images(), "shop/backend:v1") {
		t.Error("the old image is still there: nothing was cleaned")
	}
	if got := s.volumes(); !slices.Equal(got, []string{"shop_redis"}) {
		t.Fatalf("the volumes are %v after cleaning up", got)
	}
	version, err := s.engine.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.run("docker", nil, "system", "prune", "-f")
	s.run("docker", nil, "volume", "prune", "-f")
	if got := s.volumes(); strings.HasPrefix(version, "20.") && len(got) != 0 {
		t.Errorf("the guide's lines left %v: then this test says nothing", got)
	}
}

func TestInDockerExactlyWhatNobodyNeedsGoes(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.build("shop/backend:v0") // old, unused: goes
	s.build("notebookbot-keep/shop/backend:1-abc-v1")
	needed := s.build("notebookbot-keep/shop/backend:2-def-v1")
	s.build("other/thing:1")
	s.build("shop/backend:shared")
	if err := s.sdk.ImageTag(t.Context(), "shop/backend:shared", "other/copy:1"); err != nil {
		t.Fatal(err)
	}
	nameless := s.build("shop/frontend:gone")
	s.build("shop/frontend:gone", "LABEL new=yes") // takes its name: an image of nobody
	foreign := s.build("somebody:latest", `LABEL com.docker.compose.project=else`)
	s.build("somebody:latest", `LABEL com.docker.compose.project=else`, "LABEL new=yes")
	label := func(project, service, oneOff string) map[string]string {
		return map[string]string{"com.docker.compose.project": project, "com.docker.compose.service": service, "com.docker.compose.oneoff": oneOff}
	}
	s.ended("orphan", "shop/backend:v2", label("shop", "worker", "False"))
	s.ended("by-run", "shop/backend:v2", label("shop", "backend", "True"))
	s.ended("by-hand", "shop/backend:v2", nil)
	s.ended("profile", "shop/backend:v2", label("shop", "tool", "False"))
	s.ended("foreign", "other/thing:1", nil)
	s.ended("foreign-project", "shop/backend:v2", label("else", "worker", "False"))
	s.compose("stop", "redis")

	k := s.kind()
	v := &versions{ids: []string{needed}}
	k.Versions = v
	st := newStory(t, k)
	op := st.ask()
	if got, want := items(t, op, stepContainers), []string{"by-hand", "by-run", "orphan"}; !slices.Equal(got, want) {
		t.Errorf("the plan lists the containers %v, want %v", got, want)
	}
	want := []string{nameless[:19], "notebookbot-keep/shop/backend:1-abc-v1", "shop/backend:v0"}
	slices.Sort(want)
	if got := items(t, op, stepImages); !slices.Equal(got, want) {
		t.Errorf("the plan lists the images %v, want %v", got, want)
	}
	st.approve(op)
	st.run(t.Context())
	op = st.want(op, ops.Done)
	if got, want := s.containers(), []string{"foreign", "foreign-project", "profile", "shop_backend_1", "shop_redis_1"}; !slices.Equal(got, want) {
		t.Errorf("the containers are %v, want %v", got, want)
	}
	left := []string{
		foreign, "notebookbot-keep/shop/backend:2-def-v1", "other/copy:1", "other/thing:1", "shop/backend:shared", "shop/backend:v2",
		"shop/frontend:gone", "shop/redis:7", "shop/tool:1", "somebody:latest",
	}
	slices.Sort(left)
	if got := s.images(); !slices.Equal(got, left) {
		t.Errorf("the images are\n%v, want\n%v", got, left)
	}
	if r := removed(t, op, stepImages); r.Count != 3 || r.Failed+r.Gone+r.Kept != 0 {
		t.Errorf("it says %+v", r)
	}
	if _, err := st.svc.Ask(t.Context(), ops.Request{Word: "cleanup", By: op.By}); problem(err) != "cleanup_nothing" {
		t.Errorf("there is more to do: %v", err)
	}
}

func TestWhatIsNeededAgainByTheTimeOfItsTurnStays(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	rolled, taken, renamed := s.build("shop/backend:v0"), s.build("shop/backend:v1"), s.build("shop/redis:6")
	again := s.ended("orphan", "shop/backend:v2", map[string]string{"com.docker.compose.project": "shop", "com.docker.compose.service": "worker"})
	k := s.kind()
	v := &versions{}
	k.Versions = v
	st := newStory(t, k)
	op := st.ask()
	v.ids = []string{rolled}
	if _, err := s.sdk.ContainerCreate(t.Context(), &container.Config{Image: taken}, nil, nil, nil, "taker"); err != nil {
		t.Fatal(err)
	}
	if err := s.sdk.ImageTag(t.Context(), renamed, "else/redis:6"); err != nil {
		t.Fatal(err)
	}
	if err := s.sdk.ContainerStart(t.Context(), again, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	done, _ := s.sdk.ContainerWait(t.Context(), again, container.WaitConditionNotRunning)
	<-done
	st.approve(op)
	st.run(t.Context())
	op = st.want(op, ops.Done)
	if r := removed(t, op, stepImages); r.Kept != 3 || r.Count != 0 {
		t.Errorf("images: %+v", r)
	}
	if r := removed(t, op, stepContainers); r.Kept != 1 || r.Count != 0 {
		t.Errorf("containers: %+v", r)
	}
	for _, ref := range []string{"shop/backend:v0", "shop/backend:v1", "shop/redis:6", "else/redis:6"} {
		if !slices.Contains(s.images(), ref) {
			t.Errorf("%s is gone", ref)
		}
	}
}

func TestTheBuildersCacheGoesRecordByRecord(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.buildKit("elsewhere/cached:1", map[string][]byte{
		"Dockerfile": []byte("FROM scratch AS one\nCOPY big /big\nFROM scratch\nCOPY --from=one /big /other\nCOPY Dockerfile /x\n"), "big": make([]byte, 3<<20),
	})
	inv, err := s.engine.Inventory(t.Context())
	if err != nil || len(inv.Cache) < 3 {
		t.Fatalf("the cache is %+v: %v", inv, err)
	}
	st := newStory(t, s.kind())
	op := st.approve(st.ask())
	listed := items(t, op, stepCache)
	st.run(t.Context())
	op = st.want(op, ops.Done)
	r := removed(t, op, stepCache)
	if r.Count == 0 || r.Count+r.Kept+r.Gone != len(listed) || r.Failed != 0 {
		t.Errorf("of %d: %+v", len(listed), r)
	}
	after, err := s.engine.Inventory(t.Context())
	if err != nil || len(after.Cache) != len(inv.Cache)-r.Count-r.Gone {
		t.Errorf("%d records before, %d after, %+v: %v", len(inv.Cache), len(after.Cache), r, err)
	}
	if !slices.Contains(s.images(), "elsewhere/cached:1") {
		t.Errorf("the image that was built is gone: %v", s.images())
	}
}
