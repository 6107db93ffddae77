package commands

import "testing"

func TestWhatIsNoIDIsToldBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"tomorrow": "tomorrow", "20261124t090000z": "20261124T090000Z", "2026-11-24t09:00z": "2026-11-24T09:00Z", "op-7": "OP-7", "operator": "operator", "": "",
	} {
		if got := capitals(word); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
