package bulk

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"kontor.internal/libs/jobs"
)

// Job is the job of one bulk change.
type Job struct {
	Organization string `json:"organization"`
	OperationID  string `json:"operation_id"`
}

// Kind names the job in River's table.
func (Job) Kind() string { return "bulk" }

// Enqueue returns the Enqueue function of a Runner whose jobs are worked by c.
func Enqueue(c *jobs.Client) func(ctx context.Context, tx pgx.Tx, org, opID string) error {
	return func(ctx context.Context, tx pgx.Tx, org, opID string) error {
		return c.Insert(ctx, tx, Job{Organization: org, OperationID: opID}, nil)
	}
}

// AddWorker lets a jobs client that is made with workers run the bulk changes of r.
func AddWorker(workers *river.Workers, r *Runner) error {
	if err := river.AddWorkerSafely(workers, &worker{runner: r}); err != nil {
		return fmt.Errorf("bulk: %w", err)
	}
	return nil
}

type worker struct {
	river.WorkerDefaults[Job]

	runner *Runner
}

// Work runs the change; one whose last attempt has failed is ended as failed.
func (w *worker) Work(ctx context.Context, job *river.Job[Job]) error {
	err := w.runner.Run(ctx, job.Args.Organization, job.Args.OperationID)
	if err != nil && ctx.Err() == nil && job.Attempt >= job.MaxAttempts {
		return errors.Join(err, w.runner.giveUp(ctx, job.Args.Organization, job.Args.OperationID, err))
	}
	return err
}
