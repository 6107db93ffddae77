package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestASecretShowsInNothingThatPrints(t *testing.T) {
	t.Parallel()
	const plain = "hunter2"
	type holder struct {
		Token  Secret
		Tokens []Secret
		Map    map[string]Secret
		Any    any
	}
	h := holder{Token: plain, Tokens: []Secret{plain}, Map: map[string]Secret{"a": plain}, Any: Secret(plain)}
	secret := Secret(plain)

	var out bytes.Buffer
	for _, v := range []any{secret, &secret, h, &h} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%08q", "%t"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		fmt.Fprintln(&out, fmt.Errorf("token %v: %s", v, v))
		for _, log := range []*slog.Logger{
			slog.New(slog.NewTextHandler(&out, nil)),
			slog.New(slog.NewJSONHandler(&out, nil)),
		} {
			log.Info("with a secret", "secret", v, slog.Group("g", "s", v))
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		y, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(j)
		out.Write(y)
	}
	if err := yaml.NewEncoder(&out).Encode(defaultConfig()); err != nil {
		t.Fatal(err)
	}
	hexed := fmt.Sprintf("%x", plain)
	if s := out.String(); strings.Contains(s, plain) || strings.Contains(strings.ToLower(s), hexed) || !strings.Contains(s, redacted) {
		t.Errorf("a secret shows:\n%s", s)
	}
	if secret.Reveal() != plain {
		t.Errorf("Reveal() = %q, want it as it is", secret.Reveal())
	}
}
