package api

import (
	"context"
	"strings"

	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/duplicate"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/mergework"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// Duplicates finds records that may be the same.
type Duplicates struct {
	Contacts  duplicate.Store[contact.Contact]
	Companies duplicate.Store[company.Company]
	Leads     duplicate.Store[lead.Lead]
	// Scan starts the comparison of all records of a kind and returns the UUID of its operation.
	Scan func(ctx context.Context, kind record.Kind) (string, error)
	// Merge starts the merge of all groups that a scan is sure enough of and returns the UUID of its operation.
	Merge func(ctx context.Context, req mergework.Request) (string, error)
	Found DuplicatePairs
}

// duplicatesServer serves DuplicatesService.
type duplicatesServer struct {
	contactsv1.UnimplementedDuplicatesServiceServer
	*Server
}

// FindContactDuplicates see the contract.
func (s *duplicatesServer) FindContactDuplicates(
	ctx context.Context, req *contactsv1.FindContactDuplicatesRequest,
) (*contactsv1.FindContactDuplicatesResponse, error) {
	found, err := find(ctx, s.Server, record.Contact, s.Contacts, s.Duplicates.Contacts, req.GetId(), req.GetMinScore(), (*contact.Contact).Name,
		func() (*contact.Contact, error) { return wire.ContactFrom(orEmpty(req.GetContact())) })
	return &contactsv1.FindContactDuplicatesResponse{Duplicates: found}, err
}

// FindCompanyDuplicates see the contract.
func (s *duplicatesServer) FindCompanyDuplicates(
	ctx context.Context, req *contactsv1.FindCompanyDuplicatesRequest,
) (*contactsv1.FindCompanyDuplicatesResponse, error) {
	found, err := find(ctx, s.Server, record.Company, s.Companies, s.Duplicates.Companies, req.GetId(), req.GetMinScore(),
		func(c *company.Company) string { return c.Name },
		func() (*company.Company, error) { return wire.CompanyFrom(orEmpty(req.GetCompany())) })
	return &contactsv1.FindCompanyDuplicatesResponse{Duplicates: found}, err
}

// FindLeadDuplicates see the contract.
func (s *duplicatesServer) FindLeadDuplicates(
	ctx context.Context, req *contactsv1.FindLeadDuplicatesRequest,
) (*contactsv1.FindLeadDuplicatesResponse, error) {
	found, err := find(ctx, s.Server, record.Lead, &s.Leads.Book, s.Duplicates.Leads, req.GetId(), req.GetMinScore(), (*lead.Lead).Name,
		func() (*lead.Lead, error) { return wire.LeadFrom(orEmpty(req.GetLead())) })
	return &contactsv1.FindLeadDuplicatesResponse{Duplicates: found}, err
}

func orEmpty[M any](m *M) *M {
	if m == nil {
		return new(M)
	}
	return m
}

// find looks for what may be the same as the record with the ID, or as the draft.
func find[T any, P duplicate.Entity[T]](
	ctx context.Context, s *Server, kind record.Kind, book *record.Book[T, P], store duplicate.Store[T], id string, least float64,
	name func(*T) string, draft func() (*T, error),
) ([]*contactsv1.Duplicate, error) {
	who := s.caller(ctx, kind)
	var r *T
	var err error
	if id != "" {
		r, err = book.Get(ctx, who, strings.ToLower(id))
	} else if r, err = draft(); err == nil {
		P(r).Common().ID = ""
		// What is wrong with a draft is told when it is saved; numbers and addresses that are right are found already.
		_ = P(r).Normalize(book.Users.Country(who.OrganizationID))
	}
	if err != nil {
		return nil, err
	}
	found, err := duplicate.Find[T, P](ctx, store, who, r, name(r), least)
	if err != nil {
		return nil, err
	}
	out := make([]*contactsv1.Duplicate, len(found))
	for i, c := range found {
		d := &contactsv1.Duplicate{
			Record: &typev1.Ref{Kind: string(kind), Id: P(c.Record).Common().ID}, Name: name(c.Record), Score: c.Score,
		}
		for _, r := range c.Reasons {
			match := contactsv1.DuplicateReason_MATCH_EQUAL
			if r.Similarity < 1 {
				match = contactsv1.DuplicateReason_MATCH_SIMILAR
			}
			d.Reasons = append(d.Reasons, &contactsv1.DuplicateReason{Field: r.Field, Match: match, Value: r.Value, Similarity: r.Similarity})
		}
		out[i] = d
	}
	return out, nil
}
