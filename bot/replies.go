package bot

import (
	"encoding/json"
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

// Slack takes five answers to a response URL within half an hour of the click. The time is cut short a little, because an answer
// on its way when the URL ends is lost.
const (
	replyUses = 5
	replyLife = 29 * time.Minute
)

// replies remembers how often each response URL was used, as a hash: the URL itself lets anybody speak for the bot. What it does
// not know, after a restart, is tried.
type replies struct {
	mu    sync.Mutex
	seed  maphash.Seed
	known map[uint64]*reply
}

type reply struct {
	first time.Time
	uses  int
}

func (r *replies) key(address string) uint64 {
	if r.known == nil {
		r.known, r.seed = map[uint64]*reply{}, maphash.MakeSeed()
	}
	return maphash.String(r.seed, address)
}

// met notes that a response URL came just now.
func (r *replies) met(address string) {
	if address == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k, now := r.key(address), time.Now()
	if len(r.known) >= 10000 {
		for old, v := range r.known {
			if now.Sub(v.first) > replyLife {
				delete(r.known, old)
			}
		}
		if len(r.known) >= 10000 {
			clear(r.known) // then they are tried
		}
	}
	if r.known[k] == nil {
		r.known[k] = &reply{first: now}
	}
}

// usable tells whether Slack may still take an answer there.
func (r *replies) usable(address string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.known[r.key(address)]
	return v == nil || v.uses < replyUses && time.Since(v.first) < replyLife
}

// used counts an answer; gone says that Slack takes no more.
func (r *replies) used(address string, gone bool) {
	r.met(address)
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.known[r.key(address)]
	if v == nil {
		return
	}
	v.uses++
	if gone {
		v.uses = replyUses
	}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// encode writes JSON. Go's own form spells < and > with six characters each, which would count against maxWire.
func encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("bot: " + err.Error()) // only our own types: cannot happen
	}
	return strings.TrimSuffix(b.String(), "\n")
}
