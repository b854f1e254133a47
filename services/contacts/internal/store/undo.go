package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
)

// Before returns records as they were before versions of theirs, from their events, in one round trip. One without an
// earlier event, which that version made, is left out.
func (t *table[T, P]) Before(ctx context.Context, tx pgx.Tx, org string, ids []string, versions []int64) (map[string]*T, error) {
	rows, err := tx.Query(ctx, `
		SELECT n.id::text, was.event_id::text, was.type, was.payload
		FROM unnest($3::uuid[], $4::bigint[]) AS n (id, version)
		CROSS JOIN LATERAL (
			SELECT event_id, type, payload FROM events
			WHERE organization_id = $1 AND kind = $2 AND record_id = n.id AND version < n.version
			ORDER BY version DESC LIMIT 1
		) AS was`, org, string(t.kind), ids, versions)
	if err != nil {
		return nil, fmt.Errorf("read earlier %s: %w", t.name, err)
	}
	out := make(map[string]*T, len(ids))
	var recordID string
	var ev event.Event
	if _, err := pgx.ForEachRow(rows, []any{&recordID, &ev.ID, &ev.Type, &ev.Payload}, func() (err error) {
		out[recordID], err = t.fromEvent(ev)
		return err
	}); err != nil {
		return nil, fmt.Errorf("read earlier %s: %w", t.name, err)
	}
	return out, nil
}
