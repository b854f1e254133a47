package record

import "time"

// The changes of a record that has been read with its row locked, one by one by the Book or many at once by a job.

// Revised returns the change of a record to what change makes of it; fields that the server sets stay. version is the one
// the caller has seen, 0 for any.
func (b *Book[T, P]) Revised(who Caller, check Check[T], cur *T, version int64, change func(*T) (*T, error)) (*Change[T], error) {
	m := P(cur).Common()
	if err := b.Admit(who, m, version); err != nil {
		return nil, err
	}
	next, err := change(cur)
	if err != nil {
		return nil, err
	}
	n := P(next).Common()
	n.ID, n.Version, n.Origin, n.CreatorID, n.CreatedAt, n.DeletedAt = m.ID, m.Version, m.Origin, m.CreatorID, m.CreatedAt, m.DeletedAt
	if n.ResponsibleID == "" {
		n.ResponsibleID = m.ResponsibleID
	}
	if err := P(next).Normalize(b.Users.Country(who.OrganizationID)); err != nil {
		return nil, err
	}
	if n.ResponsibleID != m.ResponsibleID && !b.Users.Active(who.OrganizationID, n.ResponsibleID) {
		return nil, ErrResponsibleNotFound
	}
	n.UpdatedAt = b.Clock.Now()
	if err := check.Do(cur, next, false); err != nil {
		return nil, err
	}
	return &Change[T]{What: Updated, Before: cur, After: next}, nil
}

// Binned returns the change that puts a record into the bin; nil if it is there already.
func (b *Book[T, P]) Binned(who Caller, cur *T, version int64) (*Change[T], error) {
	err := b.Admit(who, P(cur).Common(), version)
	switch {
	case err == error(b.ErrDeleted): //nolint:errorlint // Admit returns the sentinel itself.
		return nil, nil
	case err != nil:
		return nil, err
	}
	next := *cur
	m := P(&next).Common()
	m.DeletedAt = b.Clock.Now()
	m.UpdatedAt = m.DeletedAt
	return &Change[T]{What: Deleted, Before: cur, After: &next}, nil
}

// Restored returns the change that takes a record out of the bin.
func (b *Book[T, P]) Restored(who Caller, cur *T) (*Change[T], error) {
	err := b.Admit(who, P(cur).Common(), 0)
	switch {
	case err == nil:
		return nil, b.ErrNotDeleted
	case err != error(b.ErrDeleted): //nolint:errorlint // Admit returns the sentinel itself.
		return nil, err
	}
	next := *cur
	m := P(&next).Common()
	m.DeletedAt, m.UpdatedAt = time.Time{}, b.Clock.Now()
	return &Change[T]{What: Undeleted, Before: cur, After: &next}, nil
}
