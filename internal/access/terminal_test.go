package access_test

import (
	"errors"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/access"
)

func TestATerminalVouchesForThoseInBreakGlassByIDAndForNobodyElse(t *testing.T) {
	t.Parallel()
	cfg := access.Config{
		Operators: []string{"Ubreak", "Uop"}, Commanders: []string{"Scom"}, BreakGlass: []string{"Ubreak", "Uread", "Sgroup"}, Team: team,
	}
	a := access.Terminal(cfg, nil)
	for _, c := range []struct {
		user, word string
		want       access.Reason
		because    error
	}{
		{"Ubreak", "restart", "", nil},
		{"Ubreak", "help", "", nil},
		{"Uread", "help", "", nil},
		{"Uread", "restart", access.NotListed, nil},
		{"Uop", "help", access.LookupFailed, access.ErrNotVouched},
		{"Sgroup", "help", access.LookupFailed, access.ErrNotVouched},
		{"", "help", access.LookupFailed, nil},
	} {
		err := a.Allow(t.Context(), c.user, access.TerminalTeam, c.word)
		if got := reason(t, err); got != c.want || c.because != nil && !errors.Is(err, c.because) {
			t.Errorf("%s by %q: %v, want reason %q because of %v", c.word, c.user, err, c.want, c.because)
		}
	}
	if err := a.MayActAlone(t.Context(), "Ubreak", access.TerminalTeam, "restart"); err != nil {
		t.Error(err)
	}
	if got := reason(t, a.MayActAlone(t.Context(), "Uread", access.TerminalTeam, "restart")); got != access.NotListed {
		t.Errorf("who may break the glass but not restart: reason %q", got)
	}
	err := a.MayApprove(t.Context(), "Ubreak", access.TerminalTeam, "restart")
	if reason(t, err) != access.LookupFailed || !errors.Is(err, access.ErrGroups) {
		t.Errorf("a group that cannot be looked up lets somebody in, or says nothing of it: %v", err)
	}
}

func TestTheTerminalAndTheChatDoNotVouchForEachOther(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.BreakGlass = []string{"Uop"}
	if got := reason(t, access.New(cfg, workspace(), nil).Allow(t.Context(), "Uop", access.TerminalTeam, "help")); got != access.IsStranger {
		t.Errorf("the chat takes somebody from a terminal: reason %q", got)
	}
	if got := reason(t, access.Terminal(cfg, nil).Allow(t.Context(), "Uop", team, "help")); got != access.IsStranger {
		t.Errorf("the terminal takes somebody from the chat: reason %q", got)
	}
}
