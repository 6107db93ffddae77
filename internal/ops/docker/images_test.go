package docker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestAnImageIsFoundUnderEachOfItsNames(t *testing.T) {
	t.Parallel()
	a := prepare(t, realparts.Docker(t), service("backend"))
	ctx := a.soon(20 * time.Second)
	img, err := a.Image(ctx, imageName)
	if err != nil || !strings.HasPrefix(img.ID, "sha256:") || img.Size == 0 {
		t.Fatalf("the image is %+v, %v", img, err)
	}
	ref := "keep-of-a-test/" + a.cfg.Project + "/backend:1"
	if err := a.Tag(ctx, img.ID, ref); err != nil {
		t.Fatal(err)
	}
	list, err := a.ImagesLike(ctx, "keep-of-a-test/"+a.cfg.Project+"/*")
	if err != nil || len(list) != 1 || list[0].ID != img.ID {
		t.Errorf("it lists %+v, %v", list, err)
	}
	if _, err := a.Image(ctx, "nobody/made-this:v1"); !errors.Is(err, ErrNoImage) {
		t.Errorf("the error is %v", err)
	}
	if err := a.Tag(ctx, "nobody/made-this:v1", ref); !errors.Is(err, ErrNoImage) {
		t.Errorf("the error is %v", err)
	}
}

func TestAnotherVersionOfTheFileIsReadWithTheApplicationsOwnValues(t *testing.T) {
	t.Parallel()
	e := engineFor(t, Config{Project: "shop", Dir: t.TempDir()})
	write := func(dir, name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const file = "services:\n  web:\n    image: shop/web:${WEB_VERSION:-v1}\n    env_file: [secrets.env]\n    ports: ['${PORT}:80']\n    volumes: ['./conf:/conf']\n  db: {image: 'postgres:15'}\n"
	write(e.cfg.Dir, "docker-compose.yml", file)
	write(e.cfg.Dir, ".env", "PORT=8088\n")
	now, err := e.ProjectAs(t.Context(), View{})
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	write(other, "docker-compose.yml", file)
	same, err := e.ProjectAs(t.Context(), View{Dir: other})
	if err != nil {
		t.Fatal(err)
	}
	next, err := e.ProjectAs(t.Context(), View{Dir: other, Env: map[string]string{"WEB_VERSION": "v2"}})
	if err != nil {
		t.Fatal(err)
	}
	for what, p := range map[string]*Project{"v1": now, "v2": next} {
		web, err := p.Service("web")
		if err != nil {
			t.Fatal(err)
		}
		if web.Image != "shop/web:"+what || web.ImageVars["WEB_VERSION"] != what || len(web.HostPorts) != 1 || !strings.Contains(web.HostPorts[0], "8088") {
			t.Errorf("%s: %+v", what, web)
		}
	}
	for i, s := range now.Services {
		if s.Definition != same.Services[i].Definition {
			t.Errorf("the definition of %s depends on the folder", s.Name)
		}
		if differs := s.Definition != next.Services[i].Definition; differs != (s.Name == "web") {
			t.Errorf("the definition of %s differs: %v", s.Name, differs)
		}
	}
}

func TestAContainerOfRunIsFoundByItsNameAndIsNoneOfTheService(t *testing.T) {
	t.Parallel()
	realparts.Require(t, "docker-compose")
	a := prepare(t, realparts.Docker(t), service("backend"))
	ctx := a.soon(40 * time.Second)
	name := a.cfg.Project + "-once"
	var seen strings.Builder
	if _, err := a.ComposeWith(ctx, Call{Output: &seen}, "run", "-d", "--no-deps", "--name", name, "--entrypoint", "/app", "backend", "no-such-word"); err != nil {
		t.Fatal(err)
	}
	c, err := a.OneOff(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = a.WaitExit(ctx, c.ID); err != nil || c.State != "exited" {
		t.Fatalf("it is %+v, %v", c, err)
	}
	if list, err := a.Containers(ctx); !errors.Is(err, ErrNoContainers) {
		t.Errorf("it is among the services' own: %+v, %v", list, err)
	}
	if _, err := a.OneOff(ctx, a.cfg.Project); !errors.Is(err, ErrGone) {
		t.Errorf("the error is %v", err)
	}
	if !strings.Contains(seen.String(), c.ID[:12]) && !strings.Contains(seen.String(), "Creating") {
		t.Errorf("compose's words did not come: %q", seen.String())
	}
}

func TestTheProcessesOfAContainerAreListed(t *testing.T) {
	t.Parallel()
	a, id := one(t, realparts.Docker(t), nil, nil)
	list, err := a.Processes(a.soon(20*time.Second), id)
	if err != nil || len(list) != 1 || list[0].PID == "" || !strings.Contains(list[0].Command, "/app") {
		t.Errorf("it lists %+v, %v", list, err)
	}
}
