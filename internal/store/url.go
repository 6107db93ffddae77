package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// errURL says what a store's URL may be. It never repeats what was given: that may hold a password.
var errURL = errors.New("the store's address must be sqlite:FILE, such as sqlite:notebookbot.db, " +
	"or postgres://USER@HOST/DATABASE")

func openDriver(ctx context.Context, url string, log *slog.Logger, opts Options) (driver, error) {
	kind, rest, ok := strings.Cut(url, ":")
	if !ok {
		return nil, errURL
	}
	switch kind {
	case "sqlite":
		if strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "///") {
			return nil, fmt.Errorf("%w (a file takes no //)", errURL)
		}
		if rest == "" || strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "file:") {
			return nil, fmt.Errorf("%w (a file on disk, nothing else)", errURL)
		}
		d, err := openLite(ctx, rest, log, opts)
		if err != nil {
			return nil, err // not a driver that is nil
		}
		return d, nil
	case "postgres", "postgresql":
		d, err := openPostgres(ctx, url, log, opts)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	return nil, errURL
}
