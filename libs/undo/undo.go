// Package undo takes back what an operation has done to records: an import, a bulk change.
//
// Nothing has to be noted for it beforehand. The events of an operation carry it as their cause, "import/{uuid}", and
// every event has the record as it was afterwards. So the records of an operation are those with events of its cause;
// one whose first event of that cause made it goes into the bin, another becomes what its event before the first says.
//
//	events of the cause ──► batches of records ──► Target.Undo ──► records and events with the cause "undo/{uuid}"
//	                                                 │
//	                                                 └ one transaction with the place, the counts and what was left
//
// A record that anybody else has changed since stays as it is and is listed. Because the place is stored in the
// transaction that stores the records, an undo that is killed goes on where it stood; and because the events of an undo
// name what they undo, one that is started again finds what is done and leaves it.
package undo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

// Schema is the definition of the tables that a service with undo has, to be copied into one of its migrations.
//
//go:embed schema.sql
var Schema string

// Span is what an operation did to one record.
type Span struct {
	RecordID string
	// First and Last are the versions of the record that the operation's first and last change made.
	First, Last int64
	// Now is the version the record must have to be touched: Last, unless only the service itself has written since.
	Now int64
}

// Batch is some hundred records of one kind to be taken back in one transaction.
type Batch struct {
	Organization, UserID string
	// Of is how events name what is taken back as their cause: "import/{uuid}".
	Of string
	// Cause of the events to be written.
	Cause string
	Spans []Span
}

// Outcome is what became of a record.
type Outcome int

// The outcomes.
const (
	Removed  Outcome = iota + 1 // it is in the bin
	Restored                    // it is what it was
	Left                        // it stays; Result says why
)

// Result says what became of one record.
type Result struct {
	Outcome Outcome
	// Reason, which is stable, and Message say why it was left.
	Reason, Message string
}

// ReasonChanged is why a record is left that somebody else has changed.
const ReasonChanged = "RECORD_CHANGED_SINCE"

// Target takes back what was done to records of one kind.
type Target struct {
	// Undo works within tx and returns one Result for each span, in order, with the events of what it wrote. Records are
	// to be locked, and left if their version is not the span's Now. An *apperr.Error or a broken constraint leaves the
	// record alone that it is about; any other error is an outage.
	Undo func(ctx context.Context, tx pgx.Tx, b Batch) ([]Result, []event.Event, error)
	// Upkeep says of an event, by its type and cause, that the service itself went on with a record, such as that a lead
	// is overdue: a record with such later events is taken back all the same. Nil if there are none.
	Upkeep func(typ, cause string) bool
}

// Operations keeps what users are told; *operation.Store does.
type Operations interface {
	imports.Operations
	Get(ctx context.Context, opID string) (*operationv1.Operation, error)
}

// Runner takes back the operations of a service.
type Runner struct {
	// DB is the service's, as kontor_app.
	DB *pg.DB
	// Files takes the list of what was left.
	Files imports.Files
	// Operations keeps the progress.
	Operations Operations
	// Targets by kind of record.
	Targets map[string]Target
	// Undoable are the kinds of operations that can be taken back; their events have the cause "{kind}/{uuid}".
	Undoable []string
	// As returns a context in which the service acts for a user.
	As func(ctx context.Context, org, userID string) (context.Context, error)
	// Permitted returns why a user may not take back what an operation, named as by Batch.Of, did to records of a kind, nil
	// if the user may.
	Permitted func(ctx context.Context, org, userID, of, kind string) error
	// Enqueue makes a job that calls Run, within tx; see Enqueue of this package.
	Enqueue func(ctx context.Context, tx pgx.Tx, org, opID string) error
	// BatchSize is how many records are dealt with in one transaction; 500 if zero.
	BatchSize int
	// Log receives what happens to an undo as a whole.
	Log *slog.Logger
}

// Start makes the operation that takes back the one with the ID that users see, and returns its UUID. Of one that is
// being taken back already it returns the operation that does it. The caller, named by the context, must be who asked
// for it or reach all settings. It returns operation.ErrNotFound, ErrNotEnded and ErrNotUndoable.
func (r *Runner) Start(ctx context.Context, org, userID, opID string) (string, error) {
	op, err := r.Operations.Get(ctx, opID)
	if err != nil {
		return "", err
	}
	if op.GetEndTime() == nil {
		return "", operation.ErrNotEnded
	}
	if !contains(r.Undoable, op.GetKind()) {
		return "", operation.ErrNotUndoable.With("kind", op.GetKind())
	}
	_, of, err := operation.Split(opID)
	if err != nil {
		return "", err
	}
	undoID := id.New()
	idem.Remember(ctx, idem.Answer{Kind: "operation", RecordID: undoID, Version: 1})
	err = r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := r.Operations.Create(ctx, tx, org, operation.New{ID: undoID, Kind: "undo", UserID: userID}); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO undos (organization_id, id, of_id, of_cause, user_id) VALUES ($1, $2, $3, $4, $5)`,
			org, undoID, of, op.GetKind()+"/"+of, userID); err != nil {
			return nil, fmt.Errorf("insert undo: %w", err)
		}
		return nil, r.Enqueue(ctx, tx, org, undoID)
	})
	var replay *idem.Replay
	switch {
	case errors.As(err, &replay):
		return replay.RecordID, nil
	case pg.IsUnique(err, "undos_under_way"):
		if err := r.DB.QueryRow(ctx, org, `
			SELECT id::text FROM undos WHERE organization_id = $1 AND of_id = $2 AND NOT done`, org, of).Scan(&undoID); err != nil {
			return "", fmt.Errorf("find undo: %w", err)
		}
		return undoID, nil
	}
	return undoID, err
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// state is an undo as stored.
type state struct {
	org, id, ofID, cause, userID                 string
	afterKind, afterRecord                       string
	total, removed, restored, unchanged, remains int64
	done                                         bool
}

func (s *state) dealt() int64 { return s.removed + s.restored + s.unchanged + s.remains }

func (r *Runner) load(ctx context.Context, org, undoID string) (state, error) {
	s := state{org: org, id: undoID}
	err := r.DB.QueryRow(ctx, org, `
		SELECT of_id::text, of_cause, user_id::text, after_kind, after_record::text, total, removed, restored, unchanged, remaining, done
		FROM undos
		WHERE organization_id = $1 AND id = $2`, org, undoID).Scan(&s.ofID, &s.cause, &s.userID, &s.afterKind, &s.afterRecord,
		&s.total, &s.removed, &s.restored, &s.unchanged, &s.remains, &s.done)
	if err != nil {
		return s, fmt.Errorf("load undo: %w", err)
	}
	return s, nil
}

// errCancelled says that the user asked to stop, errTakenOver that another run has moved on.
var (
	errCancelled = errors.New("cancelled")
	errTakenOver = errors.New("another run has taken the undo over")
)

// Run drives an undo to its end, from wherever the last run got to. It returns an error if it is worth another try.
func (r *Runner) Run(ctx context.Context, org, undoID string) error {
	s, err := r.load(ctx, org, undoID)
	if err != nil || s.done {
		return err
	}
	r.Log.InfoContext(ctx, "undo runs", "organization_id", org, "operation_id", undoID, "of", s.cause, "done", s.dealt())
	err = r.run(ctx, &s)
	var refused *apperr.Error
	switch {
	case err == nil:
		err = r.end(ctx, &s, operation.End{})
	case errors.Is(err, errCancelled):
		err = r.end(ctx, &s, operation.End{Cancelled: true})
	case errors.As(err, &refused) && lasting(refused):
		err = r.end(ctx, &s, operation.End{Failure: refused.Reason + ": " + refused.Msg})
	}
	if errors.Is(err, errTakenOver) || errors.Is(err, operation.ErrEnded) {
		return nil
	}
	return err
}

// Fail ends an undo that has been tried often enough.
func (r *Runner) Fail(ctx context.Context, org, undoID string, cause error) error {
	s, err := r.load(ctx, org, undoID)
	if err != nil {
		return err
	}
	r.Log.ErrorContext(ctx, "undo given up", "organization_id", org, "operation_id", undoID, "error", cause)
	return r.end(ctx, &s, operation.End{Failure: "UNDO_GIVEN_UP: it was tried several times without success; what was taken back stays so. Start it again later: it goes on with the rest."})
}

func (r *Runner) run(ctx context.Context, s *state) error {
	if s.total == 0 {
		if err := r.DB.QueryRow(ctx, s.org, `
			SELECT count(*) FROM (
				SELECT DISTINCT kind, record_id FROM events WHERE organization_id = $1 AND cause = $2 AND cause <> ''
			) AS touched`, s.org, s.cause).Scan(&s.total); err != nil {
			return fmt.Errorf("count records: %w", err)
		}
	}
	for {
		kind, spans, err := r.next(ctx, s)
		if err != nil || len(spans) == 0 {
			return err
		}
		// Asked anew for each batch: tokens do not last as long as an undo may, and rights may be taken away.
		as, err := r.As(ctx, s.org, s.userID)
		if err != nil {
			return fmt.Errorf("act for the user: %w", err)
		}
		if err := r.Permitted(as, s.org, s.userID, s.cause, kind); err != nil {
			return err
		}
		if err := r.write(as, s, kind, spans); err != nil {
			return err
		}
	}
}

// end lists what was left in a file and ends the operation.
func (r *Runner) end(ctx context.Context, s *state, e operation.End) error {
	if s.remains > 0 {
		as, err := r.As(ctx, s.org, s.userID)
		if err != nil {
			return fmt.Errorf("act for the user: %w", err)
		}
		if e.RejectsFileID, err = r.saveLeft(as, s); err != nil {
			return fmt.Errorf("save what was left: %w", err)
		}
	}
	e.Result = map[string]any{"removed": s.removed, "restored": s.restored, "unchanged": s.unchanged, "left": s.remains}
	return r.DB.Write(ctx, s.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		tag, err := tx.Exec(ctx, `UPDATE undos SET done = true WHERE organization_id = $1 AND id = $2 AND NOT done`, s.org, s.id)
		if err != nil {
			return nil, fmt.Errorf("end undo: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return nil, errTakenOver
		}
		return nil, r.Operations.Finish(ctx, tx, s.org, s.id, e)
	})
}
