package section

import (
	"context"

	"kontor.internal/libs/clock"
	"kontor.internal/services/catalog/internal/record"
)

// Store keeps sections. Every method is scoped to one organisation; an ID of another organisation behaves exactly like
// an ID that does not exist.
type Store interface {
	// Create writes a new section with its event. It returns ErrName, ErrExternalID, or ErrNotFound for the parent. If the
	// caller's request was done before, it returns the section as it was answered then.
	Create(ctx context.Context, org string, sec *Section, ev Event) (*Section, error)

	// Get returns a section, from the bin too, or ErrNotFound.
	Get(ctx context.Context, org, id string) (*Section, error)

	// Update loads the section, locks it, lets fn change it and writes it with the event fn returns. It returns
	// ErrNotFound, ErrStale if version is not 0 and not the stored one, ErrCycle, ErrNotEmpty for one put into the bin, what Create returns, or fn's error. If the
	// caller's request was done before, it returns the section as it was answered then.
	Update(ctx context.Context, org, id string, version int64, fn func(*Section) (Event, error)) (*Section, error)
}

// Service is the use cases of sections.
type Service struct {
	Store Store
	Clock clock.Clock
	NewID func() string
}

// Create makes a section of a draft.
func (s *Service) Create(ctx context.Context, org string, draft *Section, origin record.Origin) (*Section, error) {
	sec, ev, err := New(draft, s.NewID(), origin, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	return s.Store.Create(ctx, org, sec, ev)
}

// Get returns a section, from the bin too.
func (s *Service) Get(ctx context.Context, org, id string) (*Section, error) {
	return s.Store.Get(ctx, org, id)
}

// Update lets set change a section.
func (s *Service) Update(ctx context.Context, org, id string, version int64, set func(*Section)) (*Section, error) {
	return s.Store.Update(ctx, org, id, version, func(sec *Section) (Event, error) { return sec.Change(set, s.Clock.Now()) })
}

// Delete puts a section into the bin.
func (s *Service) Delete(ctx context.Context, org, id string, version int64) (*Section, error) {
	return s.Store.Update(ctx, org, id, version, func(sec *Section) (Event, error) { return sec.Delete(s.Clock.Now()) })
}

// Undelete takes a section out of the bin.
func (s *Service) Undelete(ctx context.Context, org, id string, version int64) (*Section, error) {
	return s.Store.Update(ctx, org, id, version, func(sec *Section) (Event, error) { return sec.Undelete(s.Clock.Now()) })
}
