package ops

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/incidents"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// at brings a fresh operation to a state by events alone.
func at(t *testing.T, state State) *Operation {
	t.Helper()
	op := &Operation{
		Number: 7, By: Person{Actor: incidents.Person("UASK")}, Where: Where{Channel: "C"},
		Policy: Policy{Approvals: 1, Expires: 15 * time.Minute},
		Plan: Plan{Word: "restart", Project: "p", Steps: []StepPlan{
			{Name: "one", Changes: true, Undo: "it is put back", Deadline: time.Minute}, {Name: "two", Changes: true, Undo: "likewise", Deadline: time.Minute},
		}},
	}
	op.Hash, _ = op.Plan.Hash()
	op.birth(noon)
	yes, me := Approve{By: Person{Actor: incidents.Person("UYES")}}, Holder{Owner: "me", Fence: 1}
	start := Start{Holder: me, Until: noon.Add(time.Minute)}
	boom := Reason{Code: Said, Text: "boom"}
	both := []Event{yes, start, Began{me, 0}, Succeeded{me, 0}, Began{me, 1}}
	for _, ev := range map[State][]Event{
		Planned:  nil,
		Approved: {yes},
		Running:  {yes, start},
		Done:     append(both, Succeeded{me, 1}, Finish{Holder: me}),
		Undone: append(both, Broke{me, 1, boom, false, nil}, UndoBegan{me, 1}, UndoSucceeded{me, 1}, UndoBegan{me, 0},
			UndoSucceeded{me, 0}, Finish{Holder: me}),
		Failed:    {yes, start, Began{me, 0}, Broke{me, 0, boom, true, nil}, Finish{Holder: me}},
		Unknown:   {yes, start, Began{me, 0}, Lost{me, 0, boom, false}, Looked{me, 0, SeenUnclear, Reason{}}, Finish{Holder: me}},
		Void:      {Voided{Why: Reason{Code: TargetChanged}}},
		Rejected:  {Reject{By: yes.By, Reason: "no"}},
		Cancelled: {Cancel{By: op.By}},
		Expired:   nil,
	}[state] {
		if _, err := op.Apply(ev, noon); err != nil {
			t.Fatalf("%T: %v", ev, err)
		}
	}
	if state == Expired {
		_, _ = op.Apply(Tick{}, noon.Add(time.Hour))
	}
	if op.State != state {
		t.Fatalf("state = %s, want %s", op.State, state)
	}
	return op
}

var states = []State{Planned, Approved, Running, Done, Failed, Undone, Unknown, Void, Rejected, Expired, Cancelled}

// TestEachEventInEachState holds the whole table: what an event leads to, or why it is refused. quiet: nothing changes.
func TestEachEventInEachState(t *testing.T) {
	t.Parallel()
	me, other := Holder{Owner: "me", Fence: 1}, Holder{Owner: "other", Fence: 2}
	bob := Person{Actor: incidents.Person("UBOB")}
	quiet := errors.New("quiet")
	type row struct {
		event Event
		state map[State]State // what it leads to
		err   map[State]error // why not
		rest  error           // in all other states
		late  time.Duration
	}
	for _, r := range []row{
		{event: Approve{By: bob}, state: map[State]State{Planned: Approved}, err: map[State]error{Expired: ErrExpired}, rest: ErrDecided},
		{event: Approve{By: Person{Actor: incidents.Person("UYES")}}, state: map[State]State{Planned: Approved}, err: map[State]error{
			Rejected: ErrDecided, Void: ErrDecided, Expired: ErrExpired, Cancelled: ErrDecided,
		}, rest: quiet}, // who has voted clicks again
		{event: Approve{By: Person{Actor: incidents.Person("UASK")}}, err: map[State]error{Planned: ErrOwnRequest, Expired: ErrExpired}, rest: ErrDecided},
		{event: Approve{By: bob, Hash: "x"}, err: map[State]error{Planned: ErrStale, Expired: ErrExpired}, rest: ErrDecided},
		{event: Approve{By: clock}, rest: ErrNobody},
		{event: Reviewed{By: bob, Text: "fine"}, rest: ErrNotNeeded}, // it had its approvals
		{event: Reviewed{By: clock, Text: "fine"}, rest: ErrNobody},
		{event: Approve{By: bob}, late: 20 * time.Minute, err: map[State]error{Planned: ErrExpired, Expired: ErrExpired}, rest: ErrDecided},
		{event: Alone{By: bob, Reason: "now"}, state: map[State]State{Planned: Approved}, err: map[State]error{Expired: ErrExpired}, rest: ErrDecided},
		{event: Alone{By: bob}, err: map[State]error{Planned: ErrNoReason, Expired: ErrExpired}, rest: ErrDecided},
		{event: Reject{By: bob, Reason: "no"}, state: map[State]State{Planned: Rejected}, err: map[State]error{Expired: ErrExpired}, rest: ErrDecided},
		{event: Reject{By: bob}, err: map[State]error{Planned: ErrNoReason, Expired: ErrExpired}, rest: ErrDecided},
		{
			event: Cancel{By: Person{Actor: incidents.Person("UASK")}}, state: map[State]State{Planned: Cancelled, Approved: Cancelled},
			err: map[State]error{Running: ErrRunning, Cancelled: quiet}, rest: ErrDecided,
		},
		{event: Cancel{By: bob}, rest: ErrNotYours},
		{event: Voided{}, state: map[State]State{Planned: Void, Approved: Void}, err: map[State]error{Running: ErrRunning, Void: quiet}, rest: ErrDecided},
		{event: Tick{}, rest: quiet},
		{event: Tick{}, late: 2 * time.Hour, state: map[State]State{Planned: Expired, Approved: Expired}, rest: quiet},
		{event: Blocked{By: 3}, state: map[State]State{Approved: Approved}, rest: ErrDecided},
		{event: Deferred{For: Reason{Code: TargetAway}}, state: map[State]State{Approved: Approved}, rest: ErrDecided},
		{event: Deferred{For: Reason{Code: TargetAway}}, late: 2 * time.Hour, state: map[State]State{Approved: Approved}, rest: ErrDecided},
		{event: Extended{Holder: me, Until: noon.Add(time.Hour)}, err: map[State]error{Running: quiet}, rest: ErrFence}, // it has no silence
		{event: Start{Holder: me, Until: noon.Add(time.Minute)}, state: map[State]State{Approved: Running}, err: map[State]error{Running: quiet}, rest: ErrDecided},
		{event: Start{Holder: other}, state: map[State]State{Approved: Running}, rest: ErrDecided},
		{event: Start{Holder: other}, late: 2 * time.Hour, err: map[State]error{Approved: ErrExpired}, rest: ErrDecided},
		{event: Take{Holder: other}, err: map[State]error{Running: ErrFence}, rest: ErrDecided}, // its lease is not over
		{event: Take{Holder: other}, late: time.Hour, state: map[State]State{Running: Running}, rest: ErrDecided},
		{event: Take{Holder: Holder{"other", 1}}, late: time.Hour, err: map[State]error{Running: ErrFence}, rest: ErrDecided}, // no new fence
		{event: Beat{Holder: me, Until: noon.Add(time.Hour)}, state: map[State]State{Running: Running}, rest: ErrFence},
		{event: Beat{Holder: other, Until: noon.Add(time.Hour)}, rest: ErrFence},
		{event: Began{me, 0}, state: map[State]State{Running: Running}, rest: ErrFence},
		{event: Began{me, 1}, err: map[State]error{Running: ErrOrder}, rest: ErrFence}, // not before the first
		{event: Began{me, 9}, err: map[State]error{Running: ErrOrder}, rest: ErrFence},
		{event: Began{other, 0}, rest: ErrFence},
		{event: Succeeded{me, 0}, err: map[State]error{Running: ErrOrder}, rest: ErrFence},
		{event: Broke{Holder: me}, err: map[State]error{Running: ErrOrder}, rest: ErrFence},
		{event: Lost{Holder: me}, err: map[State]error{Running: ErrOrder}, rest: ErrFence},
		{event: Looked{me, 0, SeenDone, Reason{}}, err: map[State]error{Running: ErrOrder}, rest: ErrFence},
		{event: Recorded{me, 0, json.RawMessage("1")}, err: map[State]error{Running: ErrOrder}, rest: ErrFence},
		{event: UndoBegan{me, 0}, err: map[State]error{Running: ErrOrder}, rest: ErrFence},
		{event: UndoSucceeded{me, 0}, err: map[State]error{Running: ErrOrder}, rest: ErrFence},
		{event: Progressed{Holder: me}, err: map[State]error{Running: quiet}, rest: ErrFence},
		{event: Release{me}, state: map[State]State{Running: Running}, rest: ErrFence},
		{event: Finish{Holder: me}, err: map[State]error{ // too early, or a repeat
			Running: ErrOrder, Done: quiet, Failed: quiet, Undone: quiet, Unknown: quiet,
		}, rest: ErrFence},
		{event: Finish{Holder: other}, rest: ErrFence},
	} {
		for _, s := range states {
			op, was := at(t, s), at(t, s)
			res, err := op.Apply(r.event, noon.Add(r.late))
			if to, ok := r.state[s]; ok {
				if err != nil || !res.Changed || op.State != to || op.Revision != was.Revision+1 {
					t.Errorf("%T %+v in %s: %s, changed %v, %v; want %s", r.event, r.event, s, op.State, res.Changed, err, to)
				}
				continue
			}
			want := r.rest
			if e, ok := r.err[s]; ok {
				want = e
			}
			if errors.Is(want, quiet) {
				want = nil
			}
			if !errors.Is(err, want) || res.Changed || len(res.Entries)+len(res.Notices) > 0 || !reflect.DeepEqual(op, was) {
				t.Errorf("%T %+v in %s: %v, changed %v; want %v and no change", r.event, r.event, s, err, res.Changed, want)
			}
		}
	}
}

func TestNothingStartsOnAPlanThatWasTouched(t *testing.T) {
	t.Parallel()
	op := at(t, Approved)
	op.Plan.Steps[0].Deadline = time.Hour
	if _, err := op.Apply(Start{Holder: Holder{"me", 1}, Until: noon}, noon); !errors.Is(err, ErrNotApproved) {
		t.Errorf("error = %v", err)
	}
	op = at(t, Approved)
	op.Votes[0].Hash = "of another plan"
	if _, err := op.Apply(Start{Holder: Holder{"me", 1}, Until: noon}, noon); !errors.Is(err, ErrNotApproved) {
		t.Errorf("error = %v", err)
	}
	op = at(t, Approved)
	op.Votes[0].By = op.By
	if _, err := op.Apply(Start{Holder: Holder{"me", 1}, Until: noon}, noon); !errors.Is(err, ErrNotApproved) {
		t.Errorf("error = %v", err)
	}
}

func TestAPlansHashIsOfItsMeaning(t *testing.T) {
	t.Parallel()
	p := Plan{Word: "deploy", Args: []string{"v2"}, Details: json.RawMessage(`{"b": 1, "a": [12345678901234567890]}`)}
	q := p
	q.Details = json.RawMessage(`{"a":[12345678901234567890],"b":1}`)
	hash := func(p Plan) string {
		h, err := p.Hash()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if hash(p) != hash(q) {
		t.Error("the order of keys changes the hash")
	}
	b, _ := json.Marshal(p)
	var back Plan
	if err := json.Unmarshal(b, &back); err != nil || hash(back) != hash(p) {
		t.Errorf("what the store gives back has another hash: %v", err)
	}
	q.Details = json.RawMessage(`{"a":[12345678901234567891],"b":1}`)
	if hash(p) == hash(q) {
		t.Error("a digit does not change the hash")
	}
	q = p
	q.Args = []string{"v3"}
	if hash(p) == hash(q) {
		t.Error("an argument does not change the hash")
	}
}

func TestOnlyWhatThePlanBindsToIsADifference(t *testing.T) {
	t.Parallel()
	was := Fingerprint{Services: map[string][]string{"api": {"1", "2"}, "web": {"3"}}, Commit: "c", Compose: "h"}
	for _, c := range []struct {
		name string
		is   Fingerprint
		want []string
	}{
		{"the same in another order", Fingerprint{Services: map[string][]string{"web": {"3", "3"}, "api": {"2", "1"}}, Commit: "c", Compose: "h"}, nil},
		{"an image", Fingerprint{Services: map[string][]string{"web": {"4"}, "api": {"1", "2"}}, Commit: "c", Compose: "h"}, []string{"image"}},
		{"a service more, one less, a commit, a file", Fingerprint{Services: map[string][]string{"web": {"3"}, "new": {"1"}}, Commit: "d", Compose: "i"}, []string{"services", "services", "commit", "compose"}},
	} {
		var got []string
		for _, d := range was.Differences(c.is) {
			got = append(got, d.What)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if d := (Fingerprint{Commit: "c"}).Differences(was); len(d) > 0 {
		t.Errorf("a plan that binds to the commit alone: %v", d)
	}
}
