package main

import (
	"context"
	_ "embed" // the example configuration
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

//go:embed example.yml
var exampleConfig string

func runConfig(_ context.Context, e env, args []string) error {
	f := newFlags(e, "config")
	if err := f.parse(args); err != nil {
		return err
	}
	_, err := io.WriteString(e.stdout, exampleConfig)
	return err
}

// version and commit are set by the linker in a release (-ldflags "-X main.version=v1.2.3 -X main.commit=…"). Without them
// the build's own record tells.
var version, commit string

// built is what this program is made of.
type built struct{ version, commit, compiler string }

func builtFrom(info *debug.BuildInfo) built {
	b := built{version: version, commit: commit, compiler: runtime.Version()}
	if info == nil {
		info = &debug.BuildInfo{}
	}
	if b.version == "" {
		b.version = info.Main.Version
	}
	dirty := ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			if b.commit == "" {
				b.commit = s.Value
			}
		case "vcs.modified":
			if s.Value == "true" && commit == "" {
				dirty = " (with local changes)"
			}
		}
	}
	if b.version == "" {
		b.version = "(devel)"
	}
	if b.commit == "" {
		b.commit = "unknown"
	}
	b.commit += dirty
	return b
}

func runVersion(_ context.Context, e env, args []string) error {
	f := newFlags(e, "version")
	if err := f.parse(args); err != nil {
		return err
	}
	info, _ := debug.ReadBuildInfo()
	b := builtFrom(info)
	_, err := fmt.Fprintf(e.stdout, "notebookbot %s\ncommit %s\n%s %s/%s\n", b.version, b.commit, b.compiler, runtime.GOOS, runtime.GOARCH)
	return err
}
