package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// try runs the program with a configuration in a file of its own; CONFIG in args is its name.
func try(t *testing.T, config string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bot.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "CONFIG", path)
	}
	var out, bad bytes.Buffer
	code = program(t.Context(), env{stdout: &out, stderr: &bad}, args)
	return code, out.String(), bad.String()
}

func TestExitCodesAndWordsOfTheProgram(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"without a command it tells the commands", "", nil, exitUsage, "", "Usage:"},
		{"help tells them on stdout", "", []string{"help"}, exitDone, "notebookbot serve --config FILE", ""},
		{"a typing error gets the nearest", "", []string{"sevre"}, exitUsage, "", "no command \"sevre\"; did you mean serve?"},
		{"a flag that is none", "", []string{"serve", "--confg", "x"}, exitUsage, "", "notebookbot serve: no flag --confg; did you mean --config?\nUsage"},
		{"a flag that is like no other", "", []string{"serve", "--zzzzzzz"}, exitUsage, "", "no flag --zzzzzzz\nUsage"},
		{"a flag without its value", "", []string{"serve", "--config"}, exitUsage, "", "--config needs a value"},
		{"a value for a switch", "", []string{"demo", "--no-browser=perhaps"}, exitUsage, "", `--no-browser "perhaps" is not possible`},
		{"a configuration without its flag", "", []string{"check", "x.yml"}, exitUsage, "", "given as --config FILE"},
		{"a demo in a language that it does not speak", "", []string{"demo", "--locale", "fr"}, exitUsage, "", `--locale "fr": use zh-CN or en`},
		{"a needed token whose variable is not set", strings.ReplaceAll(least, "xoxb-1", "${NO_TOKEN_YET}"), []string{"serve", "--config", "CONFIG"}, exitUsage, "", "slack.bot_token_file"},
		{"a word too many", "", []string{"version", "now"}, exitUsage, "", `unexpected "now"`},
		{"help of a command", "", []string{"serve", "-h"}, exitDone, "--config FILE", ""},
		{"serve needs a configuration", "", []string{"serve"}, exitUsage, "", "--config FILE is needed"},
		{"a file that is not there", "", []string{"serve", "--config", "no-such.yml"}, exitUsage, "", "no-such.yml: no such file or directory"},
		{"a wrong configuration", "listn: x", []string{"serve", "--config", "CONFIG"}, exitUsage, "", "bot.yml:1: listn: unknown key"},
		{"a log level that is none", "", []string{"serve", "--log-level", "loud"}, exitUsage, "", `--log-level "loud" is not possible: what is logged, by LEVEL: debug, info, warn or error`},
		{"version", "", []string{"version"}, exitDone, "notebookbot ", ""},
		{"config prints the example", "", []string{"config"}, exitDone, "people:", ""},
		{"run needs a configuration", "", []string{"run", "help"}, exitUsage, "", "--config FILE is needed"},
		{"a demo that would be open to the network", "", []string{"demo", "--listen", "nowhere"}, exitUsage, "", "use host:port"},
		{"a manifest needs no tokens yet", strings.ReplaceAll(least, "xoxb-1", "${NO_TOKEN_YET}"), []string{"manifest", "--config", "CONFIG"}, exitDone, "socket_mode_enabled: true", ""},
		{"a manifest needs the rest", strings.ReplaceAll(least, "C0OPS", "ops"), []string{"manifest", "--config", "CONFIG"}, exitUsage, "", "slack.channels.ops"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := try(t, tt.config, tt.args...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("code %d, stdout %q, stderr %q\nwant %d, %q, %q", code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
			}
			if tt.stderr == "" && stderr != "" {
				t.Errorf("stderr = %q, want nothing", stderr)
			}
		})
	}
}

func TestTheManifestNamesTheConfiguredCommandInTheConfiguredLanguage(t *testing.T) {
	t.Parallel()
	config := strings.Replace(least, "slack:\n", "app: {name: Shop, locale: en}\nslack:\n  command: /shop\n", 1)
	code, stdout, stderr := try(t, config, "manifest", "--config", "CONFIG")
	if code != exitDone {
		t.Fatal(stderr)
	}
	for _, want := range []string{"command: /shop", "name: Shop bot", "display_name: notebookbot", "Opens an incident from this message", "app_mention", "chat:write"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the manifest lacks %q:\n%s", want, stdout)
		}
	}
}

func TestAnErrorOfACommandIsSaidOnceAndFails(t *testing.T) {
	t.Parallel()
	var out, bad bytes.Buffer
	e := env{stdout: &out, stderr: &bad}
	code := run(t.Context(), e, []command{{name: "x", run: func(context.Context, env, []string) error { return errors.New("disk full") }}}, []string{"x"})
	if code != exitFailed || bad.String() != "notebookbot x: disk full\n" {
		t.Errorf("code %d, stderr %q", code, bad.String())
	}
}

func TestLoggingStartsAtTheLevelThatIsAskedFor(t *testing.T) {
	t.Parallel()
	var bad bytes.Buffer
	f := newFlags(env{stderr: &bad}, "x")
	log := f.log()
	if err := f.parse([]string{"--log-level", "warn"}); err != nil {
		t.Fatal(err)
	}
	l := log()
	l.Info("quiet")
	l.Warn("heard", "token", Secret("hunter2"))
	if s := bad.String(); strings.Contains(s, "quiet") || !strings.Contains(s, "heard") || strings.Contains(s, "hunter2") {
		t.Errorf("logged %q", s)
	}
}
