package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/jobs"
)

// Job is the job of a handover or of its way back.
type Job struct {
	Organization string `json:"organization"`
	HandoverID   string `json:"handover_id"`
}

// Kind names the job in River's table.
func (Job) Kind() string { return "handover" }

// Enqueue adds the job of a handover within tx.
func Enqueue(ctx context.Context, c *jobs.Client, tx pgx.Tx, org, handoverID string) error {
	return c.Insert(ctx, tx, Job{Organization: org, HandoverID: handoverID}, nil)
}

// Store keeps handovers and their records.
type Store interface {
	// GetHandover returns ErrNotFound if there is no such handover.
	GetHandover(ctx context.Context, org, id string) (*Handover, error)
	// Note stores records as pending; those that are known already stay as they are.
	Note(ctx context.Context, org, handoverID string, records []Record) error
	// Next returns up to limit records of a kind in a state.
	Next(ctx context.Context, org, handoverID, kind string, fate Fate, limit int) ([]Record, error)
	// Settle stores what has become of records, with the operation's progress out of total, and reports whether the
	// operation is to be cancelled.
	Settle(ctx context.Context, org, handoverID string, records []Record, total int64) (cancel bool, err error)
	// End stores that the work has ended: state goes on to Done or Reverted, the operation ends.
	End(ctx context.Context, org, handoverID string, cancelled bool, failure string) error
}

// Worker does the jobs.
type Worker struct {
	river.WorkerDefaults[Job]

	Store Store
	Books []Book
	// As returns a context in which calls are made for a user; its token does not last long.
	As  func(ctx context.Context, org, userID string) (context.Context, error)
	Log *slog.Logger
}

const (
	page = 100
	// tries is how often a record that others are changing is read again.
	tries = 5
)

// errCancelled says that the user asked to stop.
var errCancelled = errors.New("cancelled")

// Work drives a handover, or its way back, to its end.
func (w *Worker) Work(ctx context.Context, job *river.Job[Job]) error {
	org, id := job.Args.Organization, job.Args.HandoverID
	h, err := w.Store.GetHandover(ctx, org, id)
	if err != nil {
		return err
	}
	switch h.State {
	case Running:
		err = w.forth(ctx, org, h)
	case Reverting:
		err = w.back(ctx, org, h)
	case Done, Reverted:
		return nil
	}
	switch {
	case err == nil:
		return w.Store.End(ctx, org, id, false, "")
	case errors.Is(err, errCancelled):
		return w.Store.End(ctx, org, id, true, "")
	case ctx.Err() == nil && job.Attempt >= job.MaxAttempts:
		w.Log.ErrorContext(ctx, "handover given up", "organization_id", org, "handover_id", id, "error", err)
		return errors.Join(err, w.Store.End(ctx, org, id, false,
			"HANDOVER_GIVEN_UP: tried several times without success; what was done stays done and is listed. Hand over again."))
	}
	return err
}

// forth moves every open record to the successor.
func (w *Worker) forth(ctx context.Context, org string, h *Handover) error {
	as, err := w.As(ctx, org, h.ActorID)
	if err != nil {
		return err
	}
	var total int64
	for _, b := range w.Books {
		n, err := b.Count(as, h.UserID)
		if err != nil && !forbidden(err) {
			return fmt.Errorf("count %s records: %w", b.Kind(), err)
		}
		total += n
	}
	total += h.Moved + h.Left // by a job that died before
	for _, b := range w.Books {
		if err := w.forthOf(ctx, org, h, b, total); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) forthOf(ctx context.Context, org string, h *Handover, b Book, total int64) error {
	for token := ""; ; {
		as, err := w.As(ctx, org, h.ActorID)
		if err != nil {
			return err
		}
		found, next, err := b.Open(as, h.UserID, token)
		if forbidden(err) {
			return nil // who asked sees none of this kind
		}
		if err != nil {
			return fmt.Errorf("list %s records: %w", b.Kind(), err)
		}
		records := make([]Record, len(found))
		for i, f := range found {
			records[i] = Record{Kind: b.Kind(), ID: f.ID, Name: f.Name, Etag: f.Etag, Fate: Pending}
		}
		if err := w.Store.Note(ctx, org, h.ID, records); err != nil {
			return err
		}
		if err := w.each(ctx, as, org, h, b, Pending, total, w.move); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		token = next
	}
}

// back gives every record that was moved back, unless somebody has given it to another since.
func (w *Worker) back(ctx context.Context, org string, h *Handover) error {
	for _, b := range w.Books {
		as, err := w.As(ctx, org, h.ActorID)
		if err != nil {
			return err
		}
		if err := w.each(ctx, as, org, h, b, Pending, h.Moved+h.Returned+h.Kept, w.find); err != nil {
			return err
		}
	}
	h, err := w.Store.GetHandover(ctx, org, h.ID) // with what was found to have been moved
	if err != nil {
		return err
	}
	total := h.Moved + h.Returned + h.Kept
	for _, b := range w.Books {
		as, err := w.As(ctx, org, h.ActorID)
		if err != nil {
			return err
		}
		if err := w.each(ctx, as, org, h, b, Moved, total, w.giveBack); err != nil {
			return err
		}
	}
	return nil
}

// each lets do decide the fate of every record of a kind that is in a state.
func (w *Worker) each(ctx, as context.Context, org string, h *Handover, b Book, in Fate, total int64,
	do func(ctx context.Context, h *Handover, b Book, r *Record) error,
) error {
	for {
		records, err := w.Store.Next(ctx, org, h.ID, b.Kind(), in, page)
		if err != nil || len(records) == 0 {
			return err
		}
		for i := range records {
			if err := do(as, h, b, &records[i]); err != nil {
				// What was done before it is kept; the next attempt goes on here.
				_, settled := w.Store.Settle(ctx, org, h.ID, records[:i], total)
				return errors.Join(fmt.Errorf("%s %s: %w", b.Kind(), records[i].ID, err), settled)
			}
		}
		cancel, err := w.Store.Settle(ctx, org, h.ID, records, total)
		if err != nil {
			return err
		}
		if cancel {
			return errCancelled
		}
		if as, err = w.As(ctx, org, h.ActorID); err != nil {
			return err
		}
	}
}

// move gives a record to the successor. A record that somebody changes at the same time is read again.
func (w *Worker) move(ctx context.Context, h *Handover, b Book, r *Record) error {
	for range tries {
		etag, err := b.Assign(ctx, r.ID, r.Etag, h.SuccessorID, "handover/"+h.ID+"/"+r.ID+"/"+r.Etag)
		if err == nil {
			r.Fate, r.Etag = Moved, etag
			return nil
		}
		if !stale(err) {
			return r.stays(Left, err)
		}
		now, err := b.Get(ctx, r.ID)
		switch {
		case err != nil:
			return r.stays(Left, err)
		case now.ResponsibleID == h.SuccessorID:
			r.Fate, r.Etag = Moved, now.Etag // by the attempt that died before it could say so
			return nil
		case now.ResponsibleID != h.UserID:
			r.Fate, r.Reason = Left, "REASSIGNED"
			return nil
		}
		r.Etag = now.Etag
	}
	r.Fate, r.Reason = Left, "CHANGING"
	return nil
}

// find says where a record is that was to be moved when the job ended for good: it may have been, without the job living
// to note it.
func (w *Worker) find(ctx context.Context, h *Handover, b Book, r *Record) error {
	now, err := b.Get(ctx, r.ID)
	switch {
	case err != nil:
		return r.stays(Kept, err)
	case now.ResponsibleID == h.SuccessorID:
		r.Fate, r.Etag = Moved, now.Etag
	case now.ResponsibleID == h.UserID:
		r.Fate = Left
	default:
		r.Fate, r.Reason = Left, "REASSIGNED"
	}
	return nil
}

// giveBack gives a record back if the successor is still responsible for it. One that is of another version than the
// handover left is read again.
func (w *Worker) giveBack(ctx context.Context, h *Handover, b Book, r *Record) error {
	for range tries {
		etag, err := b.Assign(ctx, r.ID, r.Etag, h.UserID, "handover-revert/"+h.ID+"/"+r.ID+"/"+r.Etag)
		if err == nil {
			r.Fate, r.Etag = Returned, etag
			return nil
		}
		if !stale(err) {
			return r.stays(Kept, err)
		}
		now, err := b.Get(ctx, r.ID)
		switch {
		case err != nil:
			return r.stays(Kept, err)
		case now.ResponsibleID == h.UserID:
			r.Fate, r.Etag = Returned, now.Etag // by the attempt that died before it could say so, or by hand
			return nil
		case now.ResponsibleID != h.SuccessorID:
			r.Fate, r.Reason = Kept, "REASSIGNED"
			return nil
		}
		r.Etag = now.Etag
	}
	r.Fate, r.Reason = Kept, "CHANGING"
	return nil
}

// stays notes why a record could not be changed; errors that may pass are returned instead.
func (r *Record) stays(fate Fate, err error) error {
	var e *apperr.Error
	if !errors.As(err, &e) {
		return err
	}
	if slices.Contains(passing(), e.Code) {
		return err
	}
	// The user has just been activated, and not every service may know that yet.
	if e.Reason == "RESPONSIBLE_NOT_FOUND" {
		return err
	}
	r.Fate, r.Reason = fate, e.Reason
	return nil
}

// passing are the codes of failures that may have gone at the next attempt.
func passing() []codes.Code {
	return []codes.Code{
		codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Internal, codes.Unknown, codes.Unauthenticated,
	}
}

func stale(err error) bool {
	var e *apperr.Error
	return errors.As(err, &e) && strings.HasSuffix(e.Reason, "_ETAG_MISMATCH")
}

func forbidden(err error) bool {
	var e *apperr.Error
	return errors.As(err, &e) && e.Code == codes.PermissionDenied
}
