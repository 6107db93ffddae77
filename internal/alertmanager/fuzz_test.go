package alertmanager

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Whatever the bytes: no panic, never 5xx while the receiver works, and what is taken keeps the package's promise.
func FuzzWebhook(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) == 0 {
		f.Fatalf("no captures: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"version":"4","groupKey":"k","status":"firing","alerts":[{"status":"firing","labels":{"\u0000":"\ud800"}}]}`))
	f.Add([]byte(`{"version":"4","groupKey":"k","status":"resolved","truncatedAlerts":3,"alerts":[{"status":"resolved","fingerprint":"x"}]}`))
	to := &recorder{}
	h := newHandler(f, Config{}, to) // one for all: what is new each time hides from the fuzzer which bytes were new
	f.Fuzz(func(t *testing.T, b []byte) {
		to.got = nil
		w := httptest.NewRecorder()
		h.ServeHTTP(w, from(here, "POST", Path, string(b)))
		if w.Code != 200 {
			if w.Code != 400 && w.Code != 413 || len(to.got) != 0 {
				t.Fatalf("answer %d, taken %d", w.Code, len(to.got))
			}
			return
		}
		got := to.last(t)
		if len(got.Alerts) == 0 || got.Group.ID() == "" || got.Title == "" {
			t.Fatalf("taken without alerts, group or title: %+v", got)
		}
		seen := map[string]bool{}
		for _, a := range got.Alerts {
			if seen[a.Fingerprint] || !isFingerprint(a.Fingerprint) {
				t.Fatalf("fingerprint %q twice or none", a.Fingerprint)
			}
			seen[a.Fingerprint] = true
			if a.StartsAt.After(time.Now().Add(skew+time.Minute)) || a.Firing && !a.EndsAt.IsZero() {
				t.Fatalf("times from %v to %v", a.StartsAt, a.EndsAt)
			}
		}
		written, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("cannot be written down: %v", err)
		}
		if strings.Contains(string(written), `\u0000`) {
			t.Fatalf("NUL got through: %s", written)
		}
		back := got
		back.Alerts = nil
		if err := json.Unmarshal(written, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("not the same after writing and reading:\n%s", diff)
		}
	})
}
