package customfields

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/event"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/pg"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// Task is what a job does.
type Task string

// The tasks.
const (
	// TaskCompare brings the index rows in line with whether the field is unique, and lists values that are there twice.
	TaskCompare Task = "compare"
	// TaskCompute computes the field's formula for all records.
	TaskCompute Task = "compute"
)

// Job is work among the records that are there, set off by a change of a definition.
type Job struct {
	OrganizationID string `json:"organization_id"`
	RecordKind     string `json:"kind"`
	FieldID        string `json:"field_id"`
	Task           Task   `json:"task"`
}

// Kind names the job in River's table.
func (Job) Kind() string { return "customfields" }

// forever is the most attempts that River counts.
const forever = 32767

// Enqueue returns the function for [Definitions.Enqueue]. client is asked for when the first job is made: it is built
// after what its workers need.
func Enqueue(client func() *jobs.Client) func(context.Context, pgx.Tx, Job) error {
	return func(ctx context.Context, tx pgx.Tx, job Job) error {
		return client().Insert(ctx, tx, job, &river.InsertOpts{MaxAttempts: forever})
	}
}

const (
	// pageSize is how many records a job deals with in a transaction.
	pageSize = 500
	// maxConflicts is how many values that are there twice are listed, and maxOffenders how many records of each.
	maxConflicts = 100
	maxOffenders = 10
)

// Worker does the jobs, in small transactions. It may be killed at any point and run again: what is done already is found
// so.
type Worker struct {
	river.WorkerDefaults[Job]

	Definitions *Definitions
	// Service is under whose name records are changed.
	Service string
	// Compute saves the records of a kind with IDs above after, at most limit, whose formulas have other values than they
	// had. It returns the last ID it came to; "" if there are no more.
	Compute func(ctx context.Context, org, kind, after string, limit int) (last string, err error)
}

// Work does one job.
func (w *Worker) Work(ctx context.Context, job *river.Job[Job]) error {
	a := job.Args
	ctx = authn.With(ctx, authn.Principal{OrganizationID: a.OrganizationID, Service: w.Service})
	if a.Task == TaskCompute {
		// Then every process goes by the new formula, and what was saved by the old one is found below.
		if err := wait(ctx, 2*refreshAfter); err != nil {
			return err
		}
		w.Definitions.forget(a.OrganizationID)
		for last := ""; ; {
			next, err := w.Compute(ctx, a.OrganizationID, a.RecordKind, last, pageSize)
			if err != nil || next == "" {
				return err
			}
			last = next
		}
	}
	return w.compare(ctx, a)
}

func (w *Worker) compare(ctx context.Context, a Job) error {
	db := w.Definitions.DB
	unique, err := w.isUnique(ctx, a)
	if err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	}
	if !unique {
		return w.pages(ctx, a, `UPDATE custom_values v SET is_unique = false FROM page
			WHERE v.organization_id = $1 AND v.field_id = $2 AND v.record_id = page.record_id AND v.value = page.value`, `is_unique`)
	}
	// Transactions that began before this one may still write rows as of a field that is not unique. Once all of them have
	// ended, one more round finds what they left.
	var began uint64
	if err := db.QueryRow(ctx, a.OrganizationID, `SELECT pg_current_xact_id()::text::bigint`).Scan(&began); err != nil {
		return fmt.Errorf("compare values: %w", err)
	}
	for settled := false; !settled; {
		var oldest uint64
		if err := db.QueryRow(ctx, a.OrganizationID, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint`).Scan(&oldest); err != nil {
			return fmt.Errorf("compare values: %w", err)
		}
		settled = oldest > began
		if err := w.claim(ctx, a); err != nil {
			return err
		}
		if !settled {
			if err := wait(ctx, 200*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return w.report(ctx, a)
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

func (w *Worker) isUnique(ctx context.Context, a Job) (unique bool, err error) {
	err = w.Definitions.DB.QueryRow(ctx, a.OrganizationID, `
		SELECT is_unique FROM custom_fields WHERE organization_id = $1 AND id = $2`, a.OrganizationID, a.FieldID).Scan(&unique)
	return unique, err
}

// claim marks each value as unique with one record, the first that has it, page by page: nobody else may take it, also
// where several have it already.
func (w *Worker) claim(ctx context.Context, a Job) error {
	return w.pages(ctx, a, `UPDATE custom_values v SET is_unique = true FROM page
		WHERE v.organization_id = $1 AND v.field_id = $2 AND v.record_id = page.record_id AND v.value = page.value
			AND NOT EXISTS (SELECT FROM custom_values o WHERE o.organization_id = $1 AND o.field_id = $2 AND o.value = v.value
				AND o.record_id <> v.record_id AND o.live AND (o.is_unique OR o.record_id < v.record_id))`, `live AND NOT is_unique`)
}

// pages runs a statement over the index rows of a field, in the order of its index.
func (w *Worker) pages(ctx context.Context, a Job, statement, condition string) error {
	value, record, first := "", "00000000-0000-0000-0000-000000000000", true
	for first || record != "" {
		first = false
		var nextValue, nextRecord *string
		err := w.Definitions.DB.Write(ctx, a.OrganizationID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
			return nil, tx.QueryRow(ctx, `
				WITH page AS MATERIALIZED (
					SELECT record_id, value FROM custom_values
					WHERE organization_id = $1 AND field_id = $2 AND (value, record_id) > ($3, $4::uuid) AND `+condition+`
					ORDER BY value, record_id LIMIT $5
				), changed AS (`+statement+`)
				SELECT value, record_id::text FROM page ORDER BY value DESC, record_id DESC LIMIT 1`,
				a.OrganizationID, a.FieldID, value, record, pageSize).Scan(&nextValue, &nextRecord)
		})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case pg.IsUnique(err, uniqueIndex):
			// Another record has got the value between our look and our write: the round is made again.
			continue
		case err != nil:
			return fmt.Errorf("compare values: %w", err)
		}
		value, record = *nextValue, *nextRecord
	}
	return nil
}

// report tells how the comparison ended, and which records have the same value.
func (w *Worker) report(ctx context.Context, a Job) error {
	_, err := w.Definitions.change(ctx, a.OrganizationID, a.RecordKind, func(ctx context.Context, c *change) (*customfieldsv1.CustomField, error) {
		before, err := c.find(a.FieldID, "")
		if err != nil || !before.GetUnique() {
			return nil, err
		}
		f := clone(before)
		if f.Conflicts, err = c.conflicts(ctx, a.FieldID); err != nil {
			return nil, err
		}
		f.UniqueState = customfieldsv1.UniqueState_UNIQUE_STATE_ENFORCED
		if len(f.GetConflicts()) > 0 {
			f.UniqueState = customfieldsv1.UniqueState_UNIQUE_STATE_CONFLICTS
		}
		if len(changed(before, f)) == 0 {
			return f, nil
		}
		return f, c.save(ctx, before, f, updated(before, f))
	})
	return err
}

// conflicts lists the values that several records have.
func (c *change) conflicts(ctx context.Context, fieldID string) ([]*customfieldsv1.Conflict, error) {
	rows, err := c.tx.Query(ctx, `
		SELECT value, (array_agg(record_id::text ORDER BY record_id))[1:$3]
		FROM custom_values
		WHERE organization_id = $1 AND field_id = $2 AND live
		GROUP BY value HAVING count(*) > 1
		ORDER BY value LIMIT $4`, c.org, fieldID, maxOffenders, maxConflicts)
	if err != nil {
		return nil, fmt.Errorf("list values that are there twice: %w", err)
	}
	var out []*customfieldsv1.Conflict
	var value string
	var ids []string
	if _, err := pgx.ForEachRow(rows, []any{&value, &ids}, func() error {
		out = append(out, &customfieldsv1.Conflict{Value: value, RecordIds: ids})
		return nil
	}); err != nil {
		return nil, fmt.Errorf("list values that are there twice: %w", err)
	}
	return out, nil
}
