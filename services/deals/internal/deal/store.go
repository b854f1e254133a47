package deal

import (
	"context"
	"time"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/pipeline"
)

// Caller is who asks, and what they may.
type Caller struct {
	OrganizationID string
	UserID         string
	// View is whose deals the caller sees; observed ones and those available to everyone come on top.
	View authz.Scope
	// Act is whose deals the caller may do the thing to that is asked for.
	Act authz.Scope
	// FromContacts is whether contacts asks on the user's behalf, which vouches for the records that it names.
	FromContacts bool
	// MayUndercut is whether the caller may sell below a product's minimum price.
	MayUndercut bool
}

// Store keeps deals. Every method is scoped to one organisation; an ID of another organisation behaves exactly like
// an ID that does not exist.
type Store interface {
	// Create writes a new deal with its events. It returns ErrExists if the ID is taken, ErrExternalID if an external
	// ID is, and pipeline.ErrStageNotFound if the stage has gone meanwhile. If the caller's request was done before, it
	// returns the deal as it was answered then.
	Create(ctx context.Context, d *Deal, evs ...Event) (*Deal, error)

	// Get returns a deal, from the bin too, or ErrNotFound.
	Get(ctx context.Context, org, id string) (*Deal, error)

	// Update loads the deal, locks it, lets fn change it and writes it with the events fn returns, atomically; no
	// events, no write. fn may run more than once. It returns ErrNotFound, ErrStale if version is not 0 and is not the
	// stored one, ErrExternalID, pipeline.ErrStageNotFound, or fn's error. If the caller's request was done before, it
	// returns the deal as it was answered then and does not call fn.
	Update(ctx context.Context, org, id string, version int64, fn func(context.Context, *Deal) ([]Event, error)) (*Deal, error)
}

// Pipelines reads pipelines.
type Pipelines interface {
	// Get returns a pipeline that is not in the bin, or pipeline.ErrNotFound. An empty ID stands for the default one.
	Get(ctx context.Context, org, id string) (*pipeline.Pipeline, error)
	// OfStage returns the pipeline, not in the bin, that has the stage, or pipeline.ErrStageNotFound.
	OfStage(ctx context.Context, org, stageID string) (*pipeline.Pipeline, error)
}

// Products asks the catalog.
type Products interface {
	// Products returns the products with the IDs; one that is not there is left out.
	Products(ctx context.Context, ids []string) (map[string]Product, error)
}

// Rates knows what currencies are worth.
type Rates interface {
	// ToBase returns, for each currency, what one unit is worth in the organisation's base currency on a day. A
	// currency without a rate on or before the day is left out.
	ToBase(ctx context.Context, org, base string, day time.Time, currencies ...string) (map[string]Rate, error)
}

// Organizations knows organisations and their users.
type Organizations interface {
	// Settings returns the zone that days are reckoned in and the base currency.
	Settings(org string) (zone *time.Location, baseCurrency string)
	// ActiveUser reports whether there is such a user who may be given work.
	ActiveUser(org, id string) bool
}

// Rate is what one unit of a currency is worth in the base currency.
type Rate = money.Money
