package record

import (
	"context"

	"kontor.internal/libs/event"
)

// Store keeps the records of one kind. Every method is scoped to one organization; an ID of another organization
// behaves exactly like an ID that does not exist.
type Store[T any] interface {
	// Create stores a new record and tells of it. It returns ErrExternalIDTaken if another record has one of its
	// external IDs, and the kind's own errors for references that lead nowhere. If the context's request was done
	// before, the answer is the record as it was made then.
	Create(ctx context.Context, org string, r *T, cause string) (*T, error)

	// Get returns the kind's ErrNotFound if there is no such record. Records in the bin are returned.
	Get(ctx context.Context, org, id string) (*T, error)

	// Update loads the record with its row locked, lets fn change it and saves it with the change fn returns,
	// atomically. A change of nil saves nothing. fn may run more than once. It returns the record as saved.
	Update(ctx context.Context, org, id string, fn func(*T) (*Change[T], error)) (*T, error)

	// List returns a page of the records that the caller may see.
	List(ctx context.Context, c Caller, q Query) (Page[T], error)

	// Count counts what List would return, in the bin if deleted is set, exactly up to CountLimit; more says that there are more.
	Count(ctx context.Context, c Caller, filter string, deleted bool) (n int, more bool, err error)

	// History returns the record's events below version before (0: from the newest), newest first, at most limit.
	History(ctx context.Context, org, id string, before int64, limit int) ([]event.Event, error)
}

// CountLimit is how far counts are exact (decisions 12).
const CountLimit = 10_000

// Query selects, orders and pages records (AIP-132, AIP-158, AIP-160). The list requests of the API are such.
type Query interface {
	GetFilter() string
	GetOrderBy() string
	GetPageSize() int32
	GetPageToken() string
	// GetShowDeleted asks for what is in the bin instead.
	GetShowDeleted() bool
}

// Page is some of the records that a query selects.
type Page[T any] struct {
	Records []*T
	// Next is the token of the next page; empty on the last.
	Next string
}
