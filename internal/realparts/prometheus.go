package realparts

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// HTTPServer is a program that answers at URL.
type HTTPServer struct {
	*Program
	URL string // http://127.0.0.1:PORT
	// Cluster is where an Alertmanager talks to its peers; empty: it has none.
	Cluster string
}

// Prometheus starts a Prometheus with that configuration. files are written beside it by name (rules, say), and rule_files may
// name them as they are.
func Prometheus(t testing.TB, config string, files map[string]string) *HTTPServer {
	t.Helper()
	path, dir := Require(t, "prometheus"), t.TempDir()
	write(t, filepath.Join(dir, "prometheus.yml"), config)
	for name, text := range files {
		write(t, filepath.Join(dir, filepath.Base(name)), text)
	}
	return serve(t, "prometheus", path, 1, func(ports []int) (*HTTPServer, []string) {
		addr := "127.0.0.1:" + strconv.Itoa(ports[0])
		return &HTTPServer{URL: "http://" + addr}, []string{
			"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + addr, "--web.external-url=http://" + addr + "/", "--log.level=warn",
		}
	})
}

// Alertmanager starts an Alertmanager with that configuration, alone.
func Alertmanager(t testing.TB, config string) *HTTPServer {
	t.Helper()
	return alertmanager(t, config, "", false)
}

// AlertmanagerPair starts two Alertmanagers with that configuration which know of each other, as a highly available pair does.
func AlertmanagerPair(t testing.TB, config string) [2]*HTTPServer {
	t.Helper()
	first := alertmanager(t, config, "", true)
	return [2]*HTTPServer{first, alertmanager(t, config, first.Cluster, true)}
}

func alertmanager(t testing.TB, config, peer string, clustered bool) *HTTPServer {
	t.Helper()
	path, dir := Require(t, "alertmanager"), t.TempDir()
	write(t, filepath.Join(dir, "alertmanager.yml"), config)
	return serve(t, "alertmanager", path, 2, func(ports []int) (*HTTPServer, []string) {
		addr, cluster := "127.0.0.1:"+strconv.Itoa(ports[0]), ""
		if clustered {
			cluster = "127.0.0.1:" + strconv.Itoa(ports[1])
		}
		args := []string{
			"--config.file=" + filepath.Join(dir, "alertmanager.yml"), "--storage.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + addr, "--web.external-url=http://" + addr + "/", "--cluster.listen-address=" + cluster,
			"--log.level=info",
		}
		if clustered {
			args = append(args, "--cluster.advertise-address="+cluster, "--cluster.peer-timeout=2s", "--cluster.settle-timeout=2s",
				"--cluster.gossip-interval=50ms", "--cluster.pushpull-interval=1s")
		}
		if peer != "" {
			args = append(args, "--cluster.peer="+peer)
		}
		return &HTTPServer{URL: "http://" + addr, Cluster: cluster}, args
	})
}

// serve starts a program that tells at /-/ready when it is.
func serve(t testing.TB, name, path string, ports int, build func(ports []int) (*HTTPServer, []string)) *HTTPServer {
	t.Helper()
	var s *HTTPServer
	p, err := launch(name, ports, func(ports []int) *Program {
		next, args := build(ports)
		s = next
		return &Program{path: path, args: args, quit: os.Interrupt, ready: func(ctx context.Context) error { return Answers(ctx, next.URL+"/-/ready") }}
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Program = p
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.Output())
		}
	})
	return s
}

// Answers gives no error when a GET of that address is answered 200.
func Answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // Nothing was written to it.
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
