package main

import (
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// commentedOut finds the keys of the example that are there to be switched on: a # with YAML right behind it, or indented.
var commentedOut = regexp.MustCompile(`(?m)^#([a-z]|  )`)

func TestTheExampleIsAcceptedOnceTheSecretsAreSet(t *testing.T) {
	t.Parallel()
	cfg, err := read(t, exampleConfig)
	if err != nil {
		t.Fatal(err)
	}
	if later := cfg.Later(); len(later) > 0 {
		t.Errorf("the example sets what this version does not use: %v", later)
	}
	_, err = parseConfig("bot.yml", []byte(exampleConfig), func(string) (string, bool) { return "", false })
	for _, name := range []string{"NOTEBOOKBOT_SECRET", "SLACK_APP_TOKEN", "SLACK_BOT_TOKEN", "ALERTMANAGER_TOKEN"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without secrets: %v, want a word about %s", err, name)
		}
	}
}

func TestTheExampleIsCompleteWithWhatItHoldsBack(t *testing.T) {
	t.Parallel()
	text := commentedOut.ReplaceAllString(strings.Replace(exampleConfig, "policies: {} ", "policies: # ", 1), "$1")
	cfg, err := read(t, text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(laterKeys, cfg.Later()); diff != "" {
		t.Error(diff)
	}
	fields, _ := fieldsOf(typeOfConfig)
	for key := range fields {
		if _, given := cfg.lines[key]; !given {
			t.Errorf("the example lacks %s", key)
		}
	}
}

func TestVersionTellsVersionCommitAndCompiler(t *testing.T) {
	t.Parallel()
	got := builtFrom(&debug.BuildInfo{
		Main:     debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}},
	})
	if got.version != "v1.2.3" || got.commit != "abc (with local changes)" || !strings.HasPrefix(got.compiler, "go1.") {
		t.Errorf("got %+v", got)
	}
	if none := builtFrom(nil); none.version != "(devel)" || none.commit != "unknown" {
		t.Errorf("without a record: %+v", none)
	}
}
