package store

import (
	"context"
	"errors"
	"log/slog"
)

func openPostgres(context.Context, string, *slog.Logger, Options) (driver, error) {
	return nil, errors.New("PostgreSQL is not built in yet")
}
