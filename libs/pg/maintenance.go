package pg

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/idem"
)

// PartitionsAhead is how many coming months of the event table are kept ready.
const PartitionsAhead = 3

// Maintenance keeps the shared tables in shape: coming partitions of the event table, request IDs past their time.
type Maintenance struct {
	// DB is opened with RoleSystem.
	DB *DB
	// Every is the pause between two rounds; an hour if zero.
	Every time.Duration
	Log   *slog.Logger
}

// Run works until ctx is done. A round that fails is logged and tried again with the next.
func (m *Maintenance) Run(ctx context.Context) error {
	every := m.Every
	if every <= 0 {
		every = time.Hour
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := m.Once(ctx); err != nil && ctx.Err() == nil && m.Log != nil {
			m.Log.ErrorContext(ctx, "maintenance of the shared tables", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Once does one round. Replicas may do theirs at the same time.
func (m *Maintenance) Once(ctx context.Context) error {
	if err := m.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT kontor_event_partitions($1)`, PartitionsAhead)
		return err
	}); err != nil {
		return fmt.Errorf("make partitions: %w", err)
	}
	const some = 5000 // a short transaction each
	for {
		var gone int64
		if err := m.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `
				DELETE FROM idempotency
				WHERE ctid = ANY (ARRAY (
					SELECT ctid
					FROM idempotency
					WHERE created_at < $1
					LIMIT $2
					FOR UPDATE SKIP LOCKED))`, m.DB.clock.Now().Add(-idem.TTL), some)
			gone = tag.RowsAffected()
			return err
		}); err != nil {
			return fmt.Errorf("forget old request IDs: %w", err)
		}
		if gone < some {
			return nil
		}
	}
}
