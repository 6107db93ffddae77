package alertmanager

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// cluster is one Alertmanager with its members, which know of each other.
type cluster struct {
	name    string
	members []*api
}

// clusters leaves out what has no address. timeout is that of one request.
func clusters(servers []Server, timeout time.Duration) []cluster {
	client := httpClient(timeout)
	var out []cluster
	for _, server := range servers {
		c := cluster{name: server.Name}
		for _, u := range server.URLs {
			c.members = append(c.members, &api{base: strings.TrimSuffix(u, "/"), server: server, client: client})
		}
		if len(c.members) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func (c cluster) about(err error) error {
	if c.name == "" {
		return fmt.Errorf("alertmanager: %w", err)
	}
	return fmt.Errorf("alertmanager %s: %w", c.name, err)
}

// ask asks all members at once, each on its own, and tells which answered. It fails when none did.
func (c cluster) ask(ask func(i int, a *api) error) ([]*api, error) {
	errs := make([]error, len(c.members))
	var wg sync.WaitGroup
	for i, a := range c.members {
		wg.Go(func() { errs[i] = ask(i, a) })
	}
	wg.Wait()
	var answered []*api
	for i, a := range c.members {
		if errs[i] == nil {
			answered = append(answered, a)
		}
	}
	if len(answered) > 0 {
		return answered, nil
	}
	return nil, errors.Join(errs...)
}
