package main

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what stands wherever a secret would be printed.
const redacted = "(secret)"

// Secret is a token, password or address with a password in it. However it is printed, logged or encoded, it stays hidden;
// only Reveal gives it away.
type Secret string

// Reveal gives the secret itself, for the one call that needs it.
func (s Secret) Reveal() string { return string(s) }

// Set tells whether there is a secret at all.
func (s Secret) Set() bool { return s != "" }

// String hides the secret.
func (Secret) String() string { return redacted }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return redacted }

// Format hides the secret from every verb, %x and %d among them, which would go round String.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText hides the secret from encoders of text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON hides the secret from JSON.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML hides the secret from YAML.
func (Secret) MarshalYAML() (any, error) { return redacted, nil }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
