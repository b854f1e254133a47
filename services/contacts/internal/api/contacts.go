package api

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/id"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/contact"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
	"kontor.internal/services/contacts/internal/wire"
)

// contactsServer serves ContactsService.
type contactsServer struct {
	contactsv1.UnimplementedContactsServiceServer
	*Server
}

// CreateContact see the contract.
func (s *contactsServer) CreateContact(ctx context.Context, req *contactsv1.CreateContactRequest) (*contactsv1.CreateContactResponse, error) {
	in := req.GetContact()
	in.Etag = "" // the server's to set
	c, err := wire.ContactFrom(in)
	if err != nil {
		return nil, err
	}
	c.ID, c.Origin = id.New(), record.Origin{}
	c, err = s.Contacts.Create(ctx, s.caller(ctx, record.Contact), c)
	if err != nil {
		return nil, err
	}
	return &contactsv1.CreateContactResponse{Contact: wire.Contact(c)}, nil
}

// GetContact see the contract.
func (s *contactsServer) GetContact(ctx context.Context, req *contactsv1.GetContactRequest) (*contactsv1.GetContactResponse, error) {
	c, err := s.Contacts.Get(ctx, s.caller(ctx, record.Contact), req.GetId())
	if err != nil {
		return nil, err
	}
	return &contactsv1.GetContactResponse{Contact: wire.Contact(c)}, nil
}

// ListContacts see the contract.
func (s *contactsServer) ListContacts(ctx context.Context, req *contactsv1.ListContactsRequest) (*contactsv1.ListContactsResponse, error) {
	page, err := s.Contacts.List(ctx, s.caller(ctx, record.Contact), req)
	if err != nil {
		return nil, err
	}
	res := &contactsv1.ListContactsResponse{NextPageToken: page.Next, Contacts: make([]*contactsv1.Contact, len(page.Records))}
	for i, c := range page.Records {
		res.Contacts[i] = wire.Contact(c)
	}
	return res, nil
}

// CountContacts see the contract.
func (s *contactsServer) CountContacts(ctx context.Context, req *contactsv1.CountContactsRequest) (*contactsv1.CountContactsResponse, error) {
	n, more, err := s.Contacts.Count(ctx, s.caller(ctx, record.Contact), req.GetFilter(), req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	return &contactsv1.CountContactsResponse{Count: int32(n), More: more}, nil
}

// UpdateContact see the contract.
func (s *contactsServer) UpdateContact(ctx context.Context, req *contactsv1.UpdateContactRequest) (*contactsv1.UpdateContactResponse, error) {
	in := req.GetContact()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, wire.ContactFields()...)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(in.GetEtag())
	if err != nil {
		return nil, err
	}
	c, err := s.Contacts.Update(ctx, s.caller(ctx, record.Contact), req.GetId(), version, func(cur *contact.Contact) (*contact.Contact, error) {
		m := wire.Contact(cur)
		mask.Apply(m, in)
		return wire.ContactFrom(m)
	})
	if err != nil {
		return nil, err
	}
	return &contactsv1.UpdateContactResponse{Contact: wire.Contact(c)}, nil
}

// DeleteContact see the contract.
func (s *contactsServer) DeleteContact(ctx context.Context, req *contactsv1.DeleteContactRequest) (*contactsv1.DeleteContactResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	c, err := s.Contacts.Delete(ctx, s.caller(ctx, record.Contact), req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &contactsv1.DeleteContactResponse{Contact: wire.Contact(c)}, nil
}

// UndeleteContact see the contract.
func (s *contactsServer) UndeleteContact(ctx context.Context, req *contactsv1.UndeleteContactRequest) (*contactsv1.UndeleteContactResponse, error) {
	c, err := s.Contacts.Undelete(ctx, s.caller(ctx, record.Contact), req.GetId())
	if err != nil {
		return nil, err
	}
	return &contactsv1.UndeleteContactResponse{Contact: wire.Contact(c)}, nil
}

// GetContactHistory see the contract.
func (s *contactsServer) GetContactHistory(ctx context.Context, req *contactsv1.GetContactHistoryRequest) (*contactsv1.GetContactHistoryResponse, error) {
	entries, next, err := past(ctx, s.Contacts, s.caller(ctx, record.Contact), req)
	if err != nil {
		return nil, err
	}
	return &contactsv1.GetContactHistoryResponse{Entries: entries, NextPageToken: next}, nil
}

// PreviewContactImport see the contract.
func (s *contactsServer) PreviewContactImport(
	ctx context.Context, req *contactsv1.PreviewContactImportRequest,
) (*contactsv1.PreviewContactImportResponse, error) {
	p, err := s.Preview(ctx, string(record.Contact), req)
	if err != nil {
		return nil, err
	}
	return &contactsv1.PreviewContactImportResponse{Preview: p}, nil
}

// ImportContacts see the contract.
func (s *contactsServer) ImportContacts(ctx context.Context, req *contactsv1.ImportContactsRequest) (*contactsv1.ImportContactsResponse, error) {
	op, err := s.started(ctx, record.Contact, req.GetFileId(), req.GetMapping(), req.GetDryRun())
	if err != nil {
		return nil, err
	}
	return &contactsv1.ImportContactsResponse{Operation: op}, nil
}

// LookupContacts see the contract.
func (s *contactsServer) LookupContacts(ctx context.Context, req *contactsv1.LookupContactsRequest) (*contactsv1.LookupContactsResponse, error) {
	hits, err := s.LookUp.LookUpContacts(ctx, s.caller(ctx, record.Contact), keys(req))
	if err != nil {
		return nil, err
	}
	res := &contactsv1.LookupContactsResponse{Hits: make([]*contactsv1.ContactHit, len(hits))}
	for i, h := range hits {
		hit, at := &contactsv1.ContactHit{Id: h.ID}, int32(h.Index)
		switch h.By {
		case store.ByName:
			hit.By = &contactsv1.ContactHit_NameIndex{NameIndex: at}
		case store.ByExternalID:
			hit.By = &contactsv1.ContactHit_ExternalIdIndex{ExternalIdIndex: at}
		case store.ByEmail:
			hit.By = &contactsv1.ContactHit_EmailIndex{EmailIndex: at}
		}
		res.Hits[i] = hit
	}
	return res, nil
}
