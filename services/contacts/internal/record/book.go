package record

import (
	"context"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
)

// Book is the use cases that leads, contacts and companies share. It decides; the store keeps.
type Book[T any, P Entity[T]] struct {
	Store Store[T]
	Users Users
	Clock clock.Clock
	// Custom is the organisation's own fields of the kind.
	Custom Custom[T]
	// The kind's own failures.
	ErrNotFound, ErrStale, ErrDeleted, ErrNotDeleted *apperr.Error
}

// Entity is what a record must offer to be kept in a Book: the fields all kinds have, and its own rules.
type Entity[T any] interface {
	*T
	Common() *Meta
	Normalize(country string) error
}

// Common returns the fields that all kinds have.
func (m *Meta) Common() *Meta { return m }

// Prepare checks a new record and fills in what the server sets. The caller must be allowed to make records that the
// responsible user answers for. A lenient check lets required custom fields be empty.
func (b *Book[T, P]) Prepare(who Caller, r *T, check Check[T], lenient bool) error {
	m := P(r).Common()
	if m.ResponsibleID == "" {
		m.ResponsibleID = who.UserID
	}
	if err := P(r).Normalize(b.Users.Country(who.OrganizationID)); err != nil {
		return err
	}
	if !who.CanAct(m) {
		return ErrForbidden.Saying("you may not make records that this user is responsible for")
	}
	if m.ResponsibleID != who.UserID && !b.Users.Active(who.OrganizationID, m.ResponsibleID) {
		return ErrResponsibleNotFound
	}
	m.Version = 1
	m.CreatorID = who.UserID
	if m.Origin.Kind == "" {
		m.Origin = Origin{Kind: "user", ID: who.UserID}
	}
	m.CreatedAt = b.Clock.Now()
	m.UpdatedAt, m.DeletedAt = m.CreatedAt, time.Time{}
	return check.Do(nil, r, lenient)
}

// Create makes a record. Its ID has been chosen by the caller of this method.
func (b *Book[T, P]) Create(ctx context.Context, who Caller, r *T) (*T, error) {
	check, err := b.Checker(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	if err := b.Prepare(who, r, check, false); err != nil {
		return nil, err
	}
	return b.Shown(ctx, who.OrganizationID)(b.Store.Create(ctx, who.OrganizationID, r, ""))
}

// Get returns a record that the caller may see, also one in the bin.
func (b *Book[T, P]) Get(ctx context.Context, who Caller, id string) (*T, error) {
	r, err := b.Store.Get(ctx, who.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	if !who.CanSee(P(r).Common()) {
		return nil, b.ErrNotFound
	}
	return b.Shown(ctx, who.OrganizationID)(r, nil)
}

// Update replaces a record by what change makes of it; fields that the server sets stay. version is the one the caller
// has seen, 0 for any.
func (b *Book[T, P]) Update(ctx context.Context, who Caller, id string, version int64, change func(*T) (*T, error)) (*T, error) {
	check, err := b.Checker(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	return b.Shown(ctx, who.OrganizationID)(b.Store.Update(ctx, who.OrganizationID, id, func(cur *T) (*Change[T], error) {
		return b.Revised(who, check, cur, version, change)
	}))
}

// Admit says whether the caller may change a record that is not in the bin.
func (b *Book[T, P]) Admit(who Caller, m *Meta, version int64) error {
	switch {
	case !who.CanSee(m):
		return b.ErrNotFound
	case !who.CanAct(m):
		return ErrForbidden
	case version != 0 && version != m.Version:
		return b.ErrStale
	case m.Deleted():
		return b.ErrDeleted
	}
	return nil
}

// Delete puts a record into the bin. One that is there already is left as it is.
func (b *Book[T, P]) Delete(ctx context.Context, who Caller, id string, version int64) (*T, error) {
	return b.Shown(ctx, who.OrganizationID)(b.Store.Update(ctx, who.OrganizationID, id, func(cur *T) (*Change[T], error) {
		return b.Binned(who, cur, version)
	}))
}

// Undelete takes a record out of the bin.
func (b *Book[T, P]) Undelete(ctx context.Context, who Caller, id string) (*T, error) {
	return b.Shown(ctx, who.OrganizationID)(b.Store.Update(ctx, who.OrganizationID, id, func(cur *T) (*Change[T], error) {
		return b.Restored(who, cur)
	}))
}

// List returns a page of the records that the caller may see.
func (b *Book[T, P]) List(ctx context.Context, who Caller, q Query) (Page[T], error) {
	page, err := b.Store.List(ctx, who, q)
	if err != nil {
		return Page[T]{}, err
	}
	kind, err := b.Custom.Fields(ctx, who.OrganizationID)
	if err != nil {
		return Page[T]{}, err
	}
	for _, r := range page.Records {
		m := P(r).Common()
		m.Custom = kind.Show(m.Custom)
	}
	return page, nil
}

// Count counts what List would return, exactly up to CountLimit.
func (b *Book[T, P]) Count(ctx context.Context, who Caller, filter string, deleted bool) (n int, more bool, err error) {
	return b.Store.Count(ctx, who, filter, deleted)
}

// History returns what happened to a record that the caller may see, newest first.
func (b *Book[T, P]) History(ctx context.Context, who Caller, id string, before int64, limit int) ([]event.Event, error) {
	if _, err := b.Get(ctx, who, id); err != nil {
		return nil, err
	}
	return b.Store.History(ctx, who.OrganizationID, id, before, limit)
}
