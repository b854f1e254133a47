// Package inbox applies events exactly once in effect.
//
// A consumer's position is stored in the transaction of what the events change, and reading resumes from it, so that a
// position never passes an event that was not applied, and a crash repeats nothing. An event may still come twice (the
// relay publishes at least once, a replay publishes again): handlers go by the record's version and let pass what is not
// newer than what they have applied.
//
//	                    ┌──────────── one transaction, up to Batch events of a partition ────────────┐
//	Kafka ─► partition ─► lock position ─► handler ─► handler ─► … ─► store next offset ─► commit ─► group offset
//	                       │ key parked, or ErrPermanent: into inbox_parked, the others go on
//	                       └ anything else: roll back, wait, again
//
// A batch in which nothing has a handler costs no transaction; its position is stored soon after.
//
// Handlers run as the event's organisation (row-level security) under the role of the application. Effects outside the
// database go through a job written in the same transaction.
package inbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
)

// ErrPermanent marks an event that will never be applied as it is: return it wrapped, and the event is parked.
var ErrPermanent = errors.New("event cannot be applied")

// Handler applies one event within tx. It may be called again for the same event.
type Handler func(ctx context.Context, tx pgx.Tx, ev event.Event) error

// Together is a handler that takes several events at once, to write what they change in a few statements.
type Together struct {
	// Types of events; none of them has a handler of its own. Any stands for all that have none.
	Types []string
	// Apply applies events of one organisation that stand in a row in a partition, in their order; there may be only one.
	// If it fails, all is undone and it gets them again one by one, so that only the event at fault is parked. The
	// context names no user: the events have one each.
	Apply func(ctx context.Context, tx pgx.Tx, evs []event.Event) error
}

// Any is the handler of all types that have none of their own.
const Any = "*"

// Consumer reads topics and applies their events. Replicas with the same name share the partitions.
type Consumer struct {
	// Name is also the consumer group: service.projection.
	Name    string
	Topics  []string
	Brokers []string
	// DB is opened with pg.RoleSystem.
	DB *pg.DB
	// Handlers by event type (ce_type), or Any. Types without one are let pass.
	Handlers map[string]Handler
	// Together are handlers of several events at once.
	Together []Together
	// Role that handlers work in; pg.RoleApp if empty.
	Role string
	// Apart keeps events of different organisations in different transactions, for handlers that lock something of an
	// organisation: two partitions that hold several such locks would wait for each other.
	Apart bool
	// Batch is how many events share a transaction at most; 256 if zero.
	Batch int
	// Partitions of topics that do not exist yet; broker.DefaultPartitions if zero.
	Partitions int
	// Check is the pause between two looks for unparked events; 2 s if zero.
	Check time.Duration
	Log   *slog.Logger
	// Metrics registers lag, parked and applied, if set.
	Metrics prometheus.Registerer
	// Tracer makes a span of each application, in the trace of the write that made the event, if set.
	Tracer trace.Tracer

	once     sync.Once
	together map[string]*Together
	metrics  metrics
	failure  error // of the preparation
}

func (c *Consumer) prepare() error {
	c.once.Do(func() {
		if c.Name == "" || len(c.Topics) == 0 || len(c.Brokers) == 0 || c.DB == nil {
			c.failure = errors.New("consumer without name, topics, brokers or database")
			return
		}
		c.together = map[string]*Together{}
		for i := range c.Together {
			for _, t := range c.Together[i].Types {
				c.together[t] = &c.Together[i]
			}
		}
		if c.Role == "" {
			c.Role = pg.RoleApp
		}
		if c.Batch <= 0 {
			c.Batch = 256
		}
		if c.Check <= 0 {
			c.Check = 2 * time.Second
		}
		if c.Log == nil {
			c.Log = slog.New(slog.DiscardHandler)
		}
		c.failure = c.metrics.register(c.Metrics, c.Name)
	})
	return c.failure
}

// several returns what applies events of a type at once, if anything does.
func (c *Consumer) several(eventType string) *Together {
	if t, ok := c.together[eventType]; ok {
		return t
	}
	if _, alone := c.Handlers[eventType]; alone {
		return nil
	}
	return c.together[Any]
}

// handler returns what applies events of a type, if anything does.
func (c *Consumer) handler(eventType string) Handler {
	if h, ok := c.Handlers[eventType]; ok {
		return h
	}
	if t := c.several(eventType); t != nil {
		return func(ctx context.Context, tx pgx.Tx, ev event.Event) error { return t.Apply(ctx, tx, []event.Event{ev}) }
	}
	return c.Handlers[Any]
}
