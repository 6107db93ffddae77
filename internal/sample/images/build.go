package images

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/client"
)

// open gives the SDK's client, which agrees with the engine on a version of its API.
func open(host string) (*client.Client, error) {
	return client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
}

// Build makes an image with the engine's own builder: a Dockerfile and the files that it copies, all of them executable. No
// image is fetched from elsewhere: what the Dockerfile begins with must be on the engine.
func Build(ctx context.Context, host, ref, dockerfile string, files map[string][]byte) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(name string, content []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	if err := add("Dockerfile", []byte(dockerfile)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := add(name, files[name]); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	c, err := open(host)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // Idle connections only.
	res, err := c.ImageBuild(ctx, &archive, build.ImageBuildOptions{
		Tags: []string{ref}, Version: build.BuilderV1, Remove: true, ForceRemove: true,
	})
	if err != nil {
		return fmt.Errorf("build %s: %w", ref, err)
	}
	defer res.Body.Close() //nolint:errcheck // Read to its end.
	// A build that fails is told in the answer's lines, not by its status.
	said := json.NewDecoder(bufio.NewReader(res.Body))
	for said.More() {
		var line struct {
			Error string `json:"error"`
		}
		if err := said.Decode(&line); err != nil {
			return fmt.Errorf("build %s: %w", ref, err)
		}
		if line.Error != "" {
			return fmt.Errorf("build %s: the engine says: %s", ref, line.Error)
		}
	}
	return nil
}
