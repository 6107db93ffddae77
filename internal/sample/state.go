package sample

import (
	"context"
	"encoding/json"
	"time"
)

// Phase is where the sample application is in its life.
type Phase string

// The phases.
const (
	Absent   Phase = "absent"  // it cannot be started here; Missing says why
	Offered  Phase = "offered" // it can be started
	Starting Phase = "starting"
	Up       Phase = "up"
	Failed   Phase = "failed" // it could not be started; Error says why, and nothing is left of it
	Removing Phase = "removing"
)

// State is what is to be known of the sample application. Version counts its changes.
type State struct {
	Version  int64     `json:"version"`
	Phase    Phase     `json:"phase"`
	Missing  []Missing `json:"missing,omitempty"`
	Parts    []Part    `json:"parts,omitempty"`
	Steps    []Step    `json:"steps,omitempty"`
	Error    string    `json:"error,omitempty"`
	URL      string    `json:"url"`
	Running  string    `json:"running,omitempty"` // the version that answers
	Health   string    `json:"health,omitempty"`  // what its health address answers: ok, or an HTTP status, or "none"
	Errors   int       `json:"errors"`            // percent of the last requests that were answered with 5xx or not at all
	Services []Service `json:"services,omitempty"`
}

// Missing is something without which the application cannot be started. Code is docker, rights, compose, git, linux, remote, port,
// other (a project of this name is somebody else's) or busy (another demo runs it); Text is what else is to be said.
type Missing struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
}

// Part is where the image of a part comes from: installed, engine (the image Image), or registry (it is pulled).
type Part struct {
	Name  string `json:"name"`
	From  string `json:"from"`
	Image string `json:"image"`
}

// Step is one step of the start. Code is clean, files, image (of Name), up or healthy.
type Step struct {
	Code  string    `json:"code"`
	Name  string    `json:"name,omitempty"`
	Began time.Time `json:"began"`
	Took  int       `json:"took,omitempty"` // milliseconds; 0: it runs, or was where it failed
}

// Service is one service: up, starting, unhealthy or down.
type Service struct {
	Name    string    `json:"name"`
	State   string    `json:"state"`
	Version string    `json:"version,omitempty"` // of backend and frontend
	Since   time.Time `json:"since"`             // since when it is so
	Detail  string    `json:"detail,omitempty"`  // how its container ended
}

// The states of a service.
const (
	ServiceUp        = "up"
	ServiceStarting  = "starting"
	ServiceUnhealthy = "unhealthy"
	ServiceDown      = "down"
)

// State gives what is known now.
func (s *Sample) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Wait gives what is known once it is another version than since, or when ctx ends.
func (s *Sample) Wait(ctx context.Context, since int64) State {
	for {
		s.mu.Lock()
		state, changed := s.state, s.changed
		s.mu.Unlock()
		if state.Version != since {
			return state
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return state
		}
	}
}

// change makes another state known, where it differs.
func (s *Sample) change(to func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.state
	to(&next)
	next.Version = s.state.Version
	if was, is := encoded(s.state), encoded(next); was == is {
		return
	}
	next.Version++
	s.state = next
	close(s.changed)
	s.changed = make(chan struct{})
}

func encoded(s State) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("sample: " + err.Error()) // texts, numbers and times: cannot happen
	}
	return string(b)
}
