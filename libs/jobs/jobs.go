// Package jobs does work later, or outside of a request: River on the service's own PostgreSQL, in a schema of its own.
//
// A job is inserted in the transaction that causes it, and is done at least once: a worker must be able to meet its own
// half-done work. What a process was doing when it was killed is taken up within seconds by the next one, for each
// client shows that it is alive by an advisory lock that ends with its connection; River alone would wait an hour.
package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
)

// Schema is the schema of River's tables.
const Schema = "river"

// Config of a client.
type Config struct {
	// DB is the service's, as kontor_system. A client that only inserts, within transactions, needs none of its own.
	DB *pg.DB
	// Workers by kind of job; see [river.AddWorker].
	Workers *river.Workers
	// Queues and how many jobs of each run at a time in this process; {"default": 4} if empty.
	Queues map[string]int
	// Periodic jobs; one process of all runs each.
	Periodic []*river.PeriodicJob
	// Timeout of a job, after which its context is cancelled; none if zero, for jobs that take as long as they take.
	Timeout time.Duration
	// StopTimeout is how long running jobs may take to end when the process stops, before their contexts are cancelled
	// and they are left for the next; 5 s if zero.
	StopTimeout time.Duration
	// Log gets what goes wrong.
	Log *slog.Logger
}

const (
	defaultStopTimeout = 5 * time.Second
	defaultWorkers     = 4
	// pollEvery is the net under LISTEN, which wakes the client at once.
	pollEvery = 5 * time.Second
	// rescueAfter must be longer than any job: jobs of the dead are taken up by sweep, long before.
	rescueAfter = 7 * 24 * time.Hour
	maxRetry    = time.Minute
)

// Client inserts jobs and, while it runs, works them.
type Client struct {
	river *river.Client[pgx.Tx]
	cfg   Config
}

// New returns a client. It works nothing until Run.
func New(cfg Config) (*Client, error) {
	queues := make(map[string]river.QueueConfig, len(cfg.Queues))
	for name, n := range cfg.Queues {
		queues[name] = river.QueueConfig{MaxWorkers: n}
	}
	if len(queues) == 0 {
		queues[river.QueueDefault] = river.QueueConfig{MaxWorkers: defaultWorkers}
	}
	c, err := river.NewClient(riverpgxv5.New(cfg.DB.Pool()), &river.Config{
		ID:     id.New(),
		Schema: Schema,
		Queues: queues, Workers: cfg.Workers, PeriodicJobs: cfg.Periodic,
		FetchPollInterval:    pollEvery,
		JobTimeout:           cmp.Or(cfg.Timeout, -1),
		RescueStuckJobsAfter: rescueAfter,
		SoftStopTimeout:      cmp.Or(cfg.StopTimeout, defaultStopTimeout),
		RetryPolicy:          retryPolicy{},
		// The tables belong to the owner, so that the service cannot rebuild their indexes.
		ReindexerIndexNames: []string{},
		Logger:              slog.New(warnings{cfg.Log.Handler()}),
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &Client{river: c, cfg: cfg}, nil
}

// Insert adds a job that starts once tx has been committed, or at opts.ScheduledAt. tx may be one of kontor_app.
func (c *Client) Insert(ctx context.Context, tx pgx.Tx, args river.JobArgs, opts *river.InsertOpts) error {
	if _, err := c.river.InsertTx(ctx, tx, args, opts); err != nil {
		return fmt.Errorf("insert job: %w", err)
	}
	return nil
}

// Run works jobs until ctx is done. Then running jobs may end in time or are cancelled, to be taken up by the next
// process.
func (c *Client) Run(ctx context.Context) error {
	// Alive first, working then: what this client runs must not be taken for a dead one's.
	p := presence{db: c.cfg.DB, clientID: c.river.ID(), log: c.cfg.Log, shown: make(chan struct{})}
	var wg sync.WaitGroup
	defer wg.Wait()
	pctx, gone := context.WithCancel(context.WithoutCancel(ctx))
	defer gone()
	wg.Go(func() { p.run(pctx) })
	select {
	case <-p.shown:
	case <-ctx.Done():
		return nil
	}

	// River is stopped by Stop alone: a context that ends would cut off its last writes.
	rctx := context.WithoutCancel(ctx)
	if err := c.start(ctx, rctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	<-ctx.Done()

	// SoftStopTimeout cancels the jobs; then they have as long again to give up.
	stop, cancel := context.WithTimeout(rctx, 2*cmp.Or(c.cfg.StopTimeout, defaultStopTimeout))
	defer cancel()
	if err := c.river.Stop(stop); err != nil {
		return fmt.Errorf("jobs: stop: %w", err)
	}
	return nil
}

// start waits for the database, which may be starting too.
func (c *Client) start(ctx, rctx context.Context) error {
	for {
		err := c.river.Start(rctx)
		if err == nil {
			return nil
		}
		if pg.State(err) != "" { // the database answers, and does not like it: no schema, no rights
			return fmt.Errorf("jobs: %w", err)
		}
		c.cfg.Log.WarnContext(ctx, "jobs do not start; trying again", "error", err)
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

// retryPolicy waits 1 s, 2 s, 4 s … and at most a minute, so that work goes on soon after an outage has ended.
type retryPolicy struct{}

// NextRetry returns when to try the job again.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	n := min(max(job.Attempt-1, 0), 10)
	d := min(time.Second<<n, maxRetry)
	d += time.Duration(rand.Int64N(int64(d)/10 + 1)) //nolint:gosec // Spreads the load; nothing secret.
	return clock.System().Add(d)
}

// warnings lets River's warnings and errors through. A job's failed attempt is one; River's own news is not ours.
type warnings struct{ slog.Handler }

// Enabled reports whether the level is worth a line.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// WithAttrs adds attributes.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup opens a group.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// sleep waits for d; it returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errGone is returned when the connection with the lock has been lost.
var errGone = errors.New("connection lost")
