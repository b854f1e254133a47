// Package bulk changes many records at once, as operations (CON-13): what matches is listed first, then worked on in
// batches. What became of a batch, how far the work is and the records' events are one transaction, so that after a crash
// nothing is missing and nothing is done twice. What a change did is taken back by libs/undo, from the events.
//
// The package knows no kind of record: a Target selects records, and changes them by the rules of its context.
package bulk

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg"
)

// Schema is the definition of the tables that a service with bulk changes has, to be copied into a migration.
//
//go:embed schema.sql
var Schema string

// OperationKind is the kind of the operations; their events have the cause "bulk/{uuid}", by which libs/undo takes them back.
const OperationKind = "bulk"

// Failures.
var (
	ErrSelection = apperr.Invalid("BULK_SELECTION_INVALID", "say which records: either their IDs, or a filter, or everything")
)

// Files is where the lists of rejected records go.
type Files interface {
	// Save stores a file and returns its ID. Repeated with the same key it stores none again.
	Save(ctx context.Context, name, contentType, key string, content io.Reader) (string, error)
}

// Target is what a service does with the records of one kind. Contexts carry the user whom the work is done for.
type Target interface {
	// Select returns a query of the IDs of the records that match, among those the user may see, as a single column, and
	// its arguments. It returns what is wrong with the filter.
	Select(ctx context.Context, org, filter string, inBin bool) (sql string, args []any, err error)
	// Apply changes records within tx, in the order of their IDs. It asks for the user's rights as they are now. A record
	// that is refused has its reason in its result; an error refuses all of them.
	Apply(ctx context.Context, tx pgx.Tx, b Batch) ([]Result, []event.Event, error)
}

// Batch is some records on their way.
type Batch struct {
	Organization string
	// Cause is what the events name as theirs: "bulk/{operation}".
	Cause string
	// Change is what to do, as the kind understands it.
	Change []byte
	// IDs of the records, sorted.
	IDs []string
}

// Result is what became of a record.
type Result struct {
	// Changed says that there was something to change.
	Changed bool
	// Refused says why it was left as it is.
	Refused *apperr.Error
}

// Runner runs the bulk changes of a service.
type Runner struct {
	// DB is the service's, as kontor_app.
	DB *pg.DB
	// Operations keeps what users are told.
	Operations *operation.Store
	// Files takes the lists of rejected records.
	Files Files
	// Targets by kind of record.
	Targets map[string]Target
	// As returns a context in which the service acts for a user.
	As func(ctx context.Context, org, userID string) (context.Context, error)
	// Enqueue makes a job that calls Run, within tx; see Enqueue of this package.
	Enqueue func(ctx context.Context, tx pgx.Tx, org, opID string) error
	// BatchSize is how many records are changed in one transaction; 200 if zero.
	BatchSize int
	// Log receives what happens to a change as a whole.
	Log *slog.Logger
}

// Request asks for a bulk change.
type Request struct {
	Organization, UserID string
	// Kind of record, such as "contact".
	Kind string
	// Change is what to do, as the kind understands it; it has been checked.
	Change []byte
	// IDs of the records. If there are none, all that match the filter are meant; with Everything it may be empty.
	IDs        []string
	Filter     string
	Everything bool
	// InBin takes the records in the bin instead of the others.
	InBin bool
}

func (r *Request) check() error {
	ways := 0
	for _, used := range []bool{len(r.IDs) > 0, r.Filter != "", r.Everything} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		return ErrSelection
	}
	return nil
}

// Start makes an operation with its job and returns the operation's UUID, or at once what is wrong with the request:
// ErrSelection, or what Select says of the filter. A repeated request ID gives the same operation.
func (r *Runner) Start(ctx context.Context, req Request) (string, error) {
	target, ok := r.Targets[req.Kind]
	if !ok {
		return "", fmt.Errorf("bulk: no target of kind %q", req.Kind)
	}
	if err := req.check(); err != nil {
		return "", err
	}
	if len(req.IDs) == 0 {
		if _, _, err := target.Select(ctx, req.Organization, req.Filter, req.InBin); err != nil {
			return "", err
		}
	}
	return r.start(ctx, req.Organization, req.UserID, func(ctx context.Context, tx pgx.Tx, opID string) error {
		phase := "select"
		if len(req.IDs) > 0 {
			phase = "work"
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO bulk_changes (organization_id, id, kind, user_id, change, filter, in_bin, phase, total)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			req.Organization, opID, req.Kind, req.UserID, req.Change, req.Filter, req.InBin, phase, len(req.IDs)); err != nil {
			return fmt.Errorf("insert bulk change: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO bulk_records (organization_id, change_id, record_id)
			SELECT DISTINCT $1::uuid, $2::uuid, r.id FROM unnest($3::uuid[]) AS r (id)`, req.Organization, opID, req.IDs); err != nil {
			return fmt.Errorf("list records: %w", err)
		}
		return nil
	})
}

// start makes an operation, what add adds, and the job.
func (r *Runner) start(
	ctx context.Context, org, userID string, add func(ctx context.Context, tx pgx.Tx, opID string) error,
) (string, error) {
	opID := id.New()
	idem.Remember(ctx, idem.Answer{Kind: "operation", RecordID: opID, Version: 1})
	err := r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := r.Operations.Create(ctx, tx, org, operation.New{ID: opID, Kind: OperationKind, UserID: userID}); err != nil {
			return nil, err
		}
		if err := add(ctx, tx, opID); err != nil {
			return nil, err
		}
		return nil, r.Enqueue(ctx, tx, org, opID)
	})
	var replay *idem.Replay
	if errors.As(err, &replay) {
		return replay.RecordID, nil
	}
	if err != nil {
		return "", err
	}
	return opID, nil
}
