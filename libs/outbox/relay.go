// Package outbox publishes what writes have left in the outbox: at least once, in order per key.
//
//	write: rows + event + outbox row ── commit ──► NOTIFY ─► relay of the key's slice ─► Kafka ─► delete the outbox row
//
// A relay reads what is there and deletes what is published. It keeps no high-water mark: IDs are handed out at insert,
// commits come later and in any order, so a mark would pass rows by. Keys are shared out over event.Slices slices, each
// published by one relay in the installation, which holds an advisory lock on a connection of its own; when that
// connection is lost, so is the lock, and the relay starts over by asking for it. A crash between publishing and deleting
// repeats events, which consumers bear (libs/inbox).
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
)

// Relay publishes the outbox of one database. Replicas may run one each: a slice has one publisher at a time.
type Relay struct {
	// DB is opened with pg.RoleSystem.
	DB      *pg.DB
	Brokers []string
	// Topics are made before anything is published. Others that events name are made with the defaults.
	Topics []broker.Topic
	// Batch is how many events are published at once; 500 if zero.
	Batch int
	// Linger is the least time between two looks of a slice; 40 ms if zero. The first event after a pause goes out at once,
	// those of a busy time together: each piece that Kafka gets costs it, and every consumer, the same however small.
	Linger time.Duration
	// Poll is the net under the notifications; 2 s if zero.
	Poll time.Duration
	Log  *slog.Logger
	// Metrics registers depth, age and count, if set. Several services in one process label it each for itself
	// (prometheus.WrapRegistererWith).
	Metrics prometheus.Registerer

	once    sync.Once
	wakes   [event.Slices]chan struct{}
	metrics metrics
	failure error // of the preparation
}

// Wake makes the relay look at once. Give it to pg.DB.OnWrite.
func (r *Relay) Wake() {
	r.prepare()
	for _, w := range r.wakes {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (r *Relay) prepare() {
	r.once.Do(func() {
		for i := range r.wakes {
			r.wakes[i] = make(chan struct{}, 1)
		}
		if r.Log == nil {
			r.Log = slog.New(slog.DiscardHandler)
		}
		if r.Batch <= 0 {
			r.Batch = 500
		}
		if r.Linger <= 0 {
			r.Linger = 40 * time.Millisecond
		}
		if r.Poll <= 0 {
			r.Poll = 2 * time.Second
		}
		r.failure = r.metrics.register(r.Metrics)
	})
}

// Run publishes until ctx is done. Failures are logged and tried again; it returns an error only if it cannot start.
func (r *Relay) Run(ctx context.Context) error {
	r.prepare()
	if r.DB == nil || len(r.Brokers) == 0 {
		return errors.New("outbox relay: no database or no brokers")
	}
	if r.failure != nil {
		return fmt.Errorf("outbox relay: %w", r.failure)
	}
	client := broker.NewClient(r.Brokers)
	defer client.CloseIdle()

	var wg sync.WaitGroup
	wg.Go(func() {
		r.again(ctx, "listen for outbox notifications", func(ctx context.Context, settled func()) error { return r.listen(ctx, settled) })
	})
	for i := range event.Slices {
		wg.Go(func() {
			r.again(ctx, "publish outbox", func(ctx context.Context, settled func()) error {
				p := &publisher{Relay: r, slice: i, client: client, partitions: map[string]int{}}
				return p.run(ctx, settled)
			})
		})
	}
	wg.Wait()
	return nil
}

// again runs fn until ctx is done, waiting longer after each failure; settled resets the waiting.
func (r *Relay) again(ctx context.Context, what string, fn func(ctx context.Context, settled func()) error) {
	const shortest, longest = 100 * time.Millisecond, 5 * time.Second
	pause := shortest
	for {
		err := fn(ctx, func() { pause = shortest })
		if ctx.Err() != nil {
			return
		}
		r.Log.ErrorContext(ctx, "outbox relay interrupted", "doing", what, "retry_in", pause, "error", err)
		if broker.Wait(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, longest)
	}
}

// listen wakes the publishers on notifications from other processes.
func (r *Relay) listen(ctx context.Context, settled func()) error {
	conn, err := r.DB.Connect(ctx, nil)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	if _, err := conn.Exec(ctx, "LISTEN "+pg.NotifyChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	settled()
	r.Wake() // for what was notified before we listened
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return fmt.Errorf("wait for notification: %w", err)
		}
		r.Wake()
	}
}

// closeConn says goodbye to the server, but not for long.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nobody to tell
}
