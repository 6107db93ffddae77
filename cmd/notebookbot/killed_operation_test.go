package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/realparts"
	"github.com/ai-notebook/notebookbot/internal/slackfake"
)

// killed is an operation in which the bot is killed.
type killed struct {
	name string
	// ask makes the application as it ran for a while since the last time, and gives what the operator types.
	ask   func(k *killing) string
	often []string // the instants at which it is killed where not all are tried: "after dump"; none: in make soak alone
	steps []string // all that an undisturbed run does, in order
	// ends are the states in which the operation may end after a kill, and over looks at the application afterwards.
	ends []string
	over func(k *killing, end string)
}

// whens are the instants of a step at which the bot is killed.
var whens = []string{"before", "during", "after"}

// TestKilledInTheMiddleOfAnOperation kills the real bot at each step of an operation, starts it again, and looks: nothing is
// repeated without a look that says it was not done, nothing half-done is called done, people are told once, the application serves.
// NOTEBOOKBOT_KILLS (make soak) does all instants.
func TestKilledInTheMiddleOfAnOperation(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it takes minutes")
	}
	for name, kinds := range map[string][]killed{
		"data": {
			{
				name: "restart", ask: typing("restart backend"), steps: []string{"backup", "restart:backend", "healthy:backend", "url"},
				often: []string{"during restart:backend"}, ends: []string{"done"},
			},
			{
				name: "backup", ask: typing("backup full"), often: []string{"during dump"}, ends: []string{"done"},
				steps: []string{"begin_set", "dump", "pack_files", "pack_config", "pack_secrets", "manifest", "prove", "retention"},
			},
			{
				name: "restore", ask: damaged, ends: []string{"done"}, over: cameBack,
				often: []string{"during fill"},
				steps: slices.Concat([]string{"backup", "check_set", "fill", "verify_rows", "unpack:files", "swap_database", "exchange:files"}, databaseChecks),
			},
			{
				name: "db maintain", ask: grown, ends: []string{"done"}, over: maintained,
				steps: []string{
					"backup", "measure:before", "prune:public.events", "reindex:public.events_name", "vacuum", "measure:after",
					"healthy:postgres", "healthy:backend", "url",
				},
			},
			{
				name: "restore secrets", ask: otherSecrets, ends: []string{"done"}, over: secretsCameBack,
				steps: []string{"backup", "check_set", "unpack:secrets", "exchange:secrets", "url"},
			},
			{
				name: "restore undo", ask: restored, ends: []string{"done"}, over: wasTakenBack,
				steps: slices.Concat([]string{"swap_database", "exchange:files"}, databaseChecks),
			},
			{
				name: "restore to a moment", ask: forgotten, ends: []string{"done"}, over: cameBackAtTheMoment,
				steps: slices.Concat([]string{"backup", "replay", "take", "verify_rows", "discard", "swap_database"}, databaseChecks),
			},
		},
		"a lost disk": {
			{
				name: "restore from the second place", ask: fromFarAway, ends: []string{"done"}, over: cameBack,
				steps: slices.Concat([]string{"backup", "fetch", "check_set", "fill", "verify_rows", "unpack:files", "swap_database", "exchange:files"}, databaseChecks),
			},
		},
		"versions": {
			{
				name: "deploy", ask: otherVersion("deploy"), often: []string{"after roll:backend"}, ends: []string{"done", "undone"},
				over: oneVersion, steps: slices.Concat([]string{"backup"}, deploySteps),
			},
			{
				name: "rollback", ask: otherVersion("rollback"), ends: []string{"done", "undone"},
				over: oneVersion, steps: deploySteps,
			},
			{
				name: "cleanup", ask: littered, often: []string{"during clean_logs"}, ends: []string{"done"}, over: tidied,
				steps: []string{
					"clean_containers", "clean_images", "clean_logs", "healthy:backend", "healthy:frontend", "healthy:nginx", "healthy:postgres", "healthy:redis", "url",
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if !slices.ContainsFunc(kinds, func(k killed) bool { return len(k.instants()) > 0 }) {
				return
			}
			t.Parallel()
			far := ""
			if name == "a lost disk" {
				s3 := realparts.StartS3(t, "sets")
				far = fmt.Sprintf("s3: {endpoint: %q, bucket: sets, access_key: %q, secret_key: %q}", s3.URL, s3.AccessKey, s3.SecretKey)
			}
			sc := newScene(t, far)
			if name == "versions" {
				sc.app.Versioned(t)
			}
			for _, k := range kinds {
				t.Run(k.name, func(t *testing.T) { sc.kills(t, k) })
			}
		})
	}
}

var (
	databaseChecks = []string{"settle", "healthy:postgres", "healthy:backend", "url"}
	deploySteps    = []string{
		"checkout", "image:backend", "image:frontend", "pin", "roll:backend", "roll:frontend", "watch", "tidy", "healthy:backend", "healthy:frontend", "url",
	}
)

// kills kills the bot in one kind of operation, over and over.
func (sc *scene) kills(t *testing.T, k killed) {
	for _, at := range k.instants() {
		t.Run(at, func(t *testing.T) { (&killing{scene: sc, t: t, k: k}).at(at) })
	}
}

// instants are those at which the bot is killed in this run of the tests.
func (k killed) instants() []string {
	if os.Getenv("NOTEBOOKBOT_KILLS") == "" {
		return k.often
	}
	out := []string{"never"}
	for _, step := range k.steps {
		for _, when := range whens {
			out = append(out, when+" "+step)
		}
	}
	return out
}

// killing is one run of the operation.
type killing struct {
	*scene
	t     *testing.T
	k     killed
	key   string // OP-7
	trace string
}

// begin asks for the operation and has it approved by whoever else may.
func (k *killing) begin(p *process, ask string) {
	k.t.Helper()
	const patience, again = 2 * time.Minute, 30 * time.Second
	known := k.cards()
	var asked time.Time // a second request would be a second operation
	until(k.t, ask+" is planned", patience, func() bool {
		if k.find(known) {
			return true
		}
		if len(k.lab.slack.Sockets()) > 0 && time.Since(asked) > again {
			k.lab.slack.User("U01AAAA").Slash("C0OPS", ask)
			asked = time.Now()
		}
		return p.over()
	})
	if k.key == "" { // it died before it could show it
		return
	}
	card := k.card()
	for _, who := range []string{"U01BBBB", "U01CCCC"} {
		if k.state() != "planned" {
			break // it needed no approval, or no other one
		}
		k.lab.slack.User(who).Click(card.Channel, card.TS, "approval.approve")
		wait(k.t.Context(), 200*time.Millisecond)
	}
}

// find looks for an operation that was not known before.
func (k *killing) find(known map[string]slackfake.Message) bool {
	for key := range k.cards() {
		if _, old := known[key]; !old {
			k.key = key
			return true
		}
	}
	return false
}

// cards are the messages of all operations, by their keys. The clock's own backups have none.
func (k *killing) cards() map[string]slackfake.Message {
	out := map[string]slackfake.Message{}
	for _, m := range k.lab.slack.Messages("C0OPS") {
		if key, ok := strings.CutSuffix(m.Key(), "/card"); ok && strings.HasPrefix(key, "OP-") {
			out[key] = m
		}
	}
	return out
}

func (k *killing) card() slackfake.Message { return k.cards()[k.key] }

func (k *killing) state() string {
	m := k.card()
	if m.Metadata == nil {
		return ""
	}
	s, _ := m.Metadata.Payload["state"].(string)
	return s
}

const overWithin = 3 * time.Minute

func (k *killing) over() string {
	k.t.Helper()
	until(k.t, "the operation is over", overWithin, func() bool { return !slices.Contains([]string{"", "planned", "running"}, k.state()) })
	return k.state()
}

// did has a bot that nobody kills do something from its beginning to its end.
func (k *killing) did(ask string) {
	k.t.Helper()
	p := startDying(k.t, k.lab.config, k.lab.addr, "", filepath.Join(k.t.TempDir(), "trace"))
	k.key = ""
	k.begin(p, ask)
	if s := k.over(); s != "done" {
		k.t.Fatalf("an undisturbed %s ends as %s: %s", ask, s, k.card().Text)
	}
	p.stop(k.t)
}

// at kills the bot at an instant of the operation. "never" is one of them.
func (k *killing) at(at string) {
	k.t.Helper()
	ask := k.k.ask(k)
	known := k.cards()
	k.key, k.trace = "", filepath.Join(k.t.TempDir(), "trace")
	p := startDying(k.t, k.lab.config, k.lab.addr, at, k.trace)
	k.begin(p, ask)
	if at != "never" {
		select {
		case <-p.ended:
		case <-time.After(overWithin):
			k.t.Fatalf("it was not killed %s: %q", at, traced(k.t, k.trace))
		}
		p.killed = true
		if s := k.state(); s == "done" {
			k.t.Errorf("it was called done before it was over")
		}
		p = startDying(k.t, k.lab.config, k.lab.addr, "", k.trace)
		until(k.t, "it is shown", overWithin, func() bool { return k.key != "" || k.find(known) })
	}
	end := k.over()
	if !slices.Contains(k.k.ends, end) || at == "never" && end != "done" {
		k.t.Errorf("killed %s it ends as %s, want one of %q: %s", at, end, k.k.ends, k.card().Text)
	}
	until(k.t, "the end is told", overWithin, func() bool { return len(k.told()) > 0 })
	served(k.t, k.app)
	p.stop(k.t)
	if told := k.told(); len(told) != 1 {
		k.t.Errorf("the end was told %d times: %q", len(told), told)
	}
	for key, places := range k.lab.slack.PostsByKey() {
		if len(places) != 1 {
			k.t.Errorf("%s was posted %d times", key, len(places))
		}
	}
	k.repeatedOnlyAfterALook()
	if did := k.steps(); end == "done" && !slices.Equal(did, k.k.steps) {
		k.t.Errorf("it does %q, and this test kills at %q: keep them together", did, k.k.steps)
	}
	if k.k.over != nil {
		k.k.over(k, end)
	}
}

// steps are those that were done, or seen to be done, in order.
func (k *killing) steps() []string {
	var out []string
	for _, line := range traced(k.t, k.trace) {
		what, step, _ := strings.Cut(line, " ")
		if (what == "did" || what == "look:done") && !slices.Contains(out, step) {
			out = append(out, step)
		}
	}
	return out
}

// told are the replies that say how it ended.
func (k *killing) told() []string {
	var out []string
	card := k.card()
	for _, m := range k.lab.slack.Thread(card.Channel, card.TS) {
		if m.TS != card.TS && strings.Contains(m.Text, k.key) {
			out = append(out, m.Text)
		}
	}
	return out
}

// repeatedOnlyAfterALook looks at the trace: a step that is begun again was looked at in between, and found not done.
func (k *killing) repeatedOnlyAfterALook() {
	k.t.Helper()
	begun, looked := map[string]bool{}, map[string]string{}
	for _, line := range traced(k.t, k.trace) {
		what, step, _ := strings.Cut(line, " ")
		switch {
		case what == "do" && begun[step] && looked[step] != "not_done":
			k.t.Errorf("%s was begun again, and the look before said %q: %q", step, looked[step], traced(k.t, k.trace))
		case what == "do":
			begun[step], looked[step] = true, ""
		case strings.HasPrefix(what, "look:"):
			looked[step] = strings.TrimPrefix(what, "look:")
		}
	}
}
