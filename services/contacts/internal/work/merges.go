package work

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"kontor.internal/libs/jobs"
	"kontor.internal/services/contacts/internal/mergework"
)

// MergeArgs are the arguments of the job that merges all groups of duplicates, or takes that back.
type MergeArgs struct {
	OrganizationID string `json:"organization_id"`
	OperationID    string `json:"operation_id"`
	Undo           bool   `json:"undo,omitempty"`
}

// Kind names the job in River's table.
func (MergeArgs) Kind() string { return "contacts.merges" }

// Merges merges all groups of duplicates, or takes that back (CON-16).
type Merges struct {
	river.WorkerDefaults[MergeArgs]

	Runner *mergework.Runner
}

// Work goes on from wherever the last run got to; a job whose last attempt has failed is ended as failed.
func (w *Merges) Work(ctx context.Context, job *river.Job[MergeArgs]) error {
	run := w.Runner.Run
	if job.Args.Undo {
		run = w.Runner.Undo
	}
	err := run(ctx, job.Args.OrganizationID, job.Args.OperationID)
	if err != nil && ctx.Err() == nil && job.Attempt >= job.MaxAttempts {
		return errors.Join(err, w.Runner.Fail(ctx, job.Args.OrganizationID, job.Args.OperationID, err))
	}
	return err
}

// EnqueueMerges makes the jobs of a runner.
func EnqueueMerges(client func() *jobs.Client) func(ctx context.Context, tx pgx.Tx, org, opID string, undo bool) error {
	return func(ctx context.Context, tx pgx.Tx, org, opID string, undo bool) error {
		return client().Insert(ctx, tx, MergeArgs{OrganizationID: org, OperationID: opID, Undo: undo}, nil)
	}
}
