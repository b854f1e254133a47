package event

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNotFound says that the record has no event of that version, or that it belongs to another organisation.
var ErrNotFound = errors.New("no such event")

// Columns lists the columns of the event table in the order that Scan reads them.
const Columns = `event_id, organization_id, kind, record_id, version, type, topic, happened_at, effective_at, actor, cause,
	coalesce(responsible_id::text, ''), coalesce(previous_responsible_id::text, ''), trace_parent, payload, address, request_id`

// Scan reads one row of Columns.
func Scan(row pgx.CollectableRow) (Event, error) {
	var e Event
	err := row.Scan(&e.ID, &e.Organization, &e.Kind, &e.RecordID, &e.Version, &e.Type, &e.Topic, &e.HappenedAt, &e.EffectiveAt,
		&e.Actor, &e.Cause, &e.Responsible, &e.PreviousResponsible, &e.TraceParent, &e.Payload,
		&e.Address, &e.RequestID)
	e.HappenedAt = e.HappenedAt.UTC()
	if e.EffectiveAt != nil {
		at := e.EffectiveAt.UTC()
		e.EffectiveAt = &at
	}
	return e, err
}

// HistorySQL selects the events of record ($1 kind, $2 ID) below version $3, newest first, at most $4.
const HistorySQL = `
	SELECT ` + Columns + `
	FROM events
	WHERE kind = $1 AND record_id = $2 AND version < $3
	ORDER BY version DESC
	LIMIT $4`

// AtSQL selects the event that made version $3 of record ($1 kind, $2 ID).
const AtSQL = `
	SELECT ` + Columns + `
	FROM events
	WHERE kind = $1 AND record_id = $2 AND version = $3
	LIMIT 1`

// HistoryArgs are the arguments of HistorySQL: the latest events, and only those below version before if that is not 0.
func HistoryArgs(kind, recordID string, before int64, limit int) []any {
	if before <= 0 {
		before = 1<<63 - 1
	}
	return []any{kind, recordID, before, limit}
}

// Collect reads the rows of HistorySQL.
func Collect(rows pgx.Rows) ([]Event, error) {
	evs, err := pgx.CollectRows(rows, Scan)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return evs, nil
}

// One reads the row of AtSQL.
func One(rows pgx.Rows) (Event, error) {
	e, err := pgx.CollectOneRow(rows, Scan)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Event{}, ErrNotFound
	case err != nil:
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	return e, nil
}
