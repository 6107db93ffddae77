package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// listedGroup is a group of alerts as Alertmanager's API lists it. What has ended is not listed.
type listedGroup struct {
	Labels   map[string]string `json:"labels"`
	Receiver struct {
		Name string `json:"name"`
	} `json:"receiver"`
	Alerts []listedAlert `json:"alerts"`
}

type listedAlert struct {
	Fingerprint  string            `json:"fingerprint"`
	StartsAt     time.Time         `json:"startsAt"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	GeneratorURL string            `json:"generatorURL"`
	Status       struct {
		State      string   `json:"state"` // active, suppressed, unprocessed
		SilencedBy []string `json:"silencedBy"`
	} `json:"status"`
}

// isActive tells whether Alertmanager speaks of an alert: it is neither silenced nor inhibited.
func (a *listedAlert) isActive() bool { return a.Status.State == "active" }

// maxList bounds a list of alerts, which is read one group after the other: a hundred thousand alerts take about 60 MiB.
const maxList = 512 << 20

// groups gives every group with what fires in it, silenced or not, one after the other; each keeps nothing of what it is given
// unless it copies it.
func (a *api) groups(ctx context.Context, each func(g *listedGroup)) error {
	resp, err := a.send(ctx, http.MethodGet, "/api/v2/alerts/groups", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // Only read.
	wrong := func(err error) error { return fmt.Errorf("%s: its list of alerts cannot be read: %w", a.base, err) }
	in := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxList))
	if t, err := in.Token(); err != nil || t != json.Delim('[') {
		return wrong(errors.Join(err, errors.New("it does not begin as a list")))
	}
	for in.More() {
		var g listedGroup
		if err := in.Decode(&g); err != nil {
			return wrong(err)
		}
		each(&g)
	}
	if _, err := in.Token(); err != nil { // a list that is cut off must not look like one in which alerts have ended
		return wrong(err)
	}
	return nil
}

// serverStatus is what an Alertmanager tells of itself.
type serverStatus struct {
	Up     time.Duration // how long it runs, by its own clock
	Routes routing
}

func (a *api) status(ctx context.Context) (serverStatus, error) {
	resp, err := a.send(ctx, http.MethodGet, "/api/v2/status", nil)
	if err != nil {
		return serverStatus{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // Only read.
	var said struct {
		Uptime time.Time `json:"uptime"` // when it began, in spite of its name
		Config struct {
			Original string `json:"original"`
		} `json:"config"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxAnswer)).Decode(&said); err != nil {
		return serverStatus{}, fmt.Errorf("%s: its status cannot be read: %w", a.base, err)
	}
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	now = now.Add(time.Second) // the header has whole seconds: it is up to one more
	return serverStatus{Up: now.Sub(said.Uptime), Routes: readRouting(said.Config.Original)}, nil
}

// routing is what the comparison needs of an Alertmanager's configuration.
type routing struct {
	// Wait is after how long Alertmanager has told of whatever changed in a group: the longest group_wait or group_interval.
	Wait time.Duration
	// Webhooks are the receivers that send webhooks, and whose routes are never muted by the time of day: the list of alerts does
	// not tell of that.
	Webhooks map[string]bool
}

// Alertmanager's defaults, from its documentation of route.
const (
	defaultGroupWait     = 30 * time.Second
	defaultGroupInterval = 5 * time.Minute
)

// readRouting reads the configuration that the API shows. What it cannot read counts as not set: Alertmanager has read it before.
func readRouting(original string) routing {
	var c struct {
		Route     routeNode `yaml:"route"`
		Receivers []struct {
			Name     string      `yaml:"name"`
			Webhooks []yaml.Node `yaml:"webhook_configs"`
		} `yaml:"receivers"`
	}
	r := routing{Wait: defaultGroupInterval, Webhooks: map[string]bool{}}
	if err := yaml.Unmarshal([]byte(original), &c); err != nil {
		return r
	}
	for _, one := range c.Receivers {
		if len(one.Webhooks) > 0 {
			r.Webhooks[one.Name] = true
		}
	}
	r.Wait = 0
	c.Route.walk(c.Route.Receiver, defaultGroupWait, defaultGroupInterval, 0, &r)
	return r
}

// duration reads one of Alertmanager's durations, such as 1m30s or 1d.
func duration(text string, unset time.Duration) time.Duration {
	if d, err := model.ParseDuration(text); err == nil {
		return time.Duration(d)
	}
	return unset
}

type routeNode struct {
	Receiver string      `yaml:"receiver"`
	Wait     string      `yaml:"group_wait"`
	Interval string      `yaml:"group_interval"`
	Muted    []string    `yaml:"mute_time_intervals"`
	Active   []string    `yaml:"active_time_intervals"`
	Routes   []routeNode `yaml:"routes"`
}

// walk takes a route and those below it, which inherit what they do not set.
func (n *routeNode) walk(receiver string, wait, interval time.Duration, depth int, into *routing) {
	const deepest = 50 // a configuration is foreign as well
	if depth > deepest {
		return
	}
	if n.Receiver != "" {
		receiver = n.Receiver
	}
	wait, interval = duration(n.Wait, wait), duration(n.Interval, interval)
	into.Wait = max(into.Wait, wait, interval)
	if len(n.Muted)+len(n.Active) > 0 {
		delete(into.Webhooks, receiver)
	}
	for i := range n.Routes {
		n.Routes[i].walk(receiver, wait, interval, depth+1, into)
	}
}
