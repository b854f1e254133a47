package api

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/id"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// leadsServer serves LeadsService.
type leadsServer struct {
	contactsv1.UnimplementedLeadsServiceServer
	*Server
}

// CreateLead see the contract.
func (s *leadsServer) CreateLead(ctx context.Context, req *contactsv1.CreateLeadRequest) (*contactsv1.CreateLeadResponse, error) {
	in := req.GetLead()
	in.Etag = "" // the server's to set
	l, err := wire.LeadFrom(in)
	if err != nil {
		return nil, err
	}
	l.ID, l.Origin = id.New(), record.Origin{}
	l, err = s.Leads.Create(ctx, s.caller(ctx, record.Lead), l)
	if err != nil {
		return nil, err
	}
	return &contactsv1.CreateLeadResponse{Lead: wire.Lead(l, s.Clock.Now())}, nil
}

// GetLead see the contract.
func (s *leadsServer) GetLead(ctx context.Context, req *contactsv1.GetLeadRequest) (*contactsv1.GetLeadResponse, error) {
	l, err := s.Leads.Get(ctx, s.caller(ctx, record.Lead), req.GetId())
	if err != nil {
		return nil, err
	}
	return &contactsv1.GetLeadResponse{Lead: wire.Lead(l, s.Clock.Now())}, nil
}

// ListLeads see the contract.
func (s *leadsServer) ListLeads(ctx context.Context, req *contactsv1.ListLeadsRequest) (*contactsv1.ListLeadsResponse, error) {
	page, err := s.Leads.List(ctx, s.caller(ctx, record.Lead), req)
	if err != nil {
		return nil, err
	}
	res := &contactsv1.ListLeadsResponse{NextPageToken: page.Next, Leads: make([]*contactsv1.Lead, len(page.Records))}
	for i, l := range page.Records {
		res.Leads[i] = wire.Lead(l, s.Clock.Now())
	}
	return res, nil
}

// CountLeads see the contract.
func (s *leadsServer) CountLeads(ctx context.Context, req *contactsv1.CountLeadsRequest) (*contactsv1.CountLeadsResponse, error) {
	n, more, err := s.Leads.Count(ctx, s.caller(ctx, record.Lead), req.GetFilter(), req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	return &contactsv1.CountLeadsResponse{Count: int32(n), More: more}, nil
}

// UpdateLead see the contract.
func (s *leadsServer) UpdateLead(ctx context.Context, req *contactsv1.UpdateLeadRequest) (*contactsv1.UpdateLeadResponse, error) {
	in := req.GetLead()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, wire.LeadFields()...)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(in.GetEtag())
	if err != nil {
		return nil, err
	}
	l, err := s.Leads.Update(ctx, s.caller(ctx, record.Lead), req.GetId(), version, wire.Worked(mask), func(cur *lead.Lead) (*lead.Lead, error) {
		m := wire.LeadStored(cur)
		mask.Apply(m, in)
		return wire.LeadFrom(m)
	})
	if err != nil {
		return nil, err
	}
	return &contactsv1.UpdateLeadResponse{Lead: wire.Lead(l, s.Clock.Now())}, nil
}

// DeleteLead see the contract.
func (s *leadsServer) DeleteLead(ctx context.Context, req *contactsv1.DeleteLeadRequest) (*contactsv1.DeleteLeadResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	l, err := s.Leads.Delete(ctx, s.caller(ctx, record.Lead), req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &contactsv1.DeleteLeadResponse{Lead: wire.Lead(l, s.Clock.Now())}, nil
}

// UndeleteLead see the contract.
func (s *leadsServer) UndeleteLead(ctx context.Context, req *contactsv1.UndeleteLeadRequest) (*contactsv1.UndeleteLeadResponse, error) {
	l, err := s.Leads.Undelete(ctx, s.caller(ctx, record.Lead), req.GetId())
	if err != nil {
		return nil, err
	}
	return &contactsv1.UndeleteLeadResponse{Lead: wire.Lead(l, s.Clock.Now())}, nil
}

// GetLeadHistory see the contract.
func (s *leadsServer) GetLeadHistory(ctx context.Context, req *contactsv1.GetLeadHistoryRequest) (*contactsv1.GetLeadHistoryResponse, error) {
	entries, next, err := past(ctx, s.Leads, s.caller(ctx, record.Lead), req)
	if err != nil {
		return nil, err
	}
	return &contactsv1.GetLeadHistoryResponse{Entries: entries, NextPageToken: next}, nil
}

// PreviewLeadImport see the contract.
func (s *leadsServer) PreviewLeadImport(
	ctx context.Context, req *contactsv1.PreviewLeadImportRequest,
) (*contactsv1.PreviewLeadImportResponse, error) {
	p, err := s.Preview(ctx, string(record.Lead), req)
	if err != nil {
		return nil, err
	}
	return &contactsv1.PreviewLeadImportResponse{Preview: p}, nil
}

// ImportLeads see the contract.
func (s *leadsServer) ImportLeads(ctx context.Context, req *contactsv1.ImportLeadsRequest) (*contactsv1.ImportLeadsResponse, error) {
	op, err := s.started(ctx, record.Lead, req.GetFileId(), req.GetMapping(), req.GetDryRun())
	if err != nil {
		return nil, err
	}
	return &contactsv1.ImportLeadsResponse{Operation: op}, nil
}
