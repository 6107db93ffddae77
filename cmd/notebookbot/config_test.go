package main

import (
	"os"
	"testing"
)

// contractEnv sets what the contract's example takes from the environment.
func contractEnv(name string) (string, bool) {
	v, ok := map[string]string{
		"NOTEBOOKBOT_SECRET": "0123456789abcdef0123456789abcdef",
		"SLACK_APP_TOKEN":    "xapp-1-A0-1-abc",
		"SLACK_BOT_TOKEN":    "xoxb-1-2-abc",
		"ALERTMANAGER_TOKEN": "a-token-of-alertmanager",
	}[name]
	return v, ok
}

func TestTheContractsExampleIsAcceptedAsItStands(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/contract.yml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := parseConfig("contract.yml", b, contractEnv)
	if err != nil {
		t.Fatalf("the contract's YAML is refused:\n%v", err)
	}
	t.Logf("%+v", cfg)
}
