package undo

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
)

// Before returns the events that tell how records were before their spans, by ID, in one round trip. A record that the
// operation made has none.
func Before(ctx context.Context, tx pgx.Tx, org, kind string, spans []Span) (map[string]event.Event, error) {
	ids, firsts := make([]string, len(spans)), make([]int64, len(spans))
	for i, s := range spans {
		ids[i], firsts[i] = s.RecordID, s.First
	}
	rows, err := tx.Query(ctx, `
		SELECT was.record_id::text, was.event_id::text, was.organization_id::text, was.version, was.type, was.payload
		FROM unnest($3::uuid[], $4::bigint[]) AS n (id, version)
		CROSS JOIN LATERAL (
			SELECT * FROM events
			WHERE organization_id = $1 AND kind = $2 AND record_id = n.id AND version < n.version
			ORDER BY version DESC LIMIT 1
		) AS was`, org, kind, ids, firsts)
	if err != nil {
		return nil, fmt.Errorf("read how %ss were: %w", kind, err)
	}
	out := make(map[string]event.Event, len(spans))
	ev := event.Event{Kind: kind}
	if _, err := pgx.ForEachRow(rows, []any{&ev.RecordID, &ev.ID, &ev.Organization, &ev.Version, &ev.Type, &ev.Payload}, func() error {
		was := ev
		was.Payload = append([]byte(nil), ev.Payload...)
		out[was.RecordID] = was
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read how %ss were: %w", kind, err)
	}
	return out, nil
}

// Keep says why a record is left as it is.
func Keep(err error) (Result, bool) { return refusal(err) }

// Changed is the result for a record that is not as the operation left it: gone for good, or just changed by somebody.
func Changed(gone bool) Result {
	if gone {
		return Result{Outcome: Left, Reason: ReasonChanged, Message: "it has been removed for good"}
	}
	return Result{Outcome: Left, Reason: ReasonChanged, Message: "it has just been changed; it is left as it is"}
}
