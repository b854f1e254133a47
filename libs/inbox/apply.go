package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

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

// together is why events that a handler got at once were not applied. Which of them is at fault shows when it gets them
// one by one.
type together struct{ err error }

func (t *together) Error() string { return fmt.Sprintf("events at once: %v", t.err) }
func (t *together) Unwrap() error { return t.err }

func (f *failure) Error() string { return fmt.Sprintf("event at offset %d: %v", f.offset, f.err) }
func (f *failure) Unwrap() error { return f.err }

// apply brings a batch into the database, waiting and trying again as long as it takes. It returns an error only if ctx
// is done or another reader has taken over.
func (p *partition) apply(ctx context.Context, batch []kafka.Message) error {
	if p.skip(batch) {
		return nil
	}
	poison := map[int64]error{} // by offset: to be parked
	alone := false              // handlers get events one by one
	size, attempt, pause := len(batch), 0, shortestPause
	for len(batch) > 0 {
		size = min(size, len(batch))
		if p.Apart {
			size = min(size, sameOrganization(batch))
		}
		err := p.transaction(ctx, batch[:size], poison, alone)
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
		var several *together
		if errors.As(err, &several) {
			alone = true
			continue
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

// sameOrganization counts the messages at the head of a batch that are of one organisation: keys begin with it.
func sameOrganization(batch []kafka.Message) int {
	first, _, _ := bytes.Cut(batch[0].Key, []byte("/"))
	for i, m := range batch {
		if org, _, _ := bytes.Cut(m.Key, []byte("/")); !bytes.Equal(org, first) {
			return i
		}
	}
	return len(batch)
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

// skip passes messages none of which anything is done with, without a transaction: to read them again after a crash
// changes nothing. The position after them is stored with what comes next, or by keep. It reports false if there is more
// to do.
func (p *partition) skip(batch []kafka.Message) bool {
	for _, m := range batch {
		if !p.ignores(m) {
			return false
		}
	}
	end := batch[len(batch)-1]
	p.skipped = happened(end)
	p.passed(end)
	return true
}

// happened is when the event of a message happened; zero if it does not say so.
func happened(m kafka.Message) time.Time {
	for _, h := range m.Headers {
		if h.Key == broker.HeaderTime {
			at, _ := time.Parse(time.RFC3339Nano, string(h.Value))
			return at
		}
	}
	return time.Time{}
}

// ignores reports whether a message is an event that has no handler. Only its type is looked at.
func (p *partition) ignores(m kafka.Message) bool {
	for _, h := range m.Headers {
		if h.Key == broker.HeaderType {
			return p.handler(string(h.Value)) == nil
		}
	}
	return false // not one of ours
}

// passed notes that everything up to end has been dealt with.
func (p *partition) passed(end kafka.Message) {
	p.next, p.end = end.Offset+1, max(end.HighWaterMark, end.Offset+1)
	p.metrics.lag.WithLabelValues(p.topic, strconv.Itoa(p.id)).Set(float64(p.end - p.next))
}

// keep stores the position after messages that were skipped.
func (p *partition) keep(ctx context.Context) error {
	err := p.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := p.lock(ctx, tx); err != nil {
			return err
		}
		return p.store(ctx, &session{tx: tx, role: p.Role}, p.next, p.end, p.skipped)
	})
	if err == nil {
		p.stored = p.next
	}
	return err
}

// transaction applies messages and stores the position after them.
func (p *partition) transaction(ctx context.Context, batch []kafka.Message, poison map[int64]error, alone bool) error {
	var applied, parked int
	var last time.Time
	end := batch[len(batch)-1]
	err := p.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		applied, parked = 0, 0
		keys, err := p.lock(ctx, tx)
		if err != nil {
			return err
		}
		s := session{tx: tx, role: p.Role}
		var r run
		for _, m := range batch {
			key := sayable(string(m.Key))
			reason, poisoned := poison[m.Offset]
			if poisoned || keys[key] {
				if err := p.flush(ctx, &s, &r); err != nil {
					return err
				}
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
			at, err := p.handle(ctx, &s, &r, m, alone)
			if err != nil {
				return err
			}
			if at.After(last) {
				last = at
			}
			applied++
		}
		if err := p.flush(ctx, &s, &r); err != nil {
			return err
		}
		return p.store(ctx, &s, end.Offset+1, max(end.HighWaterMark, end.Offset+1), last)
	})
	if err != nil {
		return err
	}
	p.passed(end)
	p.stored = p.next
	p.metrics.applied.Add(float64(applied))
	p.metrics.parkedTotal.Add(float64(parked))
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
	if stored != p.stored {
		return nil, fmt.Errorf("%w: expected %d, found %d", errMoved, p.stored, stored)
	}
	return keys, nil
}

// store stores the position, back in the role for it, in one round trip.
func (p *partition) store(ctx context.Context, s *session, next, end int64, last time.Time) error {
	var lastAt *time.Time
	if !last.IsZero() {
		lastAt = &last
	}
	b := &pgx.Batch{}
	s.queueSystem(b)
	b.Queue(`
		UPDATE inbox_positions
		SET next_offset = $4, end_offset = $5, last_event_at = greatest(last_event_at, $6), applied_at = now()
		WHERE consumer = $1 AND topic = $2 AND partition = $3`, p.Name, p.topic, p.id, next, end, lastAt)
	if err := s.tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("store position: %w", err)
	}
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
