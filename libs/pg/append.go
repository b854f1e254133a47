package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
)

// complete fills in what the write knows: organisation, actor, address, request, time, trace.
func (db *DB) complete(ctx context.Context, org string, evs []event.Event) error {
	if len(evs) == 0 {
		return nil
	}
	now, actor, parent, address := db.clock.Now(), Actor(ctx), traceParent(ctx), authn.Address(ctx)
	request, _ := idem.From(ctx) // each write of a request belongs to it, not only the one that answers it
	for i := range evs {
		e := &evs[i]
		e.Organization = org
		if e.Actor == "" {
			e.Actor = actor
		}
		if e.HappenedAt.IsZero() {
			e.HappenedAt = now
		}
		if e.TraceParent == "" {
			e.TraceParent = parent
		}
		if e.Address == "" {
			e.Address = address
		}
		if e.RequestID == "" {
			e.RequestID = request.ID
		}
		if err := e.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Actor is who the context acts for, as events name it; empty if nobody is known.
func Actor(ctx context.Context) string {
	p, _ := authn.From(ctx)
	return p.Actor()
}

// traceParent is the W3C form of the span that ctx is in. It is stored with the event, because the relay may publish
// it long after the span has ended.
func traceParent(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	return "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String()
}

const insertAnswer = `
	INSERT INTO idempotency (organization_id, user_id, method, request_id, hash, kind, record_id, version)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// queueAnswer remembers what the request of ctx has changed, and reports whether there is anything to remember.
func queueAnswer(ctx context.Context, b *pgx.Batch, org string, evs []event.Event) bool {
	req, ok := idem.From(ctx)
	if !ok {
		return false
	}
	a, ok := idem.Remembered(ctx)
	if !ok {
		if len(evs) == 0 {
			return false
		}
		a = idem.Answer{Kind: evs[0].Kind, RecordID: evs[0].RecordID, Version: evs[0].Version}
	}
	hash := req.Hash
	if hash == nil {
		hash = []byte{}
	}
	b.Queue(insertAnswer, org, Actor(ctx), req.Method, req.ID, hash, a.Kind, a.RecordID, a.Version)
	return true
}

// committed wakes the relay and closes the request: a second write of it is not the one a repetition asks for.
func (db *DB) committed(ctx context.Context, remembered, events bool) {
	if remembered {
		idem.Done(ctx)
	}
	if events {
		db.written()
	}
}

// replayed decides what a failed write means. A request that was answered before fails in ways of its own (its name
// is taken, its etag is old), so whatever the error was, its answer is looked up. again says that the transaction has
// had no effect and should be run again.
func (db *DB) replayed(ctx context.Context, org string, failure error) (again bool, err error) {
	if retryable(failure) {
		return true, failure
	}
	req, ok := idem.From(ctx)
	if !ok || ctx.Err() != nil || isOutage(failure) {
		return false, failure
	}
	var hash []byte
	var r idem.Replay
	err = db.QueryRow(ctx, org, `
		SELECT hash, kind, record_id, version
		FROM idempotency
		WHERE organization_id = $1 AND user_id = $2 AND method = $3 AND request_id = $4`,
		org, Actor(ctx), req.Method, req.ID).Scan(&hash, &r.Kind, &r.RecordID, &r.Version)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		// It may have expired between the violation and the look-up: then this is a new request.
		return IsUnique(failure, "idempotency_pkey"), failure
	case err != nil:
		return false, fmt.Errorf("look up request: %w", err)
	case !bytes.Equal(hash, req.Hash):
		return false, idem.ErrReused
	}
	return false, &r
}

const insertEvent = `
	WITH e AS (
		INSERT INTO events (organization_id, kind, record_id, version, event_id, type, topic, happened_at, effective_at, actor,
			cause, responsible_id, previous_responsible_id, trace_parent, payload, address, request_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
	)
	INSERT INTO outbox (slice, organization_id, kind, record_id, version, happened_at)
	VALUES ($18, $1, $2, $3, $4, $8)`

// queueEvents adds a statement for the event table and one for the outbox, however many events there are.
func queueEvents(b *pgx.Batch, evs []event.Event) {
	switch len(evs) {
	case 0:
		return
	case 1:
		e := &evs[0]
		b.Queue(insertEvent, e.Organization, e.Kind, e.RecordID, e.Version, e.ID, e.Type, e.Topic, e.HappenedAt, e.EffectiveAt,
			e.Actor, e.Cause, optional(e.Responsible), optional(e.PreviousResponsible), e.TraceParent, e.Payload, e.Address,
			e.RequestID, e.Slice())
		return
	}
	kinds, records := column(evs, func(e *event.Event) string { return e.Kind }), column(evs, func(e *event.Event) string { return e.RecordID })
	versions := column(evs, func(e *event.Event) int64 { return e.Version })
	happened := column(evs, func(e *event.Event) time.Time { return e.HappenedAt })
	sameTime := func(a, b time.Time) bool { return a.Equal(b) }

	r := NewRows(len(evs), evs[0].Organization)
	Column(r, "kind", "text", "text", kinds, Equal)
	Column(r, "record_id", "uuid", "uuid", records, Equal)
	Column(r, "version", "bigint", "bigint", versions, Equal)
	// Never the same, so that there is an array.
	Column(r, "event_id", "uuid", "uuid", column(evs, func(e *event.Event) string { return e.ID }), func(string, string) bool { return false })
	Column(r, "type", "text", "text", column(evs, func(e *event.Event) string { return e.Type }), Equal)
	Column(r, "topic", "text", "text", column(evs, func(e *event.Event) string { return e.Topic }), Equal)
	Column(r, "happened_at", "timestamptz", "timestamptz", happened, sameTime)
	Column(r, "effective_at", "timestamptz", "timestamptz", column(evs, func(e *event.Event) *time.Time { return e.EffectiveAt }), EqualOrNull)
	Column(r, "actor", "text", "text", column(evs, func(e *event.Event) string { return e.Actor }), Equal)
	Column(r, "cause", "text", "text", column(evs, func(e *event.Event) string { return e.Cause }), Equal)
	Column(r, "responsible_id", "uuid", "uuid", column(evs, func(e *event.Event) *string { return optional(e.Responsible) }), EqualOrNull)
	Column(r, "previous_responsible_id", "uuid", "uuid",
		column(evs, func(e *event.Event) *string { return optional(e.PreviousResponsible) }), EqualOrNull)
	Column(r, "trace_parent", "text", "text", column(evs, func(e *event.Event) string { return e.TraceParent }), Equal)
	Column(r, "payload", "bytea", "bytea", column(evs, func(e *event.Event) []byte { return e.Payload }), bytes.Equal)
	Column(r, "address", "text", "text", column(evs, func(e *event.Event) string { return e.Address }), Equal)
	Column(r, "request_id", "text", "text", column(evs, func(e *event.Event) string { return e.RequestID }), Equal)
	b.Queue(`
		INSERT INTO events (organization_id, kind, record_id, version, event_id, type, topic, happened_at, effective_at, actor,
			cause, responsible_id, previous_responsible_id, trace_parent, payload, address, request_id)
		SELECT $1, kind, record_id, version, event_id, type, topic, happened_at, effective_at, actor,
			cause, responsible_id, previous_responsible_id, trace_parent, payload, address, request_id
		FROM `+r.From(), r.Args...)

	// The outbox in a statement of its own: it needs few of the columns, and rows that two inserts share are kept in between.
	r = NewRows(len(evs), evs[0].Organization)
	Column(r, "slice", "smallint", "smallint", column(evs, (*event.Event).Slice), Equal)
	Column(r, "kind", "text", "text", kinds, Equal)
	Column(r, "record_id", "uuid", "uuid", records, func(string, string) bool { return false })
	Column(r, "version", "bigint", "bigint", versions, Equal)
	Column(r, "happened_at", "timestamptz", "timestamptz", happened, sameTime)
	b.Queue(`
		INSERT INTO outbox (slice, organization_id, kind, record_id, version, happened_at)
		SELECT slice, $1, kind, record_id, version, happened_at
		FROM `+r.From()+`
		ORDER BY place`, r.Args...)
}

// column is what each event has of a kind.
func column[T any](evs []event.Event, of func(*event.Event) T) []T {
	out := make([]T, len(evs))
	for i := range evs {
		out[i] = of(&evs[i])
	}
	return out
}

// optional is NULL for "".
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
