package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ai-notebook/notebookbot/internal/realparts"
)

func TestCheckAsksAlertmanagerForWhatSilencingNeeds(t *testing.T) {
	t.Parallel()
	am := realparts.Alertmanager(t, "route: {receiver: none}\nreceivers: [{name: none}]\n")
	strict := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "bot" || password != "right" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte("[]"))
	}))
	defer strict.Close()
	const token = "alertmanager: {token: 0123456789abcdef, url: "
	for _, c := range []struct{ name, more, state, says, mend string }{
		{"one that runs", token + am.URL + "}\ntarget: {alerts: {backend: ['job=\"backend\"']}}\n", stateOK, "takes silences", ""},
		{"one that is away", token + "http://" + realparts.FreeAddr(t) + "}\ntarget: {alerts: {backend: ['job=\"backend\"']}}\n", stateFailed, "refused", "check `url`"},
		{"a wrong password", token + strict.URL + ", username: bot, password: wrong}\n", stateFailed, "401: who are you", "username and password"},
		{"the right one", token + strict.URL + ", username: bot, password: right}\n", stateOK, "takes silences", ""},
		{"no line for any service", token + am.URL + "}\n", stateWarning, "not silenced", "instance=~"},
	} {
		check := newCheckup(t, c.more)
		check.alertmanagers(t.Context())
		found := false
		for _, f := range check.findings {
			found = found || f.state == c.state && strings.Contains(f.reason.en, c.says) && strings.Contains(f.mend.en, c.mend)
		}
		if !found {
			t.Errorf("%s: %+v, want %s with %q and %q", c.name, check.findings, c.state, c.says, c.mend)
		}
	}
}
