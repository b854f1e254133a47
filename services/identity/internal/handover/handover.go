// Package handover passes the open records of a user who leaves on to a successor, and back again within 30 days
// (ID-2).
//
//	Start ──► running ──job──► done ──Revert──► reverting ──job──► reverted
//
// The records belong to other contexts. A job changes them there one by one, through the contract that people use, with
// the rights of whoever asked, so that histories, counts and boards follow as with any other change. What is about to
// be moved is noted before it is, and each change has an idempotency key: a job that dies goes on where it was. A record
// is given back as long as the successor is responsible for it, whatever has been done to it since: by the successor, or
// by the system, whose reminders, formulas and rates make versions too. It is kept if somebody gave it to another.
package handover

import (
	"context"
	"time"

	"kontor.internal/libs/apperr"
)

// Window is how long a handover can be reverted.
const Window = 30 * 24 * time.Hour

// Failures.
var (
	ErrNotFound  = apperr.NotFound("HANDOVER_NOT_FOUND", "there is no such handover")
	ErrSuccessor = apperr.Invalid("SUCCESSOR_INVALID", "name another user, who is active, as the successor")
	ErrRunning   = apperr.NotAllowedNow("HANDOVER_RUNNING", "records of this user are on their way; wait until that has ended")
	ErrReverted  = apperr.NotAllowedNow("HANDOVER_REVERTED", "the handover has been reverted already")
	ErrTooOld    = apperr.NotAllowedNow("HANDOVER_TOO_OLD", "a handover can be reverted for 30 days; hand the records over anew")
)

// State says how far a handover is; numbered as in the contract.
type State int

// The states.
const (
	Running State = iota + 1
	Done
	Reverting
	Reverted
)

// Handover is one handover.
type Handover struct {
	ID, UserID, SuccessorID string
	State                   State
	// Moved, Left, Returned and Kept count the records in these states.
	Moved, Left, Returned, Kept int64
	// OperationID is the UUID of the operation that works on it, or did last.
	OperationID string
	CreatorID   string
	// ActorID is who asked for what OperationID does.
	ActorID   string
	CreatedAt time.Time
	Version   int64
}

// RevertibleUntil is when it is too late.
func (h *Handover) RevertibleUntil() time.Time { return h.CreatedAt.Add(Window) }

// Revert begins the way back. It returns ErrRunning, ErrReverted or ErrTooOld.
func (h *Handover) Revert(operationID, actorID string, now time.Time) error {
	switch {
	case h.State == Running || h.State == Reverting:
		return ErrRunning
	case h.State == Reverted:
		return ErrReverted
	case now.After(h.RevertibleUntil()):
		return ErrTooOld
	}
	h.State, h.OperationID, h.ActorID = Reverting, operationID, actorID
	return nil
}

// Fate says what became of a record; numbered as in the contract.
type Fate int

// The fates.
const (
	Pending Fate = iota + 1
	Moved
	Left
	Returned
	Kept
)

// Fates are their names in filters, by number.
func Fates() []string { return []string{"", "pending", "moved", "left", "returned", "kept"} }

// Record is a record of a handover.
type Record struct {
	Kind, ID, Name string
	// Etag is the record's when it was noted, and after the move the one that the move gave it.
	Etag   string
	Fate   Fate
	Reason string
}

// Found is a record as its service has it now.
type Found struct {
	ID, Name, Etag, ResponsibleID string
	ObserverIDs                   []string
	AvailableToEveryone           bool
}

// Book is where the records of one kind are. Calls are made for the caller in the context.
type Book interface {
	// Kind of the records.
	Kind() string
	// Count returns about how many open records a user is responsible for.
	Count(ctx context.Context, userID string) (int64, error)
	// Open returns a page of them and the token of the next page.
	Open(ctx context.Context, userID, pageToken string) (records []Found, next string, err error)
	// Get returns a record, or the not-found error of its service.
	Get(ctx context.Context, id string) (Found, error)
	// Assign makes a user responsible for the record if it still has the etag, and returns its new one. Repeated with
	// the same request ID it changes nothing and returns the same.
	Assign(ctx context.Context, id, etag, userID, requestID string) (string, error)
}
