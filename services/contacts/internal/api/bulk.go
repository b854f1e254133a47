package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	"kontor.internal/services/contacts/internal/bulkwork"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

type bulkServer struct {
	contactsv1.UnimplementedBulkServiceServer
	*Server
}

// BulkContacts see the contract.
func (s *bulkServer) BulkContacts(ctx context.Context, req *contactsv1.BulkContactsRequest) (*contactsv1.BulkContactsResponse, error) {
	op, err := s.start(ctx, record.Contact, req, req.GetContact(), wire.ContactFields())
	if err != nil {
		return nil, err
	}
	return &contactsv1.BulkContactsResponse{Operation: op}, nil
}

// BulkCompanies see the contract.
func (s *bulkServer) BulkCompanies(ctx context.Context, req *contactsv1.BulkCompaniesRequest) (*contactsv1.BulkCompaniesResponse, error) {
	op, err := s.start(ctx, record.Company, req, req.GetCompany(), wire.CompanyFields())
	if err != nil {
		return nil, err
	}
	return &contactsv1.BulkCompaniesResponse{Operation: op}, nil
}

// BulkLeads see the contract.
func (s *bulkServer) BulkLeads(ctx context.Context, req *contactsv1.BulkLeadsRequest) (*contactsv1.BulkLeadsResponse, error) {
	op, err := s.start(ctx, record.Lead, req, req.GetLead(), wire.LeadFields())
	if err != nil {
		return nil, err
	}
	return &contactsv1.BulkLeadsResponse{Operation: op}, nil
}

// start starts a bulk change for the caller, who must be allowed the action on some records at least.
func (s *bulkServer) start(
	ctx context.Context, kind record.Kind, req bulkwork.Request, values proto.Message, fields []string,
) (*operationv1.Operation, error) {
	action := bulkwork.Needs(req.GetAction())
	if authz.For(ctx, string(kind), action).None() {
		return nil, authz.NotPermitted(string(kind), action)
	}
	change, err := bulkwork.Encode(req, values, fields)
	if err != nil {
		return nil, err
	}
	who := authn.MustFrom(ctx)
	if to := req.GetResponsibleId(); to != "" {
		if u, ok := s.Directory.User(who.OrganizationID, to); !ok || !u.Active {
			return nil, record.ErrResponsibleNotFound
		}
	}
	sel := req.GetSelection()
	id, err := s.Bulk(ctx, bulk.Request{
		Organization: who.OrganizationID, UserID: who.UserID, Kind: string(kind), Change: change,
		IDs: sel.GetIds(), Filter: sel.GetFilter(), Everything: sel.GetEverything(), InBin: sel.GetShowDeleted(),
	})
	if err != nil {
		return nil, err
	}
	return s.Operations.Load(ctx, who.OrganizationID, id)
}
