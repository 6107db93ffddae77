package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	ainotebook "github.com/ai-notebook/notebookbot/examples/ai-notebook"
)

// Source is where an image comes from.
type Source string

// The sources, the first that there is.
const (
	Installed Source = "installed" // of what is installed on this machine
	OnEngine  Source = "engine"    // of an image that the engine has
	Registry  Source = "registry"  // of an image that is pulled
)

// From tells where the image of a part would come from.
func (p Part) From(ctx context.Context, host string) (Source, error) {
	if p.Installed() {
		return Installed, nil
	}
	c, err := open(host)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	_, err = c.ImageInspect(ctx, p.Official)
	switch {
	case err == nil:
		return OnEngine, nil
	case errdefs.IsNotFound(err):
		return Registry, nil
	}
	return "", err
}

// Make makes the image of a part, under its name after the prefix.
func (p Part) Make(ctx context.Context, host, prefix string) error {
	ref := prefix + "/" + p.Image
	if root, changes, ok := p.made(); ok {
		return Import(ctx, host, ref, root, changes...)
	}
	from, err := p.From(ctx, host)
	if err != nil {
		return err
	}
	if from == Registry {
		if err := pull(ctx, host, p.Official); err != nil {
			return &MissingError{Part: p, Err: err}
		}
	}
	return Build(ctx, host, ref, "FROM "+p.Official+"\n"+p.after, nil)
}

// MissingError is a part that is neither installed nor on the engine, and that no registry gave.
type MissingError struct {
	Part Part
	Err  error
}

func (m *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed (Debian: apt-get install %s), the engine has no image %s, and none could be pulled: %v",
		m.Part.Name, m.Part.Debian, m.Part.Official, m.Err)
}

func (m *MissingError) Unwrap() error { return m.Err }

func pull(ctx context.Context, host, ref string) error {
	c, err := open(host)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	said, err := c.ImagePull(ctx, ref, image.PullOptions{})
	if err != nil {
		return err
	}
	defer said.Close() //nolint:errcheck // Read to its end.
	// A pull that fails on the way is told in the answer's lines.
	for d := json.NewDecoder(said); ; {
		var line struct {
			Error string `json:"error"`
		}
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if line.Error != "" {
			return errors.New(line.Error) //nolint:err113 // The engine's own words.
		}
	}
}

// Version is one version of backend and frontend.
type Version struct {
	Name  string
	Fault string // what is wrong with it: "unhealthy", "fails", or "fails" with after how long ("fails 5s"); empty: it is good
}

// ParseVersion reads v3, or v3:unhealthy.
func ParseVersion(s string) Version {
	name, fault, _ := strings.Cut(s, ":")
	return Version{name, fault}
}

// Program makes the images of backend and frontend in some versions. program is the path of a program for Linux that is the sample
// application (package app of examples/ai-notebook); env are variables that it needs for that, such as A=b.
func Program(ctx context.Context, host, prefix, program string, env []string, versions ...Version) error {
	recipe, err := ainotebook.Files.ReadFile("backend/Dockerfile")
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(program) //nolint:gosec // Our own.
	if err != nil {
		return err
	}
	base, err := programBase(ctx, host, prefix, program, string(recipe), binary)
	if err != nil {
		return err
	}
	for _, v := range versions {
		// The label makes the versions differ, as those of real programs do.
		lines := []string{"FROM " + base, "LABEL version=" + v.Name, "ENV VERSION=" + v.Name}
		if v.Fault != "" {
			lines = append(lines, fmt.Sprintf("ENV FAULT=%q", v.Fault))
		}
		for _, e := range env {
			lines = append(lines, "ENV "+e)
		}
		for _, name := range []string{"backend", "frontend"} {
			if err := Build(ctx, host, prefix+"/"+name+":"+v.Name, strings.Join(lines, "\n")+"\n", nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// programBase makes the image that holds the program. One that was built without cgo needs nothing else; another one, such as
// `go run` makes where a C compiler is, brings its libraries along.
func programBase(ctx context.Context, host, prefix, path, recipe string, binary []byte) (string, error) {
	libraries, err := librariesOf(ctx, path, binary)
	if err != nil {
		return "", err
	}
	if len(libraries) > 0 {
		under := prefix + "/libraries:1"
		if err := Import(ctx, host, under, Root{Paths: libraries}); err != nil {
			return "", err
		}
		recipe = strings.Replace(recipe, "FROM scratch", "FROM "+under, 1)
	}
	ref := prefix + "/program:1"
	return ref, Build(ctx, host, ref, recipe, map[string][]byte{"app": binary})
}
