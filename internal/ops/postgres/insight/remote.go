package insight

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ai-notebook/notebookbot/internal/ops/postgres"
)

// Remote is a database that is reached by its address. Each look has a connection of its own.
type Remote struct {
	DSN string // never part of an error
}

// Ask carries out statements and gives the one value of the last.
func (r Remote) Ask(ctx context.Context, statements string) (string, error) {
	cfg, err := pgx.ParseConfig(r.DSN)
	if err != nil {
		return "", errors.New("database.dsn cannot be read") // err would quote it
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		if said, ok := errors.AsType[*pgconn.PgError](err); ok {
			return "", fmt.Errorf("%w: %w", postgres.ErrRefused, said)
		}
		return "", fmt.Errorf("%w: %w", postgres.ErrAway, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the server notices the end in any case
	results, err := conn.PgConn().Exec(ctx, statements).ReadAll()
	if err != nil {
		return "", fmt.Errorf("ask the database: %w", err)
	}
	for _, result := range slices.Backward(results) {
		if rows := result.Rows; len(rows) == 1 && len(rows[0]) == 1 {
			return string(rows[0][0]), nil
		}
	}
	return "", errors.New("the database's answer has no value")
}
