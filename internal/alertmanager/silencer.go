package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// SilencerConfig is which alerts an operation causes, and where they are silenced.
type SilencerConfig struct {
	Servers []Server
	// Alerts gives for each service matchers in Alertmanager's syntax: an alert that all of them match is caused by an operation on it.
	Alerts map[string][]string
	// Owner tells this bot's silences from those of another one at the same Alertmanager: the compose project.
	Owner string
	// Timeout of one request; zero: 4 s, so that a member that hangs leaves time for the others.
	Timeout time.Duration
	Ended   func() // called when silences were ended; nil: nobody wants to know
}

// Silencer silences the alerts that an operation causes, and no others, for as long as it lasts.
type Silencer struct {
	servers []cluster
	alerts  map[string][]matcher
	owner   string
	ended   func()
}

var _ ops.Silencer = (*Silencer)(nil)

const silenceTimeout = 4 * time.Second

// NewSilencer refuses matchers that cannot be read, and those that match every alert. Servers without an address are left out;
// with none left it gives nil.
func NewSilencer(cfg SilencerConfig) (*Silencer, error) {
	s := &Silencer{alerts: map[string][]matcher{}, owner: "notebookbot", ended: cfg.Ended}
	if cfg.Owner != "" {
		s.owner += " (" + line(cfg.Owner) + ")"
	}
	for service, texts := range cfg.Alerts {
		ms, err := silenceMatchers(texts)
		if err != nil {
			return nil, fmt.Errorf("target.alerts.%s: %w", service, err)
		}
		if len(ms) > 0 {
			s.alerts[service] = ms
		}
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = silenceTimeout
	}
	s.servers = clusters(cfg.Servers, cfg.Timeout)
	if len(s.servers) == 0 {
		return nil, nil
	}
	return s, nil
}

// ErrMatchers says that matchers would silence every alert.
var ErrMatchers = errors.New("these matchers match every alert: one of them must ask for a value")

func silenceMatchers(texts []string) ([]matcher, error) {
	parsed, err := parseMatchers(texts)
	if err != nil {
		return nil, err
	}
	var out []matcher
	asks := false
	for _, m := range parsed {
		asks = asks || !m.Matches("")
		out = append(out, matcher{
			Name: m.Name, Value: m.Value,
			IsRegex: m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp,
			IsEqual: m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp,
		})
	}
	if len(out) > 0 && !asks {
		return nil, ErrMatchers // Alertmanager would refuse them, in the middle of an operation
	}
	return out, nil
}

// CheckMatchers tells why alerts of a service cannot be silenced by these matchers.
func CheckMatchers(texts []string) error {
	_, err := silenceMatchers(texts)
	return err
}

// CanSilence tells whether it is known which alerts an operation on the service causes.
func (s *Silencer) CanSilence(service string) bool { return len(s.alerts[service]) > 0 }

// Silence silences the alerts of the services at every Alertmanager, with one silence for each service. For a key that was silenced
// before, the silences that are still there are kept, and made longer under their own id where they would end too early; those that
// are over cannot be made longer, and new ones take their place. The id that it gives ends them, also those that an error came before.
func (s *Silencer) Silence(ctx context.Context, r ops.SilenceRequest) (string, error) {
	services := slices.DeleteFunc(slices.Clone(r.Services), func(name string) bool { return !s.CanSilence(name) })
	if len(services) == 0 {
		return "", errors.New("target.alerts has no line for these services")
	}
	slices.Sort(services)
	var asked []string
	var errs []error
	for _, server := range s.servers {
		sent, err := s.silenceAt(ctx, server, r, slices.Compact(services))
		if sent {
			asked = append(asked, server.name)
		}
		if err != nil {
			errs = append(errs, server.about(err))
		}
	}
	if len(asked) == 0 {
		return "", errors.Join(errs...)
	}
	return r.Key + "@" + strings.Join(asked, ","), errors.Join(errs...)
}

// silenceAt sees to the silences at one Alertmanager. sent: some may be there now.
func (s *Silencer) silenceAt(ctx context.Context, server cluster, r ops.SilenceRequest, services []string) (sent bool, err error) {
	there, members, err := s.find(ctx, server, r.Key)
	if err != nil {
		return false, err
	}
	sent = len(there) > 0
	for _, service := range services {
		want := silence{
			Matchers: s.alerts[service], StartsAt: r.From.UTC(), EndsAt: r.Until.UTC(), CreatedBy: s.owner,
			Comment: mark(r.Key, service) + " asked by " + line(who(r.By)),
		}
		if old, ok := there[service]; ok {
			if !old.EndsAt.Before(want.EndsAt) {
				continue
			}
			want.ID, want.StartsAt = old.ID, old.StartsAt // with the same beginning Alertmanager changes it in place
		}
		maybe, err := postTo(ctx, members, want)
		sent = sent || maybe
		if err != nil {
			return sent, fmt.Errorf("silence the alerts of %s: %w", service, err)
		}
	}
	return sent, nil
}

// mark is how a silence's comment begins. A service's name has no spaces, and what people wrote comes after it.
func mark(key, service string) string { return key + " " + service + ":" }

func who(p ops.Person) string {
	if p.ID == "" {
		return "the clock"
	}
	return p.ID
}

// find gives the silences of a key that have not ended, by service, and the members that answered. Any member knows them; what only
// one of a pair that is cut apart knows is found where it answers.
func (s *Silencer) find(ctx context.Context, server cluster, key string) (map[string]silence, []*api, error) {
	known := make([][]silence, len(server.members))
	answered, err := server.ask(func(i int, a *api) error {
		var err error
		known[i], err = a.silences(ctx)
		return err
	})
	out := map[string]silence{}
	for _, one := range slices.Concat(known...) {
		service, ours := s.serviceOf(&one, key)
		if old, again := out[service]; ours && (!again || one.EndsAt.After(old.EndsAt)) {
			out[service] = one
		}
	}
	return out, answered, err
}

// serviceOf tells whether a silence is ours, of that key, and has not ended.
func (s *Silencer) serviceOf(one *silence, key string) (service string, ours bool) {
	rest, ours := strings.CutPrefix(one.Comment, key+" ")
	service, _, marked := strings.Cut(rest, ":")
	return service, ours && marked && one.CreatedBy == s.owner && !one.over()
}

// Unsilence ends the silences of an id at every member that answers. Those that have ended are no error.
func (s *Silencer) Unsilence(ctx context.Context, id string) error {
	key, names, ok := strings.Cut(id, "@")
	if !ok {
		return fmt.Errorf("%q is not the id of a silence", id)
	}
	if s.ended != nil {
		defer s.ended()
	}
	asked := strings.Split(names, ",")
	var errs []error
	for _, server := range s.servers {
		if !slices.Contains(asked, server.name) {
			continue
		}
		asked = slices.DeleteFunc(asked, func(name string) bool { return name == server.name })
		if err := s.endAt(ctx, server, key); err != nil {
			errs = append(errs, server.about(err))
		}
	}
	for _, name := range asked {
		errs = append(errs, fmt.Errorf("alertmanager %q is not configured any more", name))
	}
	return errors.Join(errs...)
}

func (s *Silencer) endAt(ctx context.Context, server cluster, key string) error {
	_, err := server.ask(func(_ int, a *api) error {
		all, err := a.silences(ctx)
		if err != nil {
			return err
		}
		var errs []error
		for _, one := range all {
			if _, ours := s.serviceOf(&one, key); ours {
				errs = append(errs, a.expire(ctx, one.ID))
			}
		}
		return errors.Join(errs...)
	})
	return err
}

// Reach asks every member for its silences, which needs what silencing needs. The errors are by address.
func (s *Silencer) Reach(ctx context.Context) map[string]error {
	out := map[string]error{}
	for _, server := range s.servers {
		for _, a := range server.members {
			_, err := a.silences(ctx)
			out[a.base] = err
		}
	}
	return out
}

// Refused tells whether an Alertmanager, or what stands before it, does not take the credentials.
func Refused(err error) bool {
	s, ok := errors.AsType[*statusError](err)
	return ok && (s.code == http.StatusUnauthorized || s.code == http.StatusForbidden)
}

// postTo gives a silence to the first member that takes it; they tell each other. maybe: it may be there, also after an error.
func postTo(ctx context.Context, members []*api, one silence) (maybe bool, err error) {
	var errs []error
	for _, a := range members {
		err := a.post(ctx, one)
		if err == nil {
			return true, nil
		}
		maybe = maybe || !refused(err)
		errs = append(errs, err)
	}
	return maybe, errors.Join(errs...)
}

// refused tells whether a request cannot have changed anything.
func refused(err error) bool {
	if s, ok := errors.AsType[*statusError](err); ok {
		return s.code < http.StatusInternalServerError
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
