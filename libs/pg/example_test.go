package pg_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
)

// A store renames a deal: the row is locked, the version counted up, the event returned.
func ExampleDB_Write() {
	rename := func(ctx context.Context, db *pg.DB, org, id, name string) error {
		err := db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
			var version int64
			if err := tx.QueryRow(ctx, `
				UPDATE deals SET name = $3, version = version + 1
				WHERE organization_id = $1 AND id = $2
				RETURNING version`, org, id, name).Scan(&version); err != nil {
				return nil, fmt.Errorf("rename deal: %w", err)
			}
			return []event.Event{event.New("kontor.deals.v1", "deal", id, version, wrapperspb.String(name))}, nil
		})
		var replay *idem.Replay
		if errors.As(err, &replay) {
			// Done before under the same request ID: answer as of then.
			_, err = db.EventAt(ctx, org, replay.Kind, replay.RecordID, replay.Version)
		}
		return err
	}
	_ = rename
}
