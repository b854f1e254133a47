package store

import (
	"context"
	"errors"
	"time"

	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/merge"
	"kontor.internal/services/contacts/internal/record"
)

type (
	contactRecord     = contact.Contact
	contactEmployment = contact.Employment
	companyRecord     = company.Company
	leadRecord        = lead.Lead
)

// Merging merges the records of one kind; it is a [merge.Store].
type Merging[T any, P record.Entity[T]] struct{ m *merger[T, P] }

// Merge see [merge.Store].
func (x Merging[T, P]) Merge(
	ctx context.Context, org, mergeID string, p *merge.Plan, now time.Time, decide func([]*T) (*T, error),
) (*merge.Done, *T, error) {
	return x.m.merge(ctx, org, mergeID, p, now, decide)
}

// Undo see [merge.Store].
func (x Merging[T, P]) Undo(
	ctx context.Context, org, mergeID string, now time.Time, keep bool, admit func(*record.Meta) error,
) ([]string, error) {
	return x.m.undo(ctx, org, mergeID, now, keep, admit)
}

// MergeContacts merges contacts.
func (s *Store) MergeContacts() Merging[contact.Contact, *contact.Contact] {
	return Merging[contactRecord, *contactRecord]{s.contactMerger()}
}

// MergeCompanies merges companies.
func (s *Store) MergeCompanies() Merging[company.Company, *company.Company] {
	return Merging[companyRecord, *companyRecord]{s.companyMerger()}
}

// MergeLeads merges leads.
func (s *Store) MergeLeads() Merging[lead.Lead, *lead.Lead] {
	return Merging[leadRecord, *leadRecord]{s.leadMerger()}
}

// get is Get for IDs of records that are part of another now: it answers that one.
func (t *table[T, P]) get(ctx context.Context, org, id string) (*T, error) {
	r, err := t.Get(ctx, org, id)
	if !errors.Is(err, t.errNotFound) {
		return r, err
	}
	into, serr := survivor(ctx, t.db, org, t.kind, id)
	if serr != nil || into == "" {
		return nil, errors.Join(serr, err)
	}
	return t.Get(ctx, org, into)
}

// followed does something to a record; if it is part of another now, to that one.
func (t *table[T, P]) followed(ctx context.Context, org, id string, do func(id string) (*T, error)) (*T, error) {
	r, err := do(id)
	if !errors.Is(err, t.errNotFound) {
		return r, err
	}
	if into, serr := survivor(ctx, t.db, org, t.kind, id); serr == nil && into != "" {
		return do(into)
	}
	return nil, err
}

// Get see [record.Store].Get. The ID of a record that is part of another leads to that one (CON-16).
func (s *Contacts) Get(ctx context.Context, org, id string) (*contact.Contact, error) {
	return s.get(ctx, org, id)
}

// Get see [record.Store].Get. The ID of a record that is part of another leads to that one (CON-16).
func (s *Companies) Get(ctx context.Context, org, id string) (*company.Company, error) {
	return s.get(ctx, org, id)
}

// Get see [record.Store].Get. The ID of a record that is part of another leads to that one (CON-16).
func (s *Leads) Get(ctx context.Context, org, id string) (*lead.Lead, error) {
	return s.get(ctx, org, id)
}

// Create see [record.Store].Create. Companies may be named by IDs from before a merge.
func (s *Contacts) Create(ctx context.Context, org string, c *contact.Contact, cause string) (*contact.Contact, error) {
	out, err := s.table.Create(ctx, org, c, cause)
	if !errors.Is(err, company.ErrNotFound) || !s.currentEmployers(ctx, org, c) {
		return out, err
	}
	return s.table.Create(ctx, org, c, cause)
}

// Update see [record.Store].Update. The contact and its companies may be named by IDs from before a merge.
func (s *Contacts) Update(
	ctx context.Context, org, id string, fn func(*contact.Contact) (*record.Change[contact.Contact], error),
) (*contact.Contact, error) {
	return s.followed(ctx, org, id, func(id string) (*contact.Contact, error) {
		out, err := s.table.Update(ctx, org, id, fn)
		if !errors.Is(err, company.ErrNotFound) {
			return out, err
		}
		return s.table.Update(ctx, org, id, func(cur *contact.Contact) (*record.Change[contact.Contact], error) {
			ch, err := fn(cur)
			if err == nil && ch != nil {
				s.currentEmployers(ctx, org, ch.After)
			}
			return ch, err
		})
	})
}

// Update see [record.Store].Update. The lead may be named by an ID from before a merge.
func (s *Leads) Update(
	ctx context.Context, org, id string, fn func(*lead.Lead) (*record.Change[lead.Lead], error),
) (*lead.Lead, error) {
	return s.followed(ctx, org, id, func(id string) (*lead.Lead, error) { return s.table.Update(ctx, org, id, fn) })
}

// Update see [company.Store]. The company may be named by an ID from before a merge.
func (s *Companies) Update(
	ctx context.Context, org, id string, fn func(*company.Company) (*record.Change[company.Company], error),
) (*company.Company, error) {
	return s.followed(ctx, org, id, func(id string) (*company.Company, error) { return s.update(ctx, org, id, fn) })
}

// currentEmployers puts the companies of now in the place of those that are part of another, and reports whether there were.
func (s *Contacts) currentEmployers(ctx context.Context, org string, c *contact.Contact) bool {
	found := false
	for i := range c.Employments {
		if into, err := survivor(ctx, s.db, org, record.Company, c.Employments[i].CompanyID); err == nil && into != "" {
			c.Employments[i].CompanyID, found = into, true
		}
	}
	c.Employments = distinct(c.Employments)
	return found
}
