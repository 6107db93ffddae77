package security

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/ops/health"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// The images of the tests: one whose name tells its version, one whose name does not. Both have a shell.
const (
	versioned   = "notebookbot-test-guarded:v1"
	unversioned = "notebookbot-test-guarded"
)

// engine is a real engine with the images of the tests.
func engine(t *testing.T) (e *docker.Engine, sdk *client.Client, socket string) {
	t.Helper()
	host := realparts.Docker(t)
	e, err := docker.Open(docker.Config{Host: host, Project: "guarded", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	sdk, err = client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		_ = sdk.Close()
	})
	shell, sleep := realparts.Require(t, "sh"), realparts.Require(t, "sleep")
	realparts.ImportImage(t, host, versioned, []string{shell, sleep}, nil, `ENTRYPOINT ["`+sleep+`", "600"]`)
	if err := sdk.ImageTag(t.Context(), versioned, unversioned); err != nil {
		t.Fatal(err)
	}
	return e, sdk, strings.TrimPrefix(host, "unix://")
}

// begin starts a container of a test's own.
func begin(t *testing.T, sdk *client.Client, name string, cfg container.Config, host container.HostConfig) string {
	t.Helper()
	c, err := sdk.ContainerCreate(t.Context(), &cfg, &host, nil, nil, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sdk.ContainerRemove(context.WithoutCancel(t.Context()), c.ID, container.RemoveOptions{Force: true})
	})
	if err := sdk.ContainerStart(t.Context(), c.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	return c.ID
}

func TestContainersAreHeldAgainstTheirConfinement(t *testing.T) {
	t.Parallel()
	e, sdk, socket := engine(t)
	begin(t, sdk, "good", container.Config{Image: versioned, User: "1000:1000"}, container.HostConfig{NetworkMode: "none", Resources: container.Resources{Memory: 64 << 20}})
	begin(t, sdk, "free", container.Config{Image: unversioned}, container.HostConfig{NetworkMode: "none"})
	begin(t, sdk, "mighty", container.Config{Image: versioned, User: "1000"}, container.HostConfig{
		NetworkMode: "host", PidMode: "host", Privileged: true, Binds: []string{socket + ":/var/run/docker.sock"}, Resources: container.Resources{Memory: 64 << 20},
	})
	in := begin(t, sdk, "entered", container.Config{Image: versioned, User: "1000"}, container.HostConfig{NetworkMode: "none", Resources: container.Resources{Memory: 64 << 20}})

	s := sceneOf(Config{Engine: e})
	got := map[string][]string{}
	for _, c := range s.confinement(t.Context()) {
		got[c.Subject] = codes(c.Findings)
	}
	for name, want := range map[string][]string{
		"good": {"ok confinement.fine"}, "entered": {"ok confinement.fine"},
		"free":   {"warning confinement.unlimited", "warning confinement.root", "warning confinement.latest"},
		"mighty": {"failed confinement.privileged", "failed confinement.socket", "warning confinement.host_pid", "warning confinement.host_network"},
	} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}

	// A shell that is not root's, in a container whose main process is none.
	made, err := sdk.ContainerExecCreate(t.Context(), in, container.ExecOptions{Cmd: []string{realparts.Require(t, "sh"), "-c", "sleep 600; :"}, User: "1000"})
	if err != nil {
		t.Fatal(err)
	}
	if err := sdk.ContainerExecStart(t.Context(), made.ID, container.ExecStartOptions{Detach: true}); err != nil {
		t.Fatal(err)
	}
	deadline, tick := time.Now().Add(20*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		all, _, err := s.programs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.residents = residents
		found := s.judge(t.Context(), all)
		if i := slices.IndexFunc(found, func(f health.Finding) bool { return f.Code == "processes.shell" && f.Facts.Where == "entered" }); i >= 0 {
			if f := found[i]; f.State != health.Failed || f.Facts.Account != "1000" {
				t.Errorf("the shell is %+v", f)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the shell in the container is not found among %d processes: %v", len(all), codes(found))
		}
		<-tick.C
	}
}

func TestPortsThatDockerOpensToEverybodyAreNamed(t *testing.T) {
	t.Parallel()
	e, sdk, _ := engine(t)
	if _, err := sdk.NetworkCreate(t.Context(), "guarded", network.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sdk.NetworkRemove(context.WithoutCancel(t.Context()), "guarded") })
	var cfg container.Config
	var host container.HostConfig
	for text, into := range map[string]any{
		`{"ExposedPorts": {"5432/tcp": {}, "6379/tcp": {}}}`:                                                                       &cfg,
		`{"NetworkMode": "guarded", "PortBindings": {"5432/tcp": [{"HostIp": "0.0.0.0"}], "6379/tcp": [{"HostIp": "127.0.0.1"}]}}`: &host,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Image = versioned
	begin(t, sdk, "exposed", cfg, host)
	s := sceneOf(Config{Engine: e})
	list, err := e.Exposures(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x := list[slices.IndexFunc(list, func(x docker.Exposure) bool { return x.Name == "exposed" })]
	open := x.Published[slices.IndexFunc(x.Published, func(p docker.Published) bool { return p.Inside == 5432 })]
	found := s.published(t.Context())[0].Findings
	mine := slices.DeleteFunc(slices.Clone(found), func(f health.Finding) bool { return f.Facts.Where != "exposed" })
	if len(mine) != 1 || mine[0].Code != "published.open" || mine[0].State != health.Warning || mine[0].Facts.Word != strconv.Itoa(open.Port)+"/tcp" {
		t.Errorf("found %+v of %+v", found, x.Published)
	}
}
