package work

import (
	"context"

	"kontor.internal/libs/clock"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
)

// Formulas computes the formulas of records that are there, after one has been made or changed (CON-12).
type Formulas struct {
	Store     *store.Store
	Contacts  *contact.Contacts
	Companies *company.Companies
	Leads     *lead.Leads
	Clock     clock.Clock
}

// Compute see customfields.Worker.
func (f *Formulas) Compute(ctx context.Context, org, kind, after string, limit int) (last string, err error) {
	now := f.Clock.Now()
	switch record.Kind(kind) {
	case record.Contact:
		check, err := f.Contacts.Checker(ctx, org)
		if err != nil {
			return "", err
		}
		return f.Store.Contacts().Recompute(ctx, org, after, limit, now, check.Do)
	case record.Company:
		check, err := f.Companies.Checker(ctx, org)
		if err != nil {
			return "", err
		}
		return f.Store.Companies().Recompute(ctx, org, after, limit, now, check.Do)
	case record.Lead:
		check, err := f.Leads.Checker(ctx, org)
		if err != nil {
			return "", err
		}
		return f.Store.Leads().Recompute(ctx, org, after, limit, now, check.Do)
	}
	return "", nil
}
