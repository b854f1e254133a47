package deal

import (
	"context"
	"fmt"
	"slices"

	"kontor.internal/libs/apperr"
)

// KindLead is the kind of the lead that a deal came from.
const KindLead = "lead"

// What a deal refers to is not there, or not for the caller to see: both look the same.
var (
	ErrCompany = apperr.NotFound("COMPANY_NOT_FOUND", "there is no such company")
	ErrContact = apperr.NotFound("CONTACT_NOT_FOUND", "there is no such contact")
	ErrLead    = apperr.NotFound("LEAD_NOT_FOUND", "there is no such lead")
)

// ErrClientsAway says that nobody can say now whether there is such a company, contact or lead.
var ErrClientsAway = apperr.Unavailable("CONTACTS_UNAVAILABLE",
	"companies, contacts and leads cannot be looked up at the moment; try again, or leave them as they are")

// Clients asks contacts whom a deal may be with.
type Clients interface {
	// Visible returns which of the records of a kind the caller sees; those in the bin are not among them. It returns
	// ErrClientsAway if contacts does not answer.
	Visible(ctx context.Context, kind string, ids []string) (map[string]bool, error)
}

// reference is a field that names a company, a contact or a lead.
type reference struct{ field, kind, id string }

// references are the companies, contacts and the lead that a draft names in some fields and that the deal did not name before.
// Who was named already stays, also if the caller does not see them (any more). before is nil for a new deal.
func (in *Draft) references(fields []string, before *Deal) []reference {
	var out []reference
	named := func(field, kind, id, was string) {
		if id != "" && id != was && slices.Contains(fields, field) {
			out = append(out, reference{field, kind, id})
		}
	}
	if before == nil {
		before = &Deal{}
		if in.LeadID != "" {
			out = append(out, reference{"lead_id", KindLead, in.LeadID})
		}
	}
	named(FieldCompany, KindCompany, in.CompanyID, before.CompanyID)
	named(FieldContact, KindContact, in.ContactID, before.ContactID)
	if !slices.Contains(fields, FieldParties) {
		return out
	}
	for i, p := range in.Parties {
		known := slices.ContainsFunc(before.Parties, func(b Party) bool { return b.Kind == p.Kind && b.ID == p.ID })
		if !known && (p.Kind == KindCompany || p.Kind == KindContact) { // other kinds are refused by the deal
			out = append(out, reference{indexed(FieldParties, i) + ".ref.id", p.Kind, p.ID})
		}
	}
	return out
}

// checkClients refuses what the caller does not see. Contacts is asked once for each kind, and not at all if nothing new is
// named, so that the other fields of a deal can be changed while it is away.
func (s *Service) checkClients(ctx context.Context, c Caller, refs []reference) error {
	if c.FromContacts {
		return nil
	}
	for kind, missing := range map[string]*apperr.Error{KindCompany: ErrCompany, KindContact: ErrContact, KindLead: ErrLead} {
		var ids []string
		for _, r := range refs {
			if r.kind == kind {
				ids = append(ids, r.id)
			}
		}
		if len(ids) == 0 {
			continue
		}
		seen, err := s.Clients.Visible(ctx, kind, unique(ids))
		if err != nil {
			return err
		}
		err = nil
		for _, r := range refs {
			if r.kind == kind && !seen[r.id] {
				missing = missing.WithField(r.field, fmt.Sprintf("there is no %s %s that you may see", kind, r.id))
				err = missing
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
