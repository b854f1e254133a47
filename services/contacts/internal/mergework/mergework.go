// Package mergework merges all groups of duplicates that a scan is sure enough of, as one operation, and takes all of that back
// (CON-16). The groups are listed first, then merged some at a time; what became of them, how far the work is and the
// records' events are one transaction, so that after a crash nothing is half merged and nothing is done twice.
package mergework

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// OperationKind is the kind of the operations.
const OperationKind = "merge"

const (
	// groupsAtOnce is how many groups one transaction merges, and most how many records a group may have.
	groupsAtOnce, most = 20, 51
	// stepsPerToken is how many transactions are done before rights to act for the user are asked for anew.
	stepsPerToken = 50
)

// Kind merges groups of records of one kind.
type Kind interface {
	// Join merges a group within tx and returns the merge with its events, or why the group is left as an *apperr.Error.
	Join(ctx context.Context, tx pgx.Tx, may merge.Rights, b *store.MergeBatch, g store.MergeGroup) (*merge.Done, []event.Event, error)
	// Part takes a merge back within tx and returns the events, or why it stays as an *apperr.Error.
	Part(ctx context.Context, tx pgx.Tx, may merge.Rights, mergeID string) ([]event.Event, error)
}

// Runner runs merges of many groups.
type Runner struct {
	DB         *pg.DB
	Store      *store.Store
	Operations *operation.Store
	Kinds      map[record.Kind]Kind
	// As returns a context in which the service acts for a user.
	As func(ctx context.Context, org, userID string) (context.Context, error)
	// Enqueue makes a job that calls Run, or Undo, within tx.
	Enqueue func(ctx context.Context, tx pgx.Tx, org, opID string, undo bool) error
	Log     *slog.Logger
}

// Request says what to merge; see [store.MergeBatch].
type Request struct {
	Kind     record.Kind
	MinScore float64
	Reason   string
	DryRun   bool
}

// Fail ends an operation whose job has been tried often enough.
func (r *Runner) Fail(ctx context.Context, org, opID string, cause error) error {
	r.Log.ErrorContext(ctx, "merge of duplicates given up", "organization_id", org, "operation_id", opID, "error", cause)
	return r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if _, err := tx.Exec(ctx, `UPDATE merge_batch_undos SET done = true WHERE organization_id = $1 AND id = $2`, org, opID); err != nil {
			return nil, fmt.Errorf("give up: %w", err)
		}
		return nil, r.Operations.Finish(ctx, tx, org, opID, operation.End{
			Failure: "MERGE_GIVEN_UP: it was tried several times without success; what was done stays done. Start it again later.",
		})
	})
}

// Start makes an operation with its job and returns the operation's UUID. A repeated request ID gives the same operation.
func (r *Runner) Start(ctx context.Context, req Request) (string, error) {
	who := authn.MustFrom(ctx)
	return r.start(ctx, who, OperationKind, false, func(ctx context.Context, tx pgx.Tx, opID string) error {
		return r.Store.AddMergeBatch(ctx, tx, &store.MergeBatch{
			OrganizationID: who.OrganizationID, ID: opID, UserID: who.UserID, Kind: req.Kind,
			MinScore: req.MinScore, Reason: req.Reason, DryRun: req.DryRun,
		})
	})
}

// StartUndo makes the operation that takes back the one with the UUID, and returns its UUID. Of one that is being taken back
// already it returns the operation that does it.
func (r *Runner) StartUndo(ctx context.Context, batchID string) (string, error) {
	who := authn.MustFrom(ctx)
	opID, err := r.start(ctx, who, "undo", true, func(ctx context.Context, tx pgx.Tx, opID string) error {
		b, err := r.Store.LockMergeBatch(ctx, tx, who.OrganizationID, batchID)
		if err != nil {
			return err
		}
		if b.DryRun {
			return operation.ErrNotUndoable.With("kind", "dry run")
		}
		return r.Store.AddMergeBatchUndo(ctx, tx, who.OrganizationID, opID, batchID, who.UserID)
	})
	if pg.IsUnique(err, "merge_batch_undos_under_way") {
		return r.Store.RunningMergeBatchUndo(ctx, who.OrganizationID, batchID)
	}
	return opID, err
}

// start makes an operation, what add adds, and the job.
func (r *Runner) start(
	ctx context.Context, who authn.Principal, kind string, undo bool, add func(ctx context.Context, tx pgx.Tx, opID string) error,
) (string, error) {
	opID := id.New()
	idem.Remember(ctx, idem.Answer{Kind: "operation", RecordID: opID, Version: 1})
	err := r.DB.Write(ctx, who.OrganizationID, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := r.Operations.Create(ctx, tx, who.OrganizationID, operation.New{ID: opID, Kind: kind, UserID: who.UserID}); err != nil {
			return nil, err
		}
		if err := add(ctx, tx, opID); err != nil {
			return nil, err
		}
		return nil, r.Enqueue(ctx, tx, who.OrganizationID, opID, undo)
	})
	var replay *idem.Replay
	if errors.As(err, &replay) {
		return replay.RecordID, nil
	}
	return opID, err
}

// Run drives a batch to its end, from wherever the last run got to. It returns an error if it is worth another try later.
func (r *Runner) Run(ctx context.Context, org, opID string) error {
	return r.drive(ctx, org, opID, func(ctx context.Context) (string, error) {
		var user string
		err := r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
			b, err := r.Store.LockMergeBatch(ctx, tx, org, opID)
			if err == nil {
				user = b.UserID
			}
			return nil, err
		})
		return user, err
	}, r.merge)
}

// Undo drives the undo of a batch to its end, likewise.
func (r *Runner) Undo(ctx context.Context, org, opID string) error {
	return r.drive(ctx, org, opID, func(ctx context.Context) (string, error) {
		var user string
		err := r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
			u, err := r.Store.LockMergeBatchUndo(ctx, tx, org, opID)
			if err == nil {
				user = u.UserID
			}
			return nil, err
		})
		return user, err
	}, r.part)
}

// state is what a step came to.
type state struct {
	more, cancelled bool
	failure         string
}

// drive does steps as the user until there are no more.
func (r *Runner) drive(
	ctx context.Context, org, opID string, user func(context.Context) (string, error),
	step func(ctx context.Context, org, opID string, s *state) error,
) error {
	userID, err := user(ctx)
	if err != nil {
		return err
	}
	s := state{more: true}
	for s.more {
		as, err := r.As(ctx, org, userID)
		var gone *apperr.Error
		switch {
		case errors.As(err, &gone) && gone.Code == codes.NotFound: // the user has left
			as, s.failure = authn.With(ctx, authn.Principal{OrganizationID: org, Service: "contacts"}), gone.Reason+": "+gone.Msg
		case err != nil:
			return fmt.Errorf("act for the user: %w", err)
		}
		for n := 0; s.more && n < stepsPerToken; n++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := step(as, org, opID, &s)
			if errors.Is(err, operation.ErrEnded) { // cut off after its end
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// rights are those of the user whom the context acts for, as they are now.
func rights(ctx context.Context, org string, kind record.Kind) merge.Rights {
	c := record.Caller{
		OrganizationID: org, UserID: authn.MustFrom(ctx).UserID, View: authz.For(ctx, string(kind), optionsv1.Action_ACTION_VIEW),
	}
	may := merge.Rights{Update: c, Delete: c}
	may.Update.Act = authz.For(ctx, string(kind), optionsv1.Action_ACTION_UPDATE)
	may.Delete.Act = authz.For(ctx, string(kind), optionsv1.Action_ACTION_DELETE)
	return may
}

// merge lists the groups, or merges some.
func (r *Runner) merge(ctx context.Context, org, opID string, s *state) error {
	return r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) (evs []event.Event, err error) {
		b, err := r.Store.LockMergeBatch(ctx, tx, org, opID)
		if err != nil {
			return nil, err
		}
		var left []operation.Rejection
		s.more = false
		switch {
		case s.failure != "":
		case !b.Planned:
			err = r.Store.PlanMergeBatch(ctx, tx, rights(ctx, org, b.Kind).Update, b)
			s.more = b.Groups > 0
		default:
			evs, left, err = r.some(ctx, tx, rights(ctx, org, b.Kind), b)
			s.more = b.Position < b.Groups
		}
		if err != nil {
			return nil, err
		}
		if err := r.Store.SaveMergeBatch(ctx, tx, b); err != nil {
			return nil, err
		}
		s.cancelled, err = r.Operations.Advance(ctx, tx, org, opID, operation.Progress{
			Done: b.Position, Total: b.Groups, Rejected: b.Left, New: left,
		})
		if err != nil || s.more && !s.cancelled {
			return evs, err
		}
		end := operation.End{
			Failure: s.failure, Cancelled: s.more && s.cancelled,
			Result: map[string]any{"merged": b.Merged, "records": b.Records, "left": b.Left, "dry_run": b.DryRun},
		}
		s.more = false
		return evs, r.Operations.Finish(ctx, tx, org, opID, end)
	})
}

// some merges the next groups, each behind a savepoint.
func (r *Runner) some(ctx context.Context, tx pgx.Tx, may merge.Rights, b *store.MergeBatch) ([]event.Event, []operation.Rejection, error) {
	groups, err := r.Store.NextGroups(ctx, tx, b, groupsAtOnce)
	if err != nil {
		return nil, nil, err
	}
	var all []event.Event
	var left []operation.Rejection
	for _, g := range groups {
		var done *merge.Done
		evs, refused, err := behind(ctx, tx, b.DryRun, func(tx pgx.Tx) (evs []event.Event, err error) {
			switch {
			case g.Dismissed:
				return nil, merge.ErrDismissed
			case len(g.IDs) > most:
				return nil, merge.ErrTooMany
			}
			done, evs, err = r.Kinds[b.Kind].Join(ctx, tx, may, b, g)
			return evs, err
		})
		if err != nil {
			return nil, nil, err
		}
		b.Position = g.Number
		if refused != nil {
			b.Left++
			left = append(left, rejection(g.Number, g.IDs[0], refused))
			continue
		}
		b.Merged++
		b.Records += int64(len(done.MergedIDs))
		all = append(all, evs...)
	}
	if len(groups) == 0 {
		b.Position = b.Groups
	}
	return all, left, nil
}

// part takes some merges back, the one done last first.
func (r *Runner) part(ctx context.Context, org, opID string, s *state) error {
	return r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) (all []event.Event, err error) {
		u, err := r.Store.LockMergeBatchUndo(ctx, tx, org, opID)
		if err != nil {
			return nil, err
		}
		var left []operation.Rejection
		s.more = s.failure == ""
		for range groupsAtOnce {
			if !s.more {
				break
			}
			var done *merge.Done
			if done, s.more, err = r.Store.NextMerge(ctx, tx, u); err != nil {
				return nil, err
			} else if !s.more {
				break
			}
			evs, refused, err := behind(ctx, tx, false, func(tx pgx.Tx) ([]event.Event, error) {
				return r.Kinds[u.Kind].Part(ctx, tx, rights(ctx, org, u.Kind), done.ID)
			})
			if err != nil {
				return nil, err
			}
			u.Position = *done.BatchNumber
			if refused != nil {
				u.Left++
				left = append(left, rejection(u.Position, done.SurvivorID, refused))
				continue
			}
			u.Parted++
			all = append(all, evs...)
		}
		cancelled, err := r.Operations.Advance(ctx, tx, org, opID, operation.Progress{
			Done: u.Parted + u.Left, Total: u.Total, Rejected: u.Left, New: left,
		})
		if err != nil {
			return nil, err
		}
		s.cancelled = cancelled && s.more
		s.more = s.more && !cancelled
		u.Done = !s.more
		if err := r.Store.SaveMergeBatchUndo(ctx, tx, u); err != nil || s.more {
			return all, err
		}
		return all, r.Operations.Finish(ctx, tx, org, opID, operation.End{
			Failure: s.failure, Cancelled: s.cancelled, Result: map[string]any{"restored": u.Parted, "left": u.Left},
		})
	})
}

// behind does something behind a savepoint, and undoes it if it is refused, or only tried.
func behind(
	ctx context.Context, tx pgx.Tx, try bool, do func(pgx.Tx) ([]event.Event, error),
) ([]event.Event, *apperr.Error, error) {
	sp, err := tx.Begin(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("savepoint: %w", err)
	}
	evs, err := do(sp)
	if err == nil && !try {
		if err := sp.Commit(ctx); err != nil {
			return nil, nil, fmt.Errorf("release savepoint: %w", err)
		}
		return evs, nil, nil
	}
	refused := refusal(err)
	if err != nil && refused == nil {
		return nil, nil, err
	}
	if err := sp.Rollback(ctx); err != nil {
		return nil, nil, fmt.Errorf("undo merge: %w", err)
	}
	return nil, refused, nil
}

// refusal returns why a group is left, nil if err is an outage.
func refusal(err error) *apperr.Error {
	var refused *apperr.Error
	if errors.As(err, &refused) && refused.Code != codes.Unavailable {
		return refused
	}
	var db *pgconn.PgError
	if errors.As(err, &db) && (strings.HasPrefix(db.Code, "22") || strings.HasPrefix(db.Code, "23")) {
		return merge.ErrRefused.With("constraint", db.ConstraintName)
	}
	return nil
}

func rejection(number int64, recordID string, e *apperr.Error) operation.Rejection {
	message := e.Msg
	if len(e.Fields) > 0 {
		message += ": " + e.Fields[0].Field + " " + e.Fields[0].Description
	}
	return operation.Rejection{Line: number, Reason: e.Reason, Message: message, RecordID: recordID}
}
