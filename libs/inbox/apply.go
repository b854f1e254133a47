package inbox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
)

// integrityAttempts is how often a violated constraint is taken for a race before it is taken for a fault of the event.
const integrityAttempts = 5

// failure is an event that stopped a transaction.
type failure struct {
	offset int64
	err    error
}

func (f *failure) Error() string { return fmt.Sprintf("event at offset %d: %v", f.offset, f.err) }
func (f *failure) Unwrap() error { return f.err }

// apply brings a batch into the database, waiting and trying again as long as it takes. It returns an error only if ctx
// is done or another reader has taken over.
func (p *partition) apply(ctx context.Context, batch []kafka.Message) error {
	poison := map[int64]error{} // by offset: to be parked
	size, attempt, pause := len(batch), 0, shortestPause
	for len(batch) > 0 {
		size = min(size, len(batch))
		err := p.transaction(ctx, batch[:size], poison)
		if err == nil {
			batch, size, attempt, pause = batch[size:], len(batch), 0, shortestPause
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errMoved) {
			return err
		}
		attempt++
		var f *failure
		if errors.As(err, &f) {
			if permanent(f.err, attempt) {
				poison[f.offset] = f.err
				continue
			}
			// What came before it need not wait for it.
			if before := index(batch, f.offset); before > 0 {
				size = before
				continue
			}
			size = 1
		}
		p.metrics.retries.Inc()
		p.Log.ErrorContext(ctx, "events not applied; trying again", "consumer", p.Name, "topic", p.topic, "partition", p.id,
			"offset", batch[0].Offset, "attempt", attempt, "retry_in", pause, "error", err)
		if err := broker.Wait(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
	return nil
}

func index(batch []kafka.Message, offset int64) int {
	for i, m := range batch {
		if m.Offset == offset {
			return i
		}
	}
	return 0
}

// permanent decides whether another attempt could end differently.
func permanent(err error, attempt int) bool {
	if errors.Is(err, ErrPermanent) {
		return true
	}
	switch state := pg.State(err); {
	case strings.HasPrefix(state, "22"): // a value that the column cannot hold
		return true
	case strings.HasPrefix(state, "23"): // a constraint: another transaction may be about to mend it
		return attempt >= integrityAttempts
	}
	return false
}

// transaction applies messages and stores the position after them.
func (p *partition) transaction(ctx context.Context, batch []kafka.Message, poison map[int64]error) error {
	var applied, parked int
	var last time.Time
	err := p.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		applied, parked = 0, 0
		keys, err := p.lock(ctx, tx)
		if err != nil {
			return err
		}
		s := session{tx: tx, role: p.Role}
		for _, m := range batch {
			key := sayable(string(m.Key))
			reason, poisoned := poison[m.Offset]
			if poisoned || keys[key] {
				if err := s.system(ctx); err != nil {
					return err
				}
				if err := p.park(ctx, tx, m, reason); err != nil {
					return err
				}
				keys[key] = true
				parked++
				continue
			}
			at, err := p.handle(ctx, &s, m)
			if err != nil {
				return &failure{m.Offset, err}
			}
			if at.After(last) {
				last = at
			}
			applied++
		}
		if err := s.system(ctx); err != nil {
			return err
		}
		return p.store(ctx, tx, batch[len(batch)-1], last)
	})
	if err != nil {
		return err
	}
	end := batch[len(batch)-1]
	p.next, p.end = end.Offset+1, max(end.HighWaterMark, end.Offset+1)
	p.state.seen(p, p.next, p.end, last)
	p.metrics.applied.Add(float64(applied))
	p.metrics.parkedTotal.Add(float64(parked))
	p.metrics.lag.WithLabelValues(p.topic, strconv.Itoa(p.id)).Set(float64(p.end - p.next))
	return nil
}

// lock takes the position, so that no other reader of the partition gets in between, and returns the keys that are
// parked.
func (p *partition) lock(ctx context.Context, tx pgx.Tx) (map[string]bool, error) {
	b := &pgx.Batch{}
	var stored int64
	// What is lost in a crash, changes and position together, is read from Kafka again: the commit need not wait.
	b.Queue(`SELECT set_config('synchronous_commit', 'off', true)`)
	b.Queue(`
		SELECT next_offset
		FROM inbox_positions
		WHERE consumer = $1 AND topic = $2 AND partition = $3
		FOR UPDATE`, p.Name, p.topic, p.id).QueryRow(func(row pgx.Row) error { return row.Scan(&stored) })
	keys := map[string]bool{}
	b.Queue(`
		SELECT DISTINCT key
		FROM inbox_parked
		WHERE consumer = $1 AND topic = $2 AND partition = $3`, p.Name, p.topic, p.id).Query(func(rows pgx.Rows) error {
		var key string
		_, err := pgx.ForEachRow(rows, []any{&key}, func() error {
			keys[key] = true
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("lock position: %w", err)
	}
	if stored != p.next {
		return nil, fmt.Errorf("%w: expected %d, found %d", errMoved, p.next, stored)
	}
	return keys, nil
}

func (p *partition) store(ctx context.Context, tx pgx.Tx, end kafka.Message, last time.Time) error {
	var lastAt *time.Time
	if !last.IsZero() {
		lastAt = &last
	}
	if _, err := tx.Exec(ctx, `
		UPDATE inbox_positions
		SET next_offset = $4, end_offset = $5, last_event_at = greatest(last_event_at, $6), applied_at = now()
		WHERE consumer = $1 AND topic = $2 AND partition = $3`,
		p.Name, p.topic, p.id, end.Offset+1, max(end.HighWaterMark, end.Offset+1), lastAt); err != nil {
		return fmt.Errorf("store position: %w", err)
	}
	return nil
}

// handle gives a message to its handler and returns when the event happened.
func (p *partition) handle(ctx context.Context, s *session, m kafka.Message) (time.Time, error) {
	ev, err := broker.Decode(m)
	if err != nil {
		return time.Time{}, errors.Join(ErrPermanent, err)
	}
	return ev.HappenedAt, p.deliver(ctx, s, ev)
}

// deliver calls the handler of an event, if it has one, as the event's organisation.
func (p *partition) deliver(ctx context.Context, s *session, ev event.Event) (err error) {
	h := p.handler(ev.Type)
	if h == nil {
		return nil
	}
	if err := s.become(ctx, ev.Organization); err != nil {
		return err
	}
	ctx, span := p.trace(ctx, ev)
	defer func() {
		if err != nil {
			span.RecordError(err)
			span.SetStatus(codes.Error, "not applied")
		}
		span.End()
	}()
	// Who did it goes on doing it, through this consumer.
	ctx = authn.With(ctx, authn.Principal{OrganizationID: ev.Organization, UserID: userOf(ev.Actor), Service: p.Name})
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: panic: %v\n%s", ErrPermanent, r, debug.Stack())
		}
	}()
	return h(ctx, s.tx, ev)
}

// trace goes on with the trace of the write, so that one trace leads from a click to what it changed elsewhere, and
// events that the handler adds belong to it too.
func (p *partition) trace(ctx context.Context, ev event.Event) (context.Context, trace.Span) {
	if ev.TraceParent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": ev.TraceParent})
	}
	if p.Tracer == nil {
		return ctx, noop.Span{}
	}
	return p.Tracer.Start(ctx, "apply "+ev.Type, trace.WithSpanKind(trace.SpanKindConsumer), //nolint:spancheck // the caller ends it
		trace.WithAttributes(attribute.String("messaging.consumer.group.name", p.Name),
			attribute.String("messaging.destination.name", p.topic)))
}

// userOf is the actor if it is a user.
func userOf(actor string) string {
	if strings.HasPrefix(actor, "service:") {
		return ""
	}
	return actor
}

// session knows as whom the transaction works at the moment.
type session struct {
	tx   pgx.Tx
	role string
	now  string // role
	org  string
}

const become = `SELECT set_config('role', $1, true), set_config('kontor.organization', $2, true)`

// become changes to the handlers' role, for one organisation.
func (s *session) become(ctx context.Context, org string) error {
	if s.now == s.role && s.org == org {
		return nil
	}
	if _, err := s.tx.Exec(ctx, become, s.role, org); err != nil {
		return fmt.Errorf("become organisation: %w", err)
	}
	s.now, s.org = s.role, org
	return nil
}

// system changes back for the bookkeeping.
func (s *session) system(ctx context.Context) error {
	if s.now == "" || s.now == pg.RoleSystem {
		return nil
	}
	if _, err := s.tx.Exec(ctx, become, pg.RoleSystem, ""); err != nil {
		return fmt.Errorf("become system: %w", err)
	}
	s.now, s.org = pg.RoleSystem, ""
	return nil
}

// park puts a message aside, with the reason, or behind another of its key if there is none.
func (p *partition) park(ctx context.Context, tx pgx.Tx, m kafka.Message, reason error) error {
	names, values := make([]string, len(m.Headers)), make([][]byte, len(m.Headers))
	var eventID, eventType string
	for i, h := range m.Headers {
		names[i], values[i] = h.Key, h.Value
		if values[i] == nil {
			values[i] = []byte{}
		}
		switch h.Key {
		case broker.HeaderID:
			eventID = string(h.Value)
		case broker.HeaderType:
			eventType = string(h.Value)
		}
	}
	text := ""
	if reason != nil {
		text = sayable(reason.Error())
	}
	value := m.Value
	if value == nil {
		value = []byte{}
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO inbox_parked (consumer, topic, partition, "offset", key, event_id, type, header_names, header_values, payload, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		p.Name, p.topic, p.id, m.Offset, sayable(string(m.Key)), sayable(eventID), sayable(eventType), names, values, value, text,
	); err != nil {
		return fmt.Errorf("park: %w", err)
	}
	p.Log.ErrorContext(ctx, "event parked", "consumer", p.Name, "topic", p.topic, "partition", p.id, "offset", m.Offset,
		"event_id", eventID, "type", eventType, "error", text)
	return nil
}

// sayable is what a text column can hold of s.
func sayable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// decodeParked is the message of a parked row, as it came.
func decodeParked(topic, key string, names []string, values [][]byte, payload []byte) (event.Event, error) {
	m := kafka.Message{Topic: topic, Key: []byte(key), Value: payload}
	for i := range min(len(names), len(values)) {
		m.Headers = append(m.Headers, kafka.Header{Key: names[i], Value: values[i]})
	}
	return broker.Decode(m)
}
