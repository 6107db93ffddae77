package sample

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/ai-notebook/notebookbot/internal/ops/docker"
	"github.com/ai-notebook/notebookbot/internal/realparts"
)

// begin makes a sample on an engine and lets it run; end, or the test's end, ends it as Ctrl-C does.
func begin(t *testing.T, host string) (s *Sample, end func()) {
	t.Helper()
	_, port, err := net.SplitHostPort(realparts.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", Project+"-")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	binary := realparts.GoProgram(t, "../../examples/ai-notebook/backend")
	if err := os.WriteFile(program, binary, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err = New(Config{Host: host, Dir: dir, Port: number, Program: program}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the end: %v", err)
		}
		if exists(dir) {
			t.Errorf("%s is left", dir)
		}
	}
	t.Cleanup(end)
	return s, end
}

// until waits for a state.
func until(t *testing.T, s *Sample, what string, holds func(State) bool) State {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	st := s.State()
	for !holds(st) {
		if ctx.Err() != nil {
			t.Fatalf("it never is %s: %+v", what, st)
		}
		st = s.Wait(ctx, st.Version)
	}
	return st
}

func phase(want Phase) func(State) bool { return func(st State) bool { return st.Phase == want } }

func missing(code string) func(State) bool {
	return func(st State) bool { return st.Phase == Absent && len(st.Missing) > 0 && st.Missing[0].Code == code }
}

// all names what is on the engine.
func all(t *testing.T, host string) []string {
	t.Helper()
	c, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var out []string
	containers, err := c.ContainerList(t.Context(), container.ListOptions{All: true})
	for _, v := range containers {
		out = append(out, "container "+strings.Join(v.Names, " "))
	}
	networks, err2 := c.NetworkList(t.Context(), network.ListOptions{})
	for _, v := range networks {
		if v.Name != "none" && v.Name != "host" {
			out = append(out, "network "+v.Name)
		}
	}
	volumes, err3 := c.VolumeList(t.Context(), volume.ListOptions{})
	for _, v := range volumes.Volumes {
		out = append(out, "volume "+v.Name)
	}
	images, err4 := c.ImageList(t.Context(), image.ListOptions{All: true})
	for _, v := range images {
		out = append(out, "image "+strings.Join(v.RepoTags, " "))
	}
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSampleIsStartedBrokenMendedAndRemovedAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	host := realparts.StartDocker(t).Host
	s, end := begin(t, host)
	st := until(t, s, "offered", phase(Offered))
	if len(st.Parts) != 3 || st.Parts[0].From != "installed" {
		t.Errorf("its parts: %+v", st.Parts)
	}
	if err := s.Do(t.Context(), "kill"); !errors.Is(err, ErrNotNow) {
		t.Errorf("what does not run is broken: %v", err)
	}
	other, _ := begin(t, host)
	until(t, other, "offered too", phase(Offered))

	if err := s.Do(t.Context(), "start"); err != nil {
		t.Fatal(err)
	}
	st = until(t, s, "up", func(st State) bool { return st.Phase == Up || st.Phase == Failed })
	if st.Phase != Up || st.Running != "v1" || st.Health != "ok" || st.Services[0].Version != "v1" {
		t.Fatalf("it is %+v", st)
	}
	for _, step := range st.Steps {
		t.Logf("%-8s %-18s %6d ms", step.Code, step.Name, step.Took)
	}
	until(t, other, "busy", missing("busy"))
	if out, err := exec.Command("git", "-C", s.cfg.Dir, "tag").CombinedOutput(); err != nil || string(out) != "v1\nv2\nv3\nv4\n" {
		t.Errorf("the versions are %q, %v", out, err)
	}
	if out, err := exec.Command("git", "-C", s.cfg.Dir, "status", "--porcelain").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the checkout is not clean: %s %v", out, err)
	}

	count := func() int {
		resp, err := http.Get(strings.TrimSuffix(st.URL, "/") + "/api/notes")
		if err != nil {
			return -1
		}
		defer resp.Body.Close()
		var l struct{ Count int }
		_ = json.NewDecoder(resp.Body).Decode(&l)
		return l.Count
	}
	if n := count(); n != 2000 {
		t.Errorf("it begins with %d notes", n)
	}
	if err := s.Do(t.Context(), "forget"); err != nil || count() != 1000 {
		t.Errorf("forgotten: %v, %d notes are left", err, count())
	}

	backend := func(state string) func(State) bool {
		return func(st State) bool { return st.Phase == Up && st.Services[0].State == state }
	}
	for _, b := range []struct {
		how  string
		seen func(State) bool
	}{
		{"kill", backend(ServiceDown)},
		{"hang", backend(ServiceUnhealthy)},
		{"errors", func(st State) bool { return backend(ServiceUp)(st) && st.Errors > 10 }},
		{"postgres", func(st State) bool { return st.Services[2].State == ServiceDown }},
	} {
		if err := s.Do(t.Context(), b.how); err != nil {
			t.Fatalf("%s: %v", b.how, err)
		}
		until(t, s, "seen after "+b.how, b.seen)
		service := "backend"
		if b.how == "postgres" {
			service = b.how
		}
		if _, err := s.engine.Compose(t.Context(), "restart", "-t", "1", service); err != nil {
			t.Fatal(err)
		}
		until(t, s, "mended after "+b.how, func(st State) bool {
			return st.Health == "ok" && st.Errors == 0 && backend(ServiceUp)(st) && st.Services[2].State == ServiceUp
		})
	}

	if err := s.Do(t.Context(), "remove"); err != nil {
		t.Fatal(err)
	}
	until(t, s, "offered again", phase(Offered))
	if left := all(t, host); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	// The other one can now; and Ctrl-C leaves nothing either.
	end()
	until(t, other, "offered again", phase(Offered))
}

func TestWhatAKilledDemoLeftIsReplacedAndWhatIsSomebodyElsesIsLeftAlone(t *testing.T) {
	t.Parallel()
	host := realparts.StartDocker(t).Host
	realparts.BuildImage(t, host, "mine", "FROM scratch\nCOPY a /a\n", map[string][]byte{"a": []byte("a")})
	c, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	inProject := func(dir string) string {
		t.Helper()
		made, err := c.ContainerCreate(t.Context(), &container.Config{
			Image: "mine", Cmd: []string{"/a"}, Labels: map[string]string{labelProject: Project, labelDir: dir},
		}, nil, nil, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	mine := inProject("/srv/" + Project)
	s, end := begin(t, host)
	st := until(t, s, "refused", missing("other"))
	if st.Missing[0].Text != "/srv/"+Project {
		t.Errorf("it names %q", st.Missing[0].Text)
	}
	if err := s.Do(t.Context(), "start"); !errors.Is(err, ErrNotNow) {
		t.Errorf("it starts all the same: %v", err)
	}
	if err := c.ContainerRemove(t.Context(), mine, container.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	inProject(filepath.Join(os.TempDir(), Project+"-123"))
	until(t, s, "offered", phase(Offered))
	if err := s.Do(t.Context(), "start"); err != nil {
		t.Fatal(err)
	}
	until(t, s, "up", phase(Up))
	if err := c.ImageTag(t.Context(), Project+"/backend:v1", kept+"backend:1-none-v1"); err != nil { // as a deploy does
		t.Fatal(err)
	}
	end()
	if left := strings.Join(all(t, host), ", "); left != "image mine:latest" {
		t.Errorf("left are %s", left)
	}
}

func TestWhereTheSampleCannotBeStartedItSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for host, code := range map[string]string{
		"unix://" + filepath.Join(t.TempDir(), "none.sock"): "docker",
		"tcp://192.0.2.1:2376":                              "remote",
		"ssh://somebody@192.0.2.1":                          "remote",
	} {
		s, end := begin(t, host)
		until(t, s, "refused for "+host, missing(code))
		if err := s.Do(t.Context(), "start"); !errors.Is(err, ErrNotNow) {
			t.Errorf("%s: %v", host, err)
		}
		end()
	}
}

func TestAStartThatFailsLeavesNothingAndCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	host := realparts.StartDocker(t).Host
	s, _ := begin(t, host)
	until(t, s, "offered", phase(Offered))
	program := s.cfg.Program
	if err := os.Rename(program, program+".away"); err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context(), "start"); err != nil {
		t.Fatal(err)
	}
	st := until(t, s, "failed", phase(Failed))
	if last := st.Steps[len(st.Steps)-1]; last.Name != "backend, frontend" || last.Took != 0 || !strings.Contains(st.Error, "no such file") {
		t.Errorf("it failed with %q at %+v", st.Error, last)
	}
	if left := all(t, host); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	if err := os.Rename(program+".away", program); err != nil {
		t.Fatal(err)
	}
	if err := s.Do(t.Context(), "start"); err != nil {
		t.Fatal(err)
	}
	until(t, s, "up", phase(Up))
}

func TestOfTwoContainersOfAServiceTheBetterOneCounts(t *testing.T) {
	t.Parallel()
	c := func(state, health, tag string) docker.Container {
		return docker.Container{Service: "backend", State: state, Health: health, Image: Project + "/backend:" + tag}
	}
	began := time.Now()
	for want, containers := range map[string][]docker.Container{
		"down ":        nil,
		"up v1":        {c("running", "healthy", "v1"), c("running", "starting", "v2")},
		"up v2":        {c("exited", "", "v1"), c("running", "healthy", "v2")},
		"unhealthy v2": {c("exited", "", "v1"), c("running", "unhealthy", "v2")},
		"starting v1":  {c("running", "starting", "v1"), c("running", "unhealthy", "v2")},
	} {
		got := services(containers, nil, began)[0]
		if is := got.State + " " + got.Version; is != want {
			t.Errorf("it is %q, want %q", is, want)
		}
		if later := services(containers, []Service{got}, began.Add(time.Minute))[0]; !later.Since.Equal(began) {
			t.Errorf("%s begins anew although nothing has changed", want)
		}
	}
}
