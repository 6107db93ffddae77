package docker

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func names(list []Container) []string {
	var out []string
	for _, c := range list {
		out = append(out, c.Service)
	}
	return out
}

func TestContainersAreFoundByTheirLabelsWithAllReplicas(t *testing.T) {
	t.Parallel()
	host := realparts.Docker(t)
	foreign, _ := one(t, host, nil, nil)
	a := start(t, host, service("postgres", checked), service("backend", "scale: 2", "mem_limit: 64m", "depends_on: [postgres]"))
	if out, err := a.Compose(t.Context(), "run", "--no-deps", "backend", "exit", "0"); err != nil { // stays, as a one-off
		t.Fatalf("%v\n%s", err, out)
	}
	// One that is called like ours and is not.
	alike, err := a.sdk.ContainerCreate(t.Context(), &container.Config{Image: imageName}, nil, nil, nil, a.cfg.Project+"_backend_9")
	if err != nil {
		t.Fatal(err)
	}
	a.healthy("postgres")
	list, err := a.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"backend", "backend", "postgres"}, names(list)); diff != "" {
		t.Fatal(diff)
	}
	first, second, postgres := list[0], list[1], list[2]
	if first.Number != 1 || second.Number != 2 || first.ID == second.ID {
		t.Errorf("replicas %d %.12s and %d %.12s", first.Number, first.ID, second.Number, second.ID)
	}
	if first.MemoryLimit != 64<<20 || !first.Running() || first.Health != "" || first.Image != imageName {
		t.Errorf("backend is %+v", first)
	}
	if postgres.Health != "healthy" || postgres.HealthOutput != "well" || !strings.HasPrefix(postgres.ImageID, "sha256:") ||
		time.Since(postgres.Started) > time.Minute || !postgres.Finished.IsZero() || postgres.ComposeVersion == "" || postgres.ConfigHash == "" {
		t.Errorf("postgres is %+v", postgres)
	}
	for _, id := range []string{foreign.only("backend").ID, alike.ID} {
		for what, err := range map[string]error{
			"restart": a.Restart(t.Context(), id, 0), "stop": a.Stop(t.Context(), id, 0), "start": a.Start(t.Context(), id),
			"remove": a.Remove(t.Context(), id), "kill": a.Kill(t.Context(), id, "SIGKILL"),
		} {
			if !errors.Is(err, ErrForeign) {
				t.Errorf("%s of a container of others: %v", what, err)
			}
		}
	}
	if err := a.Stop(t.Context(), first.Name, 0); !errors.Is(err, ErrGone) {
		t.Errorf("a name is taken for an id: %v", err)
	}
	if c := foreign.only("backend"); !c.Running() || c.Restarts > 0 {
		t.Errorf("the container of others is %+v", c)
	}
}

func TestOnlyTheServicesOfTheConfigurationAreOperated(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, func(c *container.Config, _ *container.HostConfig) { c.Labels[labelService] = "other" })
	others := a.only("other")
	cfg := a.cfg
	cfg.Services = []string{"backend"}
	e := engineFor(t, cfg)
	if list, err := e.Containers(t.Context()); !errors.Is(err, ErrNoContainers) {
		t.Errorf("operated are %v, %v", names(list), err)
	}
	if others.ID != id {
		t.Errorf("of all services it is %+v", others)
	}
	if err := e.Stop(t.Context(), id, 0); !errors.Is(err, ErrForeign) {
		t.Errorf("a service that is not operated is stopped: %v", err)
	}
}

func TestAProjectThatIsNotThereIsSaidWithThoseThatAre(t *testing.T) {
	t.Parallel()
	a, _ := one(t, realparts.Docker(t), nil, nil)
	cfg := a.cfg
	cfg.Project = "misspelt"
	_, err := engineFor(t, cfg).Containers(t.Context())
	if !errors.Is(err, ErrNoContainers) || !strings.Contains(err.Error(), a.cfg.Project) || !strings.Contains(err.Error(), `"misspelt"`) {
		t.Errorf("it says: %v", err)
	}
}

func TestAFingerprintKnowsImagesAndFilesButNotStates(t *testing.T) {
	t.Parallel()
	a := start(t, realparts.Docker(t), service("postgres"), service("backend", "scale: 2"))
	take := func() *Fingerprint {
		t.Helper()
		f, err := a.Fingerprint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := take()
	if len(before.Services) != 2 || len(before.Services[0].Images) != 1 {
		t.Fatalf("it is %+v", before)
	}
	if err := a.Restart(t.Context(), a.only("postgres").ID, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(t.Context(), a.only("postgres").ID, time.Second); err != nil {
		t.Fatal(err)
	}
	if now := take(); now.Hash() != before.Hash() || len(before.Changes(now)) > 0 {
		t.Errorf("a stopped container changed it: %v", before.Changes(now))
	}
	newer := imageName + ":" + a.cfg.Project
	realparts.BuildImage(t, a.cfg.Host, newer, "FROM "+imageName+"\nLABEL a=b\n", nil)
	a.write("docker-compose.yml", "version: '2.4'\nservices:\n"+strings.ReplaceAll(service("backend"), imageName, newer)+service("nginx"))
	a.up("--no-deps", "backend")
	now := take()
	changes := strings.Join(before.Changes(now), "; ")
	for _, want := range []string{"the compose file", "the service nginx is new", "backend ran "} {
		if !strings.Contains(changes, want) {
			t.Errorf("%q lacks %q", changes, want)
		}
	}
	if now.Hash() == before.Hash() {
		t.Error("the hash is the same")
	}
}
