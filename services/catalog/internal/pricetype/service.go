package pricetype

import (
	"context"
	"errors"

	"kontor.internal/libs/clock"
	"kontor.internal/services/catalog/internal/record"
)

// Store keeps price types. Every method is scoped to one organisation; an ID of another organisation behaves exactly like
// an ID that does not exist.
type Store interface {
	// Create writes a new price type with its event. It returns ErrName. If the
	// caller's request was done before, it returns the price type as it was answered then.
	Create(ctx context.Context, org string, p *PriceType, ev Event) (*PriceType, error)

	// Get returns a price type, from the bin too, or ErrNotFound.
	Get(ctx context.Context, org, id string) (*PriceType, error)

	// Update loads the price type, locks it, lets fn change it and writes it with the event fn returns. It returns
	// ErrNotFound, ErrStale if version is not 0 and not the stored one, what Create returns, or fn's error. If the
	// caller's request was done before, it returns the price type as it was answered then.
	Update(ctx context.Context, org, id string, version int64, fn func(*PriceType) (Event, error)) (*PriceType, error)

	// EnsureBase writes the ready-made price type of an organisation that has none, and returns the ID of the one there
	// is.
	EnsureBase(ctx context.Context, org string, p *PriceType, ev Event) (string, error)

	// Base returns the ID of the price type with the list prices, or ErrNotFound if the organisation has none yet.
	Base(ctx context.Context, org string) (string, error)
}

// Service is the use cases of price types.
type Service struct {
	Store Store
	Clock clock.Clock
	NewID func() string
}

// Create makes a price type of a draft.
func (s *Service) Create(ctx context.Context, org string, draft *PriceType, origin record.Origin) (*PriceType, error) {
	p, ev, err := New(draft, s.NewID(), origin, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return s.Store.Create(ctx, org, p, ev)
}

// Get returns a price type, from the bin too.
func (s *Service) Get(ctx context.Context, org, id string) (*PriceType, error) {
	return s.Store.Get(ctx, org, id)
}

// Update lets set change a price type.
func (s *Service) Update(ctx context.Context, org, id string, version int64, set func(*PriceType)) (*PriceType, error) {
	return s.Store.Update(ctx, org, id, version, func(p *PriceType) (Event, error) { return p.Change(set, s.Clock.Now()) })
}

// Delete puts a price type into the bin.
func (s *Service) Delete(ctx context.Context, org, id string, version int64) (*PriceType, error) {
	return s.Store.Update(ctx, org, id, version, func(p *PriceType) (Event, error) { return p.Delete(s.Clock.Now()) })
}

// Undelete takes a price type out of the bin.
func (s *Service) Undelete(ctx context.Context, org, id string, version int64) (*PriceType, error) {
	return s.Store.Update(ctx, org, id, version, func(p *PriceType) (Event, error) { return p.Undelete(s.Clock.Now()) })
}

// Base returns the ID of the price type with the list prices, which is made now if the organisation has none yet.
func (s *Service) Base(ctx context.Context, org string) (string, error) {
	baseID, err := s.Store.Base(ctx, org)
	if !errors.Is(err, ErrNotFound) {
		return baseID, err
	}
	p, ev := Ready(s.NewID(), s.Clock.Now())
	return s.Store.EnsureBase(ctx, org, p, ev)
}
