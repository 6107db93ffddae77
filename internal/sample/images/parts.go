package images

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	ainotebook "github.com/ai-notebook/notebookbot/examples/ai-notebook"
)

// Part is something that the application needs beside its own program.
type Part struct {
	Name     string // for people
	Image    string // of the sample application, after the prefix
	Debian   string // the package that brings it
	Official string // the image of Docker's registry that does as well

	// root is what an image of the installed program is made of; false: it is not installed, or not as it is known here.
	root func() (root Root, changes []string, ok bool)
	// after are lines that a Dockerfile needs after FROM the official image.
	after string
}

// Parts are what the application needs.
var Parts = []Part{
	{Name: "PostgreSQL", Image: "postgres:15", Debian: "postgresql", Official: "postgres:15", root: postgres},
	{Name: "Redis", Image: "redis:7", Debian: "redis-server", Official: "redis:7", root: redis},
	{
		Name: "nginx", Image: "nginx:1", Debian: "nginx", Official: "nginx:1", root: nginx,
		after: "ENTRYPOINT [\"nginx\"]\nCMD []\n", // the configuration says already that it stays in the foreground
	},
}

// Installed tells whether the image can be made of what is installed on this machine.
func (p Part) Installed() bool {
	_, _, ok := p.made()
	return ok
}

func (p Part) made() (Root, []string, bool) {
	if p.root == nil {
		return Root{}, nil, false
	}
	return p.root()
}

const (
	users  = "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\nwww-data:x:33:33::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
	groups = "root:x:0:\npostgres:x:70:\nwww-data:x:33:\nnogroup:x:65534:\n"
)

func known() map[string]string { return map[string]string{"/etc/passwd": users, "/etc/group": groups} }

func postgres() (Root, []string, bool) {
	lib := newestPostgres()
	entry, err := ainotebook.Files.ReadFile("postgres/entrypoint.sh")
	if lib == "" || err != nil {
		return Root{}, nil, false
	}
	bin := filepath.Join(lib, "bin")
	root := Root{
		Paths:   []string{lib, "/usr/share/postgresql/" + filepath.Base(lib), "/usr/share/zoneinfo/Etc", "/usr/share/zoneinfo/UTC"},
		Further: known(),
	}
	// Where they are called, which is not where they are on a system whose /bin is a link.
	for path := range strings.FieldsSeq("/bin/sh /bin/id /bin/mkdir /bin/chown /bin/rm /bin/cat /bin/df /usr/bin/setpriv") {
		if _, err := os.Stat(path); err != nil {
			return Root{}, nil, false
		}
		root.Paths = append(root.Paths, path)
	}
	root.Further["/entrypoint.sh"] = string(entry)
	return root, []string{"ENV PATH=" + bin + ":/usr/sbin:/usr/bin:/sbin:/bin", "ENV TZ=UTC", `ENTRYPOINT ["/entrypoint.sh"]`}, find("ldd") != ""
}

// newestPostgres finds PostgreSQL where Debian puts it, each version in a folder of its own. Elsewhere its files lie among those of
// other programs and cannot be told apart.
func newestPostgres() string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return ""
	}
	number := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // no number is the oldest
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return number(a) - number(b) })
	return filepath.Dir(filepath.Dir(newest))
}

func redis() (Root, []string, bool) {
	server, cli := find("redis-server"), find("redis-cli")
	return Root{Paths: []string{server, cli}, Further: known()}, []string{
		"ENV PATH=" + filepath.Dir(server) + ":" + filepath.Dir(cli),
		`ENTRYPOINT ["redis-server", "--dir", "/data", "--protected-mode", "no", "--save", "60 1"]`,
	}, server != "" && cli != "" && find("ldd") != ""
}

func nginx() (Root, []string, bool) {
	path := find("nginx")
	return Root{Paths: []string{path}, Further: known()}, []string{fmt.Sprintf("ENTRYPOINT [%q]", path)}, path != "" && find("ldd") != ""
}

// find finds a program on PATH or where the system keeps those of its administrator; empty: it is not there.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil && filepath.IsAbs(path) {
		return path
	}
	for dir := range strings.FieldsSeq("/usr/local/sbin /usr/sbin /sbin /usr/local/bin /usr/bin /bin") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}
