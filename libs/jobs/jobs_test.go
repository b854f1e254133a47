package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
)

type args struct {
	N int `json:"n"`
}

func (args) Kind() string { return "test" }

// worker hands each job to the test.
type worker struct {
	river.WorkerDefaults[args]

	work func(ctx context.Context, job *river.Job[args]) error
}

func (w *worker) Work(ctx context.Context, job *river.Job[args]) error { return w.work(ctx, job) }

func database(t *testing.T) *testkit.Database {
	t.Helper()
	all, err := schema.All()
	require.NoError(t, err)
	db := testkit.Postgres(t, "jobstest", fstest.MapFS{"0001_init.sql": {Data: []byte(all)}})
	require.NoError(t, jobs.Migrate(t.Context(), db.OwnerURL))
	require.NoError(t, jobs.Migrate(t.Context(), db.OwnerURL), "once more does no harm")
	return db
}

func client(t *testing.T, db *testkit.Database, work func(context.Context, *river.Job[args]) error) *jobs.Client {
	t.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{work: work})
	c, err := jobs.New(jobs.Config{
		DB: db.System, Workers: workers, StopTimeout: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return c
}

// run runs the client until stop, which reports how that went.
func run(t *testing.T, c *jobs.Client) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var stopped atomic.Bool
	stop = func() error {
		if stopped.Swap(true) {
			return nil
		}
		cancel()
		return <-done
	}
	t.Cleanup(func() { require.NoError(t, stop()) })
	return stop
}

// insert adds a job as the application does, in a write.
func insert(t *testing.T, db *testkit.Database, c *jobs.Client, n int, fail error) {
	t.Helper()
	err := db.App.Write(t.Context(), id.New(), func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := c.Insert(ctx, tx, args{N: n}, nil); err != nil {
			return nil, err
		}
		return nil, fail
	})
	require.ErrorIs(t, err, fail)
}

func TestJobGoesWithTheTransactionThatCausesIt(t *testing.T) {
	t.Parallel()
	db := database(t)
	worked := make(chan int, 10)
	c := client(t, db, func(_ context.Context, j *river.Job[args]) error {
		worked <- j.Args.N
		return nil
	})
	run(t, c)
	insert(t, db, c, 1, errors.New("rolled back"))
	insert(t, db, c, 2, nil)
	require.Equal(t, 2, <-worked)
	require.Empty(t, worked)
}

func TestFailedJobIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	db := database(t)
	worked := make(chan int, 10)
	c := client(t, db, func(_ context.Context, j *river.Job[args]) error {
		worked <- j.Attempt
		if j.Attempt == 1 {
			return errors.New("neighbour is away")
		}
		return nil
	})
	run(t, c)
	insert(t, db, c, 1, nil)
	require.Equal(t, 1, <-worked)
	require.Equal(t, 2, <-worked)
}

// Issue 2: killed in the middle of an import and started again, it resumes.
func TestJobsOfAKilledProcessAreTakenUp(t *testing.T) {
	t.Parallel()
	db := database(t)
	worked := make(chan int, 10)
	c := client(t, db, func(_ context.Context, j *river.Job[args]) error {
		worked <- j.Attempt
		return nil
	})
	insert(t, db, c, 1, nil)
	// As a killed process leaves it: running, by a client that is no more.
	_, err := db.System.Pool().Exec(t.Context(), `
		UPDATE river.river_job
		SET state = 'running', attempt = 1, attempted_at = now() - interval '1 minute', attempted_by = '{gone}'`)
	require.NoError(t, err)
	run(t, c)
	require.Equal(t, 2, <-worked)
}

func TestJobsOfTheLivingAreLeftAlone(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun, release := make(chan struct{}, 10), make(chan struct{})
	first := client(t, db, func(context.Context, *river.Job[args]) error {
		begun <- struct{}{}
		<-release
		return nil
	})
	run(t, first)
	insert(t, db, first, 1, nil)
	<-begun
	_, err := db.System.Pool().Exec(t.Context(), `UPDATE river.river_job SET attempted_at = now() - interval '1 minute'`)
	require.NoError(t, err)

	second := client(t, db, func(context.Context, *river.Job[args]) error {
		begun <- struct{}{}
		return nil
	})
	run(t, second)
	time.Sleep(2 * time.Second) // its first sweep has been
	require.Empty(t, begun)
	close(release)
	testkit.Eventually(t, func() error {
		var state string
		if err := db.System.Pool().QueryRow(t.Context(), `SELECT state FROM river.river_job`).Scan(&state); err != nil {
			return err
		}
		if state != "completed" {
			return errors.New(state)
		}
		return nil
	})
}

func TestStopCancelsJobsThatDoNotEnd(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun := make(chan struct{}, 10)
	c := client(t, db, func(ctx context.Context, _ *river.Job[args]) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	stop := run(t, c)
	insert(t, db, c, 1, nil)
	<-begun
	start := time.Now()
	require.NoError(t, stop())
	require.Less(t, time.Since(start), 10*time.Second)
	var state string
	require.NoError(t, db.System.Pool().QueryRow(t.Context(), `SELECT state FROM river.river_job`).Scan(&state))
	require.Contains(t, []string{"retryable", "available", "scheduled"}, state, "left for the next process")
}
