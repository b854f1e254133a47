package api

import (
	"context"

	"kontor.internal/libs/aip"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/wire"
)

// MoveLead see the contract.
func (s *leadsServer) MoveLead(ctx context.Context, req *contactsv1.MoveLeadRequest) (*contactsv1.MoveLeadResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	l, err := s.Leads.Move(ctx, s.caller(ctx, record.Lead), s.rights(ctx), req.GetId(), version, req.GetStatusId(), req.GetReason())
	if err != nil {
		return nil, err
	}
	return &contactsv1.MoveLeadResponse{Lead: wire.Lead(l, s.Clock.Now())}, nil
}

// CountUntouchedLeads see the contract.
func (s *leadsServer) CountUntouchedLeads(
	ctx context.Context, _ *contactsv1.CountUntouchedLeadsRequest,
) (*contactsv1.CountUntouchedLeadsResponse, error) {
	untouched, overdue, err := s.Leads.CountUntouched(ctx, s.caller(ctx, record.Lead))
	if err != nil {
		return nil, err
	}
	return &contactsv1.CountUntouchedLeadsResponse{
		Untouched: int32(untouched),
		Overdue:   int32(overdue),
	}, nil
}

// rights are the caller's for the kinds that a conversion makes.
func (s *Server) rights(ctx context.Context) lead.Rights {
	return lead.Rights{
		Contact: s.maker(ctx, record.Contact), Company: s.maker(ctx, record.Company), Deal: s.maker(ctx, "deal"),
	}
}

// PreviewConversion see the contract.
func (s *leadsServer) PreviewConversion(
	ctx context.Context, req *contactsv1.PreviewConversionRequest,
) (*contactsv1.PreviewConversionResponse, error) {
	p, err := s.Leads.PreviewConversion(ctx, s.caller(ctx, record.Lead), s.rights(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	res := &contactsv1.PreviewConversionResponse{}
	if p.Contact != nil {
		res.Contact = wire.Contact(p.Contact)
		res.Contact.Etag = ""
	}
	if p.Company != nil {
		res.Company = wire.Company(p.Company)
		res.Company.Etag = ""
	}
	for _, c := range p.Candidates {
		d := &contactsv1.DuplicateCandidate{Record: &typev1.Ref{Kind: string(c.Kind), Id: c.ID}, Name: c.Name}
		for _, r := range c.Reasons {
			d.Reasons = append(d.Reasons, contactsv1.MatchReason(r))
		}
		res.Candidates = append(res.Candidates, d)
	}
	return res, nil
}

// ConvertLead see the contract.
func (s *leadsServer) ConvertLead(ctx context.Context, req *contactsv1.ConvertLeadRequest) (*contactsv1.ConvertLeadResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	r := s.rights(ctx)
	l, err := s.Leads.Convert(ctx, s.caller(ctx, record.Lead), r, req.GetId(), version, targets(req))
	if err != nil {
		return nil, err
	}
	res := &contactsv1.ConvertLeadResponse{Lead: wire.Lead(l, s.Clock.Now())}
	if c := l.Conversion; c != nil && c.ContactID != "" && req.GetContact() != nil {
		made, err := s.Contacts.Store.Get(ctx, r.Contact.OrganizationID, c.ContactID)
		if err != nil {
			return nil, err
		}
		if r.Contact.CanSee(&made.Meta) {
			res.Contact = wire.Contact(made)
		}
	}
	if c := l.Conversion; c != nil && c.CompanyID != "" && req.GetCompany() != nil {
		made, err := s.Companies.Store.Get(ctx, r.Company.OrganizationID, c.CompanyID)
		if err != nil {
			return nil, err
		}
		if r.Company.CanSee(&made.Meta) {
			res.Company = wire.Company(made)
		}
	}
	return res, nil
}

func targets(req *contactsv1.ConvertLeadRequest) lead.Targets {
	var t lead.Targets
	if c := req.GetContact(); c != nil {
		t.Contact = &lead.Target{AttachID: c.GetAttachId()}
	}
	if c := req.GetCompany(); c != nil {
		t.Company = &lead.Target{AttachID: c.GetAttachId()}
	}
	if d := req.GetDeal(); d != nil {
		t.Deal = &lead.DealTarget{
			Target: lead.Target{AttachID: d.GetAttachId()}, Name: d.GetName(), PipelineID: d.GetPipelineId(),
		}
	}
	return t
}
