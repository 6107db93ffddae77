package realparts

import (
	"testing"

	"github.com/ai-notebook/notebookbot/internal/sample/images"
)

// BuildImage makes an image with the engine's own builder: a Dockerfile and the files that it copies, all of them executable.
func BuildImage(t testing.TB, host, ref, dockerfile string, files map[string][]byte) {
	t.Helper()
	if err := images.Build(t.Context(), host, ref, dockerfile, files); err != nil {
		t.Fatal(err)
	}
}

// ImportImage makes an image of what is installed on this machine, since no registry is reached: the files and folders of paths
// where they are here, with the shared libraries that their programs need, and further files by name with their text. changes are
// lines of a Dockerfile such as `ENTRYPOINT ["/bin/sh"]`.
func ImportImage(t testing.TB, host, ref string, paths []string, further map[string]string, changes ...string) {
	t.Helper()
	if err := images.Import(t.Context(), host, ref, images.Root{Paths: paths, Further: further}, changes...); err != nil {
		t.Fatal(err)
	}
}
