package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ai-notebook/notebookbot/commands"
	"github.com/ai-notebook/notebookbot/incidents"
)

var (
	incidentRows = &table{
		name:    "incidents",
		columns: `number# group_id state open# level# next_due# opened# updated# title search doc`,
		conflict: `ON CONFLICT (number) DO UPDATE SET group_id = excluded.group_id, state = excluded.state, open = excluded.open,
			level = excluded.level, next_due = excluded.next_due, opened = excluded.opened, updated = excluded.updated,
			title = excluded.title, search = excluded.search, doc = excluded.doc`,
	}
	groupRows = &table{
		name:    "alert_groups",
		columns: `id latest# updated# ended`,
		conflict: `ON CONFLICT (id) DO UPDATE SET latest = excluded.latest, updated = excluded.updated,
			ended = excluded.ended`,
	}
	timelineRows = &table{name: "timeline", columns: `incident# seq# at# kind note doc`}
	// One that is known keeps its place, but for a microsecond: it was promised again, so nobody may take it back (see taken).
	inboxRows = &table{
		name:     "inbox",
		columns:  `id received# state# claimed_until# done# doc`,
		conflict: `ON CONFLICT (id) DO UPDATE SET received = inbox.received - 1 WHERE inbox.state = 0`,
	}
	postRows = &table{
		name: "outbox", columns: outboxColumns, instead: outboxInstead,
		conflict: `ON CONFLICT (key) DO NOTHING`,
	}
	// An edit whose key is known asks for the newest to be shown. One that waits (or is being sent) keeps its place, its
	// back-off and its claim; a finished one begins anew.
	editRows = &table{
		name: "outbox", columns: outboxColumns, instead: outboxInstead,
		conflict: `ON CONFLICT (key) DO UPDATE SET doc = excluded.doc, kind = excluded.kind, priority = excluded.priority,
			channel = excluded.channel, revision = outbox.revision + excluded.revision, state = 0,
			lane = CASE WHEN outbox.state = 0 THEN outbox.lane ELSE excluded.lane END,
			attempts = CASE WHEN outbox.state = 0 THEN outbox.attempts ELSE 0 END,
			first_try = CASE WHEN outbox.state = 0 THEN outbox.first_try ELSE 0 END,
			next_at = CASE WHEN outbox.state = 0 THEN outbox.next_at ELSE 0 END,
			unknown = CASE WHEN outbox.state = 0 THEN outbox.unknown ELSE 0 END,
			created = CASE WHEN outbox.state = 0 THEN outbox.created ELSE excluded.created END
			WHERE outbox.edit = 1`,
	}
	setNumber     = both(`UPDATE counters SET value = $1 WHERE name = 'incident'`)
	addBreaches   = both(`UPDATE counters SET value = value + $1 WHERE name = $2`)
	finishRequest = both(`UPDATE inbox SET state = 1, done = $2, doc = '{}' WHERE id {any $1 text}`)
	tell          = both(`SELECT pg_notify('notebookbot_' || md5(current_schema()), $1)`)
	lockLanes     = both(`SELECT pg_advisory_xact_lock(hashtext(current_schema()), bucket) FROM
		(SELECT DISTINCT hashtext(v) & 1023 AS bucket FROM {list $1 text} ORDER BY 1) AS buckets`)
	promote = both(`UPDATE outbox SET head = 1 WHERE id {among}
		SELECT (SELECT o.id FROM outbox o WHERE o.lane = list.v AND o.state = 0 ORDER BY o.id LIMIT 1) FROM {list $1 text}
		WHERE (SELECT h.id FROM outbox h WHERE h.lane = list.v AND h.head = 1 LIMIT 1) IS NULL {end}`)
	busyLanes = both(`SELECT list.v FROM {list $1 text} WHERE
		(SELECT o.id FROM outbox o WHERE o.lane = list.v AND o.state = 0 LIMIT 1) IS NOT NULL`)
)

const outboxColumns = `key edit# kind lane priority# channel state# head# revision# attempts# first_try#
	next_at# claimed_by unknown# posted_channel posted_ts reason created# done# doc`

// The first of its lane is put in as its head where nobody waits in that lane: otherwise promote would write it a second time.
// On PostgreSQL the statement looks itself and saves a round trip; SQLite is asked before, since there a statement that reads what
// it writes keeps its rows aside.
var outboxInstead = map[string]string{
	"head": `CASE WHEN @head = 1 AND
		(SELECT o.id FROM outbox o WHERE o.lane = @lane AND o.state = 0 LIMIT 1) IS NULL THEN 1 ELSE 0 END`,
}

// flush writes what the functions left, with few statements. The order is the same for everybody and rows are sorted, so that
// two replicas never wait for each other in a circle.
func (b *batch) flush() error {
	out, err := b.chain()
	if err != nil {
		return err
	}
	add := func(q query, args ...any) { out = append(out, stmt{q[b.d], args}) }

	var rows [][]any
	for _, id := range sortedKeys(b.changedGroups) {
		g := b.groups[id]
		rows = append(rows, []any{id, g.latest, g.updated, g.ended})
	}
	out = append(out, groupRows.rows(b.d, rows)...)

	rows = nil
	for _, n := range sortedKeys(b.changedIncidents) {
		r := b.incidents[n]
		rows = append(rows, []any{
			n, r.group, r.state, r.open, r.level, r.nextDue, r.opened, r.updated, r.title, r.search, string(r.doc),
		})
	}
	out = append(out, incidentRows.rows(b.d, rows)...)

	if b.changedNumber {
		add(setNumber, b.number)
	}
	rows, err = entryRows(b.entries)
	if err != nil {
		return err
	}
	out = append(out, timelineRows.rows(b.d, rows)...)
	for _, clock := range []incidents.ClockKind{incidents.Respond, incidents.Resolve} {
		if n := breaches(b.entries, clock); n > 0 {
			add(addBreaches, n, breachCounter+string(clock))
		}
	}

	for _, r := range b.regrets { // before the same may come again
		add(takeBack, r.id, r.received)
	}
	rows = nil
	for _, id := range sortedKeys(b.accepted) {
		r := b.accepted[id]
		rows = append(rows, []any{id, micros(r.received), requestWaiting, 0, 0, r.doc})
	}
	out = append(out, inboxRows.rows(b.d, rows)...)
	if len(b.finished) > 0 {
		slices.Sort(b.finished)
		add(finishRequest, b.finished, micros(now()))
	}

	operations, err := b.opsStmts()
	if err != nil {
		return err
	}
	out = append(out, operations...)

	notices, err := b.noticeRows()
	if err != nil {
		return err
	}
	settled := b.settleStmts()
	lanes := sortedKeys(b.lanes)
	if b.d == postgres && len(lanes) > 0 {
		// Who puts a row behind another and who takes that other away must not pass each other by.
		add(lockLanes, lanes)
	}
	out = append(out, notices...)
	out = append(out, settled...)
	if len(lanes) > 0 {
		add(promote, lanes)
	}
	if b.d == postgres && b.newsOutbox {
		add(tell, newsOutbox)
	}
	if b.d == postgres && b.newsInbox {
		add(tell, newsInbox)
	}
	if len(out) == 0 {
		return nil
	}
	b.wrote = true
	return b.ses.send(b.ctx, out)
}

func entryRows(entries []incidents.Entry) ([][]any, error) {
	rows := make([][]any, 0, len(entries))
	for _, e := range entries {
		doc, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("write the timeline of %s: %w", incidents.Key(e.Incident), err)
		}
		note := ""
		if e.Kind == incidents.NoteAdded {
			note = fold(e.Fact.Text)
		}
		rows = append(rows, []any{e.Incident, e.Seq, micros(e.At), clean(string(e.Kind)), note, string(doc)})
	}
	return rows, nil
}

// notify takes a notice in: a post once, an edit as often as it is asked for.
func (b *batch) notify(n incidents.Notice) {
	key := clean(n.Key)
	_, posted := b.posts[key]
	e, edited := b.edits[key]
	switch {
	case posted, edited && n.Edits == "":
		return
	case n.Edits != "":
		b.edits[key] = edit{n, e.times + 1}
	default:
		b.posts[key] = n
	}
	if !edited {
		b.order = append(b.order, key)
	}
	b.lanes[laneOf(n)] = true
	b.newsOutbox = true
}

// noticeRows keeps the order in which the notices came, since a lane is sent in the order of its ids.
func (b *batch) noticeRows() ([]stmt, error) {
	// An edit may bring an old row of its lane back, which then goes first: promote sees to those lanes.
	begun := map[string]bool{}
	for _, e := range b.edits {
		begun[laneOf(e.notice)] = true
	}
	if b.d == lite && len(b.order) > 0 {
		err := b.ses.rows(b.ctx, busyLanes, func(scan scanner) error {
			var lane string
			err := scan(&lane)
			begun[lane] = true
			return err
		}, sortedKeys(b.lanes))
		if err != nil {
			return nil, fmt.Errorf("read lanes: %w", err)
		}
	}
	var out []stmt
	var rows [][]any
	t := postRows
	emit := func() {
		out = append(out, t.rows(b.d, rows)...)
		rows = nil
	}
	for _, key := range b.order {
		n, isPost := b.posts[key]
		revision, isEdit, next := int64(1), 0, postRows
		if !isPost {
			e := b.edits[key]
			n, revision, isEdit, next = e.notice, e.times, 1, editRows
		}
		if next != t {
			emit()
			t = next
		}
		doc, err := json.Marshal(n)
		if err != nil {
			return nil, fmt.Errorf("write notice %s: %w", n.Key, err)
		}
		lane, head := laneOf(n), 0
		if !begun[lane] {
			begun[lane], head = true, 1
		}
		created := n.At
		if created.IsZero() {
			created = now()
		}
		rows = append(rows, []any{
			key, isEdit, clean(string(n.Kind)), lane, n.Priority, clean(n.Channel), outboxWaiting, head, revision, 0, 0,
			0, "", 0, "", "", "", micros(created), 0, string(doc),
		})
	}
	emit()
	return out, nil
}

// accept takes a request in.
func (b *batch) accept(r commands.Request) {
	id := clean(r.ID)
	if _, ok := b.requests[id]; ok {
		return
	}
	doc, err := json.Marshal(r)
	if err != nil {
		panic("store: " + err.Error()) // only plain data: cannot happen
	}
	b.requests[id] = true
	b.accepted[id] = acceptedRequest{r.Received, string(doc)}
	b.newsInbox = true
}

// acceptedRequest is a request on its way into the inbox.
type acceptedRequest struct {
	received time.Time
	doc      string
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// breachCounter begins the names of the counters of missed clocks.
const breachCounter = "breach/"

func breaches(entries []incidents.Entry, clock incidents.ClockKind) int {
	n := 0
	for _, e := range entries {
		if e.Kind == incidents.ClockBreach && e.Fact.Clock == clock {
			n++
		}
	}
	return n
}
