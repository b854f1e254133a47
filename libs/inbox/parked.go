package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
)

// Parked is an event that could not be applied, or that queues behind one.
type Parked struct {
	Consumer, Topic string
	Partition       int
	Offset          int64
	Key             string
	EventID, Type   string
	// Error says why; empty for an event that only queues behind another of its key.
	Error    string
	ParkedAt time.Time
}

// ListParked returns what is parked, oldest first, at most limit. An empty consumer means all.
func ListParked(ctx context.Context, db *pg.DB, consumer string, limit int) ([]Parked, error) {
	rows, err := db.Pool().Query(ctx, `
		SELECT consumer, topic, partition, "offset", key, event_id, type, error, parked_at
		FROM inbox_parked
		WHERE $1 = '' OR consumer = $1
		ORDER BY parked_at, consumer, topic, partition, "offset"
		LIMIT $2`, consumer, limit)
	if err != nil {
		return nil, fmt.Errorf("list parked: %w", err)
	}
	parked, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Parked])
	if err != nil {
		return nil, fmt.Errorf("list parked: %w", err)
	}
	return parked, nil
}

// Unpark asks the consumer to try the parked events of a key again, in order, before any later ones; of all keys if key
// is empty. It returns the number of events. The consumer does it within seconds; what fails for good is parked anew.
func Unpark(ctx context.Context, db *pg.DB, consumer, key string) (int64, error) {
	tag, err := db.Pool().Exec(ctx, `
		UPDATE inbox_parked
		SET unpark = true
		WHERE consumer = $1 AND ($2 = '' OR key = $2)`, consumer, key)
	if err != nil {
		return 0, fmt.Errorf("unpark: %w", err)
	}
	return tag.RowsAffected(), nil
}

// watchParked counts what is parked and tells the partitions when something is to be tried again.
func (c *Consumer) watchParked(ctx context.Context, parts []*partition) {
	t := time.NewTicker(c.Check)
	defer t.Stop()
	for {
		if err := c.lookAtParked(ctx, parts); err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "parked events not looked at", "consumer", c.Name, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (c *Consumer) lookAtParked(ctx context.Context, parts []*partition) error {
	rows, err := c.DB.Pool().Query(ctx, `
		SELECT topic, partition, count(*), bool_or(unpark)
		FROM inbox_parked
		WHERE consumer = $1
		GROUP BY topic, partition`, c.Name)
	if err != nil {
		return err
	}
	var topic string
	var id int
	var count, total int64
	var unpark bool
	_, err = pgx.ForEachRow(rows, []any{&topic, &id, &count, &unpark}, func() error {
		total += count
		if !unpark {
			return nil
		}
		for _, p := range parts {
			if p.topic == topic && p.id == id {
				select {
				case p.unpark <- struct{}{}:
				default:
				}
			}
		}
		return nil
	})
	c.metrics.parked.Set(float64(total))
	return err
}

type parkedRow struct {
	offset int64
	key    string
	ev     event.Event
	err    error // it cannot even be read
}

// retryParked applies the events that were asked for, each key's in order, and leaves parked what fails for good.
func (p *partition) retryParked(ctx context.Context) error {
	poison := map[int64]error{}
	for {
		more, err := p.retryOnce(ctx, poison)
		var f *failure
		if errors.As(err, &f) && permanent(f.err, integrityAttempts) {
			poison[f.offset] = f.err
			continue
		}
		if err != nil || !more {
			return err
		}
	}
}

// retryOnce is one transaction of retryParked. It reports whether there may be more to do.
func (p *partition) retryOnce(ctx context.Context, poison map[int64]error) (bool, error) {
	done := 0
	err := p.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		done = 0
		if _, err := p.lock(ctx, tx); err != nil {
			return err
		}
		rows, err := p.readParked(ctx, tx)
		if err != nil {
			return err
		}
		s := session{tx: tx, role: p.Role}
		applied, stuck := []int64{}, map[string]bool{}
		for _, r := range rows {
			if stuck[r.key] {
				continue
			}
			reason := r.err
			if reason == nil {
				reason = poison[r.offset]
			}
			if reason != nil {
				if err := s.system(ctx); err != nil {
					return err
				}
				if err := p.parkAgain(ctx, tx, r, reason); err != nil {
					return err
				}
				stuck[r.key] = true
				continue
			}
			if err := p.deliver(ctx, &s, r.ev); err != nil {
				return &failure{r.offset, err}
			}
			applied = append(applied, r.offset)
		}
		done = len(applied)
		if err := s.system(ctx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			DELETE FROM inbox_parked
			WHERE consumer = $1 AND topic = $2 AND partition = $3 AND "offset" = ANY ($4)`, p.Name, p.topic, p.id, applied)
		return err
	})
	if err == nil {
		p.metrics.applied.Add(float64(done))
	}
	return done > 0, err
}

func (p *partition) readParked(ctx context.Context, tx pgx.Tx) ([]parkedRow, error) {
	rows, err := tx.Query(ctx, `
		SELECT "offset", key, header_names, header_values, payload
		FROM inbox_parked
		WHERE consumer = $1 AND topic = $2 AND partition = $3 AND unpark
		ORDER BY "offset"
		LIMIT $4`, p.Name, p.topic, p.id, p.Batch)
	if err != nil {
		return nil, fmt.Errorf("read parked: %w", err)
	}
	parked, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (parkedRow, error) {
		var r parkedRow
		var names []string
		var values [][]byte
		var payload []byte
		if err := row.Scan(&r.offset, &r.key, &names, &values, &payload); err != nil {
			return r, err
		}
		r.ev, r.err = decodeParked(p.topic, r.key, names, values, payload)
		return r, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read parked: %w", err)
	}
	return parked, nil
}

// parkAgain leaves a key parked, with the event that stops it and those behind.
func (p *partition) parkAgain(ctx context.Context, tx pgx.Tx, r parkedRow, reason error) error {
	if _, err := tx.Exec(ctx, `
		UPDATE inbox_parked
		SET unpark = false, error = CASE WHEN "offset" = $5 THEN $6 ELSE error END
		WHERE consumer = $1 AND topic = $2 AND partition = $3 AND key = $4`,
		p.Name, p.topic, p.id, r.key, r.offset, sayable(reason.Error())); err != nil {
		return fmt.Errorf("park again: %w", err)
	}
	return nil
}
