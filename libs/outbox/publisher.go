package outbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
)

// publisher publishes one slice while it holds its lock.
type publisher struct {
	*Relay

	slice      int
	client     *broker.Client
	conn       *pgx.Conn
	partitions map[string]int // by topic; of this goroutine alone
}

// lockClass is the first half of the advisory locks' key: "outb".
const lockClass = 0x6f757462

// askEvery is the pause between two tries at the lock of a slice.
const askEvery = time.Second

// measureEvery is the pause between two looks at depth and age.
const measureEvery = 10 * time.Second

// run publishes until ctx is done or the connection, and the lock with it, is lost.
func (p *publisher) run(ctx context.Context, settled func()) (err error) {
	p.conn, err = p.DB.Connect(ctx, map[string]string{
		// A deletion that is lost in a crash repeats an event, no more.
		"synchronous_commit": "off",
		// The tables shrink and grow faster than their statistics: always by index.
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	})
	if err != nil {
		return err
	}
	defer closeConn(ctx, p.conn)
	if err := p.acquire(ctx); err != nil {
		return err
	}
	if err := broker.Ensure(ctx, p.client.Client, p.Topics...); err != nil {
		return err
	}
	settled()
	measure := time.NewTicker(measureEvery)
	defer measure.Stop()
	poll := time.NewTicker(p.Poll)
	defer poll.Stop()
	for {
		linger := time.After(p.Linger)
		n, err := p.publish(ctx)
		if err != nil {
			// The lock is given back with the connection: another replica may have better luck with the broker.
			return err
		}
		settled()
		if n == p.Batch {
			continue // there is more
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-linger:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.wakes[p.slice]:
		case <-poll.C:
		case <-measure.C:
			if err := p.measure(ctx); err != nil {
				return err
			}
		}
	}
}

// acquire waits for the slice's lock. It asks again and again: a statement that waits would hold back vacuum.
func (p *publisher) acquire(ctx context.Context) error {
	for {
		var got bool
		if err := p.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1, $2)`, lockClass, p.slice).Scan(&got); err != nil {
			return fmt.Errorf("lock slice %d: %w", p.slice, err)
		}
		if got {
			return nil
		}
		if err := broker.Wait(ctx, askEvery); err != nil {
			return err
		}
	}
}

// pending reads the oldest outbox rows with their events. LATERAL keeps it at one index probe a row. A row whose event
// is gone (it cannot be: events are permanent) would be left.
const pending = `
	SELECT o.id, e.*
	FROM (SELECT * FROM outbox WHERE slice = $1 ORDER BY id LIMIT $2) o
	CROSS JOIN LATERAL (
		SELECT ` + event.Columns + `
		FROM events
		WHERE organization_id = o.organization_id AND kind = o.kind AND record_id = o.record_id AND version = o.version
			AND happened_at = o.happened_at
		LIMIT 1
	) e
	ORDER BY o.id`

type target struct {
	topic     string
	partition int
}

type load struct {
	ids  []int64
	msgs []kafka.Message
}

// publish takes one batch from the outbox to Kafka and returns its size.
func (p *publisher) publish(ctx context.Context) (int, error) {
	loads, n, err := p.read(ctx)
	if err != nil || n == 0 {
		return 0, err
	}
	// Partitions do not wait for each other. All events of a key are in one of them, and they are sent in one piece, so
	// a failure can neither lose nor swap any.
	done := make(chan []int64, len(loads))
	var g errgroup.Group
	for t, l := range loads {
		g.Go(func() error {
			if err := p.client.Produce(ctx, t.topic, t.partition, l.msgs); err != nil {
				return err
			}
			done <- l.ids
			return nil
		})
	}
	failure := g.Wait()
	close(done)
	published := make([]int64, 0, n)
	for ids := range done {
		published = append(published, ids...)
	}
	if len(published) > 0 {
		// Even if we are asked to stop: what is published should not be published again.
		dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, err := p.conn.Exec(dctx, `DELETE FROM outbox WHERE slice = $1 AND id = ANY ($2)`, p.slice, published)
		if err != nil {
			return 0, errors.Join(failure, fmt.Errorf("delete published: %w", err))
		}
		p.metrics.published.Add(float64(len(published)))
	}
	if failure != nil {
		return 0, failure
	}
	return n, nil
}

// read returns the next events by where they go.
func (p *publisher) read(ctx context.Context) (map[target]*load, int, error) {
	rows, err := p.conn.Query(ctx, pending, p.slice, p.Batch)
	if err != nil {
		return nil, 0, fmt.Errorf("read outbox: %w", err)
	}
	type entry struct {
		id int64
		ev event.Event
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (entry, error) {
		var e entry
		var err error
		e.ev, err = event.Scan(prefixed{CollectableRow: row, first: &e.id})
		return e, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read outbox: %w", err)
	}
	loads := map[target]*load{}
	for i := range entries {
		ev := &entries[i].ev
		parts, err := p.partitionsOf(ctx, ev.Topic)
		if err != nil {
			return nil, 0, err
		}
		t := target{ev.Topic, ev.Partition(parts)}
		l := loads[t]
		if l == nil {
			l = &load{}
			loads[t] = l
		}
		l.ids = append(l.ids, entries[i].id)
		l.msgs = append(l.msgs, broker.Message(ev))
	}
	return loads, len(entries), nil
}

// prefixed scans one more column before the event's.
type prefixed struct {
	pgx.CollectableRow

	first any
}

func (r prefixed) Scan(dest ...any) error {
	return r.CollectableRow.Scan(append([]any{r.first}, dest...)...)
}

// partitionsOf asks once for each topic and time the lock is taken: the number must not change under way.
func (p *publisher) partitionsOf(ctx context.Context, topic string) (int, error) {
	if n, ok := p.partitions[topic]; ok {
		return n, nil
	}
	n, err := p.client.Partitions(ctx, topic)
	if errors.Is(err, kafka.UnknownTopicOrPartition) {
		if err := broker.Ensure(ctx, p.client.Client, broker.Topic{Name: topic}); err != nil {
			return 0, err
		}
		// The transport keeps what it knew of topics for a while.
		p.client.CloseIdle()
		n, err = p.client.Partitions(ctx, topic)
	}
	if err != nil {
		return 0, err
	}
	p.partitions[topic] = n
	return n, nil
}

// measure sets depth and age of the slice.
func (p *publisher) measure(ctx context.Context) error {
	var depth int64
	var age float64
	err := p.conn.QueryRow(ctx, `
		SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8
		FROM outbox
		WHERE slice = $1`, p.slice).Scan(&depth, &age)
	if err != nil {
		return fmt.Errorf("measure outbox: %w", err)
	}
	label := strconv.Itoa(p.slice)
	p.metrics.depth.WithLabelValues(label).Set(float64(depth))
	p.metrics.age.WithLabelValues(label).Set(age)
	return nil
}
