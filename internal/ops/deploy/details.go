package deploy

import (
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// Version is a state of the application's files.
type Version struct {
	Name   string `json:"name,omitempty"` // a tag; empty: the commit has none
	Commit string `json:"commit"`
}

func (v Version) String() string {
	if v.Name == "" {
		return short(v.Commit)
	}
	return v.Name + " (" + short(v.Commit) + ")"
}

// Mode is how a service is exchanged.
type Mode string

// The modes.
const (
	Roll     Mode = "roll"     // the new one is started beside the old one: without a gap
	Recreate Mode = "recreate" // the old one is stopped first
)

// Source is where the image of a version comes from.
type Source string

// The sources.
const (
	Here     Source = "here"  // the engine has it
	Pull     Source = "pull"  // from its registry
	Build    Source = "build" // from the checkout
	FromKept Source = "kept"  // it was kept from an earlier deploy
)

// Service is what a plan says of one service that the version concerns.
type Service struct {
	Name     string   `json:"name"`
	Mode     Mode     `json:"mode"`
	Why      []string `json:"why,omitempty"` // why it is recreated: container_name, host_port, host_network, no_healthcheck
	Checked  bool     `json:"checked"`       // it has a healthcheck
	Replicas int      `json:"replicas"`
	Ref      string   `json:"ref"` // of the image
	Source   Source   `json:"source"`
	Image    string   `json:"image,omitempty"`  // sha256:… of it, where the plan knows
	Digest   string   `json:"digest,omitempty"` // that its registry gives for it
	Vars     []string `json:"vars,omitempty"`   // that pin it
	Changed  bool     `json:"changed"`          // what the compose file says of it
}

// Details is what a plan of this package says beside its steps. A rollback reads them in the operations of the past.
type Details struct {
	From     Version           `json:"from"`
	Head     head              `json:"head"` // what was checked out
	To       Version           `json:"to"`
	Was      map[string]string `json:"was,omitempty"`  // what the variables that pin are now, whether from .env or by default
	Pins     map[string]string `json:"pins,omitempty"` // what they become
	Services []Service         `json:"services"`
	Others   []string          `json:"others,omitempty"` // services that are not touched

	Commits    int      `json:"commits"` // that come
	Back       int      `json:"back,omitempty"`
	Files      int      `json:"files"`
	Added      int      `json:"added"`
	Removed    int      `json:"removed"`
	Compose    bool     `json:"compose"` // what the compose file says of the services differs
	Migrations []string `json:"migrations,omitempty"`
}

// What the steps are told by the plan.
type (
	checkoutArgs struct {
		Version Version `json:"version"`
		From    head    `json:"from"`
		Tag     bool    `json:"tag"` // the name is a tag, which must still lead to the commit
	}
	imageArgs struct {
		Service Service           `json:"service"`
		Pins    map[string]string `json:"pins,omitempty"`
	}
	pinArgs struct {
		Pins map[string]string `json:"pins"`
	}
	migrateArgs struct {
		Where   string            `json:"where"` // host or container
		Argv    []string          `json:"argv"`
		Service string            `json:"service,omitempty"` // whose image it runs in
		Pins    map[string]string `json:"pins,omitempty"`
	}
	rollArgs struct {
		Service Service `json:"service"`
	}
	watchArgs struct {
		Services []string      `json:"services"`
		For      time.Duration `json:"for"`
	}
)

// What the steps record.
type (
	// checkoutRecord is written before the files are changed.
	checkoutRecord struct {
		From head `json:"from"`
	}
	// imageRecord is written before the image is made, and after.
	imageRecord struct {
		Was string `json:"was,omitempty"` // the image that had the name before
		ID  string `json:"id,omitempty"`  // that has it now; empty: it is not made yet
	}
	// pinRecord is written before .env is changed.
	pinRecord struct {
		Was map[string]was `json:"was"`
	}
	// migrateRecord is written before the migration begins, and after it has ended.
	migrateRecord struct {
		Name  string `json:"name"` // of the container, or of the mark in the program's environment
		Ended bool   `json:"ended,omitempty"`
		Code  int    `json:"code,omitempty"`
	}
	// rollRecord is written before each thing that cannot be seen afterwards.
	rollRecord struct {
		Old      []ops.Container `json:"old"`
		Left     []string        `json:"left,omitempty"`     // what an earlier deploy left, which does not run
		Wanted   int             `json:"wanted"`             // how many containers there shall be
		Reloaded bool            `json:"reloaded,omitempty"` // nginx may know the new ones
		Stopped  bool            `json:"stopped,omitempty"`  // the old ones may be stopped
		Settled  bool            `json:"settled,omitempty"`  // it was done
		Same     bool            `json:"same,omitempty"`     // there was nothing to do
		Back     bool            `json:"back,omitempty"`     // the way back was begun
		Bad      []string        `json:"bad,omitempty"`      // the containers that go on the way back
	}
	watchRecord struct {
		Since time.Time `json:"since"`
	}
	tidyRecord struct {
		Left []string `json:"left,omitempty"` // what could not be tidied up, and why
	}
)

// The names of the steps.
const (
	stepCheckout = "checkout"
	stepImage    = "image"
	stepPin      = "pin"
	stepMigrate  = "migrate"
	stepRoll     = "roll"
	stepWatch    = "watch"
	stepTidy     = "tidy"
)
