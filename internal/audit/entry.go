package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Verdict says what became of what an entry tells of.
type Verdict string

// The verdicts.
const (
	Asked     Verdict = "asked"     // more is needed before it is decided: a form was opened, an approval is waited for
	Done      Verdict = "done"      // carried out
	Unchanged Verdict = "unchanged" // taken, and there was nothing to change: it was so already
	Refused   Verdict = "refused"   // not allowed, not understood or not possible; Reason says which
	Failed    Verdict = "failed"    // allowed, tried and not done
	Approved  Verdict = "approved"  // a vote for it
	Rejected  Verdict = "rejected"  // a vote against it
	Started   Verdict = "started"   // a step began
	Undone    Verdict = "undone"    // a step was taken back
	Expired   Verdict = "expired"   // nobody decided in time
	Void      Verdict = "void"      // what was approved is not what is there any more
	Unknown   Verdict = "unknown"   // cut off while it ran: people must look
)

// Verdicts are all of them.
var Verdicts = []Verdict{
	Asked, Done, Unchanged, Refused, Failed, Approved, Rejected, Started, Undone, Expired, Void, Unknown,
}

// The actors that are no people.
const (
	Bot          = "bot"
	Clock        = "clock"
	Alertmanager = "alertmanager"
	Terminal     = "terminal"
	Nobody       = "nobody" // a request that names nobody
)

// Entry is one line of the log. The package's documentation says what each field holds. Seq, Prev and Hash are given by Chain.
type Entry struct {
	Seq      int64     `json:"seq"`
	At       time.Time `json:"at"`
	Actor    string    `json:"actor,omitempty"`
	OSUser   string    `json:"os_user,omitempty"`
	Team     string    `json:"team,omitempty"`
	Channel  string    `json:"channel,omitempty"`
	Thread   string    `json:"thread,omitempty"`
	Source   string    `json:"source,omitempty"`
	Request  string    `json:"request,omitempty"`
	Message  string    `json:"message,omitempty"`
	Action   string    `json:"action,omitempty"`
	Word     string    `json:"word,omitempty"`
	Target   string    `json:"target,omitempty"`
	Revision int64     `json:"revision,omitempty"`
	Digest   string    `json:"digest,omitempty"`
	Verdict  Verdict   `json:"verdict,omitempty"`
	Rule     string    `json:"rule,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	Prev     string    `json:"prev"`
	Hash     string    `json:"hash"`
}

// Tx is a transaction that also keeps the log. What is given to Audit is committed with everything else of the transaction.
// Callers whose transaction is declared elsewhere ask it for this.
type Tx interface {
	Audit(entries ...Entry) error
}

// texts are the fields that hold a text, by their names in the export.
func (e *Entry) texts() []text {
	return []text{
		{"actor", &e.Actor, wordRunes},
		{"os_user", &e.OSUser, wordRunes},
		{"team", &e.Team, wordRunes},
		{"channel", &e.Channel, wordRunes},
		{"thread", &e.Thread, wordRunes},
		{"source", &e.Source, wordRunes},
		{"request", &e.Request, idRunes},
		{"message", &e.Message, wordRunes},
		{"action", &e.Action, wordRunes},
		{"word", &e.Word, wordRunes},
		{"target", &e.Target, wordRunes},
		{"digest", &e.Digest, wordRunes},
		{"verdict", (*string)(&e.Verdict), wordRunes},
		{"rule", &e.Rule, wordRunes},
		{"reason", &e.Reason, detailRunes},
		{"detail", &e.Detail, detailRunes},
	}
}

// text is one of them and how many characters of it are kept.
type text struct {
	name  string
	value *string
	most  int
}

// The order of the names in the canonical encoding.
var order = []string{
	"action", "actor", "at", "channel", "detail", "digest", "message", "os_user", "prev", "reason", "request", "revision", "rule",
	"seq", "source", "target", "team", "thread", "verdict", "word",
}

const version = "notebookbot audit 1\n"

// sum is the hash of everything else in the entry, as the package's documentation defines it.
func (e *Entry) sum() string {
	values := map[string]string{
		"seq": strconv.FormatInt(e.Seq, 10), "at": e.At.Format(time.RFC3339Nano), "prev": e.Prev,
	}
	if e.Revision != 0 {
		values["revision"] = strconv.FormatInt(e.Revision, 10)
	}
	for _, t := range e.texts() {
		values[t.name] = *t.value
	}
	var b bytes.Buffer
	b.WriteString(version)
	for _, name := range order {
		if v := values[name]; v != "" {
			b.WriteString(name + " " + strconv.Itoa(len(v)) + " " + v + "\n")
		}
	}
	h := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(h[:])
}

// Encode gives the entry as a line of an export, without the line feed. The same entry always gives the same bytes.
func (e *Entry) Encode() (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return "", fmt.Errorf("write entry %d of the audit log: %w", e.Seq, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// Decode reads what Encode wrote. A line that Encode would write otherwise was changed: that is a *BrokenError.
func Decode(seq int64, line string) (Entry, error) {
	var e Entry
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		return Entry{}, &BrokenError{Seq: seq, What: Changed}
	}
	if again, err := e.Encode(); err != nil || again != line || e.Seq != seq {
		return Entry{}, &BrokenError{Seq: seq, What: Changed}
	}
	return e, nil
}
