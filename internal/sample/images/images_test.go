package images_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/sample/images"
)

// runs runs an image, and gives the exit code of its program.
func runs(t *testing.T, host, ref string, cmd ...string) int64 {
	t.Helper()
	c, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	made, err := c.ContainerCreate(t.Context(), &container.Config{Image: ref, Cmd: cmd}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	ended, failed := c.ContainerWait(t.Context(), made.ID, container.WaitConditionNextExit)
	if err := c.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-ended:
		return e.StatusCode
	case err := <-failed:
		t.Fatal(err)
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	return -1
}

func TestAProgramThatNeedsLibrariesBringsThemAlong(t *testing.T) {
	t.Parallel()
	host := realparts.Docker(t)
	if err := images.Program(t.Context(), host, "dynamic", realparts.Require(t, "redis-cli"), []string{"A=b"}, images.ParseVersion("v1:fails 5s")); err != nil {
		t.Fatal(err)
	}
	if code := runs(t, host, "dynamic/backend:v1", "--version"); code != 0 {
		t.Errorf("the program ends with %d", code)
	}
	c, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	made, err := c.ImageInspect(t.Context(), "dynamic/frontend:v1")
	if err != nil {
		t.Fatal(err)
	}
	if env := strings.Join(made.Config.Env, ";"); !strings.Contains(env, "VERSION=v1;FAULT=fails 5s;A=b") {
		t.Errorf("its environment is %q", env)
	}
}

func TestAPartThatIsNotInstalledIsMadeOfAnImageOrSaysHowToGetIt(t *testing.T) {
	t.Parallel()
	host := realparts.Docker(t)
	p := images.Part{Name: "Nothing", Image: "nothing:1", Debian: "nothing-server", Official: "localhost:1/nothing:1"}
	from, err := p.From(t.Context(), host)
	if err != nil || from != images.Registry {
		t.Errorf("it comes from %q, %v", from, err)
	}
	err = p.Make(t.Context(), host, "parts")
	if _, ok := errors.AsType[*images.MissingError](err); !ok || !strings.Contains(err.Error(), "apt-get install nothing-server") {
		t.Errorf("without a registry: %v", err)
	}
	realparts.BuildImage(t, host, p.Official, "FROM scratch\nCOPY a /a\n", map[string][]byte{"a": []byte("a")})
	if from, err = p.From(t.Context(), host); err != nil || from != images.OnEngine {
		t.Errorf("it comes from %q, %v", from, err)
	}
	if err := p.Make(t.Context(), host, "parts"); err != nil {
		t.Error(err)
	}
}

func TestWhatTheEngineSaysOfABuildThatFailsIsTold(t *testing.T) {
	t.Parallel()
	err := images.Build(t.Context(), realparts.Docker(t), "never", "FROM scratch\nCOPY nowhere /\n", nil)
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("it says %v", err)
	}
}
