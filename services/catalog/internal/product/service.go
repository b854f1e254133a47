package product

import (
	"context"

	"kontor.internal/libs/clock"
	"kontor.internal/services/catalog/internal/record"
)

// Store keeps products. Every method is scoped to one organisation; an ID of another organisation behaves exactly like
// an ID that does not exist.
type Store interface {
	// Create writes a new product with its event. It returns ErrSKU, ErrExternalID, section.ErrNotFound or
	// pricetype.ErrNotFound. If the caller's request was done before, it returns the product as it was answered then.
	Create(ctx context.Context, org string, p *Product, ev Event) (*Product, error)

	// Get returns a product, from the bin too, or ErrNotFound.
	Get(ctx context.Context, org, id string) (*Product, error)

	// Update loads the product, locks it, lets fn change it and writes it with the event fn returns. It returns
	// ErrNotFound, ErrStale if version is not 0 and not the stored one, what Create returns, or fn's error. If the
	// caller's request was done before, it returns the product as it was answered then.
	Update(ctx context.Context, org, id string, version int64, fn func(*Product) (Event, error)) (*Product, error)
}

// Service is the use cases of products.
type Service struct {
	Store Store
	Clock clock.Clock
	NewID func() string
	// Custom returns what custom fields of an organisation are checked by.
	Custom func(ctx context.Context, org string) (Custom, error)
}

// shown takes the values of retired fields from a product that is on its way to a caller.
func (s *Service) shown(ctx context.Context, org string) func(*Product, error) (*Product, error) {
	return func(p *Product, err error) (*Product, error) {
		if err != nil {
			return nil, err
		}
		return p, s.Shown(ctx, org, p)
	}
}

// Shown takes the values of retired fields from products that are on their way to a caller.
func (s *Service) Shown(ctx context.Context, org string, list ...*Product) error {
	c, err := s.Custom(ctx, org)
	if err != nil {
		return err
	}
	for _, p := range list {
		p.Custom = c.Fields.Show(p.Custom)
	}
	return nil
}

// Create makes a product of a draft.
func (s *Service) Create(ctx context.Context, org string, draft *Product, origin record.Origin) (*Product, error) {
	c, err := s.Custom(ctx, org)
	if err != nil {
		return nil, err
	}
	p, ev, err := New(draft, s.NewID(), origin, c, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return s.shown(ctx, org)(s.Store.Create(ctx, org, p, ev))
}

// Get returns a product, from the bin too.
func (s *Service) Get(ctx context.Context, org, id string) (*Product, error) {
	return s.shown(ctx, org)(s.Store.Get(ctx, org, id))
}

// Update lets set change a product.
func (s *Service) Update(ctx context.Context, org, id string, version int64, set func(*Product)) (*Product, error) {
	c, err := s.Custom(ctx, org)
	if err != nil {
		return nil, err
	}
	return s.shown(ctx, org)(s.Store.Update(ctx, org, id, version, func(p *Product) (Event, error) { return p.Change(set, c, s.Clock.Now()) }))
}

// Delete puts a product into the bin.
func (s *Service) Delete(ctx context.Context, org, id string, version int64) (*Product, error) {
	return s.shown(ctx, org)(s.Store.Update(ctx, org, id, version, func(p *Product) (Event, error) { return p.Delete(s.Clock.Now()) }))
}

// Undelete takes a product out of the bin.
func (s *Service) Undelete(ctx context.Context, org, id string, version int64) (*Product, error) {
	return s.shown(ctx, org)(s.Store.Update(ctx, org, id, version, func(p *Product) (Event, error) { return p.Undelete(s.Clock.Now()) }))
}
