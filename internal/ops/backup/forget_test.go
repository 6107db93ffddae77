package backup

import (
	"testing"
	"time"
)

func TestASetIsForgottenOnlyWhileRetentionGivesItUp(t *testing.T) {
	t.Parallel()
	s := newStory(t, func(c *Config) { c.Retention = time.Hour })
	old := s.take(Full)
	s.pass(2 * time.Hour)
	young := s.take(Full)
	if gone, err := s.sets.Forget(t.Context(), old.ID); gone || err != nil {
		t.Errorf("one of the last three proven ones went: %v", err)
	}
	s.take(Full)
	s.take(Full)
	given, err := s.sets.Old(t.Context())
	if err != nil || len(given) != 1 || given[0].ID != old.ID {
		t.Fatalf("given up: %v, %v", ids(given), err)
	}
	for id, want := range map[string]bool{young.ID: false, "../" + old.ID: false, old.ID: true} {
		if gone, err := s.sets.Forget(t.Context(), id); gone != want || err != nil {
			t.Errorf("%s: gone %t, %v; want %t", id, gone, err, want)
		}
	}
	if len(s.names()) != 3 {
		t.Errorf("left %v", s.names())
	}
}
