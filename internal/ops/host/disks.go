package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/disk"
)

// Disk is a file system that keeps data. Sizes are in bytes.
type Disk struct {
	Mount  string
	Device string
	Kind   string // ext4, xfs, nfs4 …
	Total  uint64
	Used   uint64
	Free   uint64 // for programs that are not root
	Inodes uint64 // 0: it has no fixed number
	Nodes  uint64 // inodes that are used
	Err    string // why it could not be looked at; a network file system may hang
}

// Percent is the share that is used of what programs may use, as df shows it.
func (d Disk) Percent() float64 { return percent(d.Used, d.Used+d.Free) }

// InodePercent is the share of inodes that is used.
func (d Disk) InodePercent() float64 { return percent(d.Nodes, d.Inodes) }

// pseudo are kinds that keep nothing: the kernel's own, memory, images that are full by nature, layers of containers.
var pseudo = []string{
	"proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "ramfs", "rootfs", "cgroup", "cgroup2", "securityfs", "pstore", "bpf", "debugfs",
	"tracefs", "configfs", "fusectl", "hugetlbfs", "mqueue", "binfmt_misc", "autofs", "rpc_pipefs", "nsfs", "efivarfs", "selinuxfs",
	"overlay", "aufs", "squashfs", "erofs", "iso9660", "udf", "fuse.lxcfs", "fuse.portal", "fuse.gvfsd-fuse", "nfsd",
}

// disks looks at file systems. A file system that hangs is asked once, and not again before it has answered.
type disks struct {
	paths []string

	mu    sync.Mutex
	asked map[string]*question // by mount point; only what has not answered
}

type question struct{ since time.Time }

// answersWithin is how long a file system may take.
const answersWithin = 500 * time.Millisecond

var errHangs = errors.New("it does not answer")

func (d *disks) look(ctx context.Context) ([]Disk, error) {
	mounts, err := disk.PartitionsWithContext(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("list file systems: %w", err)
	}
	found := keeping(mounts, d.paths)
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() { d.measure(ctx, &found[i]) })
	}
	wg.Wait()
	return found, nil
}

// keeping chooses the mounts that keep data, each device once, and those that hold the paths.
func keeping(mounts []disk.PartitionStat, paths []string) []Disk {
	needed := map[string]bool{"/": true}
	for _, p := range paths {
		needed[holder(mounts, p)] = true
	}
	byDevice := map[string]Disk{}
	for _, m := range mounts {
		wanted := needed[m.Mountpoint]
		if !wanted && (slices.Contains(pseudo, m.Fstype) || slices.Contains(m.Opts, "bind") || strings.HasPrefix(m.Mountpoint, "/var/lib/docker/")) {
			continue
		}
		device := m.Device
		if !strings.HasPrefix(device, "/") && !strings.Contains(device, ":") { // overlay, none: no device that tells one from the other
			device = m.Mountpoint
		}
		if known, ok := byDevice[device]; ok && len(known.Mount) <= len(m.Mountpoint) {
			continue
		}
		byDevice[device] = Disk{Mount: m.Mountpoint, Device: m.Device, Kind: m.Fstype}
	}
	var out []Disk
	for _, d := range byDevice {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Disk) int { return cmp.Compare(a.Mount, b.Mount) })
	return out
}

// holder is the mount point that a path is on.
func holder(mounts []disk.PartitionStat, path string) string {
	path = filepath.Clean(path)
	best := "/"
	for _, m := range mounts {
		within := path == m.Mountpoint || strings.HasPrefix(path, strings.TrimSuffix(m.Mountpoint, "/")+"/")
		if within && len(m.Mountpoint) > len(best) {
			best = m.Mountpoint
		}
	}
	return best
}

// measure asks one file system, and gives up when it does not answer. The call cannot be ended: it goes on alone, and while it
// does the file system is not asked again.
func (d *disks) measure(ctx context.Context, out *Disk) {
	d.mu.Lock()
	if q := d.asked[out.Mount]; q != nil {
		out.Err = fmt.Sprintf("%v since %s", errHangs, q.since.UTC().Format(time.RFC3339))
		d.mu.Unlock()
		return
	}
	d.asked[out.Mount] = &question{since: time.Now()}
	d.mu.Unlock()

	type answer struct {
		usage *disk.UsageStat
		err   error
	}
	answered := make(chan answer, 1)
	mount := out.Mount
	go func() {
		u, err := disk.UsageWithContext(ctx, mount)
		d.mu.Lock()
		delete(d.asked, mount)
		d.mu.Unlock()
		answered <- answer{u, err}
	}()
	t := time.NewTimer(answersWithin)
	defer t.Stop()
	select {
	case a := <-answered:
		if a.err != nil {
			out.Err = a.err.Error()
			return
		}
		out.Total, out.Used, out.Free, out.Inodes, out.Nodes = a.usage.Total, a.usage.Used, a.usage.Free, a.usage.InodesTotal, a.usage.InodesUsed
	case <-t.C:
		out.Err = errHangs.Error()
	case <-ctx.Done():
		out.Err = ctx.Err().Error()
	}
}

// realInterface leaves out the loopback and what containers are joined by: their bytes pass a real one as well, or leave nothing.
func realInterface(name string) bool {
	for _, p := range []string{"lo", "veth", "docker", "br-", "virbr", "cni", "flannel", "cali", "dummy", "ifb"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	return true
}
