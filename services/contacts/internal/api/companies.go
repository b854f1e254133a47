package api

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/id"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/contacts/internal/company"
	"kontor.internal/services/contacts/internal/record"
	"kontor.internal/services/contacts/internal/store"
	"kontor.internal/services/contacts/internal/wire"
)

// companiesServer serves CompaniesService.
type companiesServer struct {
	contactsv1.UnimplementedCompaniesServiceServer
	*Server
}

// CreateCompany see the contract.
func (s *companiesServer) CreateCompany(ctx context.Context, req *contactsv1.CreateCompanyRequest) (*contactsv1.CreateCompanyResponse, error) {
	in := req.GetCompany()
	in.Etag = "" // the server's to set
	c, err := wire.CompanyFrom(in)
	if err != nil {
		return nil, err
	}
	c.ID, c.Origin = id.New(), record.Origin{}
	c, err = s.Companies.Create(ctx, s.caller(ctx, record.Company), c)
	if err != nil {
		return nil, err
	}
	return &contactsv1.CreateCompanyResponse{Company: wire.Company(c)}, nil
}

// GetCompany see the contract.
func (s *companiesServer) GetCompany(ctx context.Context, req *contactsv1.GetCompanyRequest) (*contactsv1.GetCompanyResponse, error) {
	c, err := s.Companies.Get(ctx, s.caller(ctx, record.Company), req.GetId())
	if err != nil {
		return nil, err
	}
	return &contactsv1.GetCompanyResponse{Company: wire.Company(c)}, nil
}

// ListCompanies see the contract.
func (s *companiesServer) ListCompanies(ctx context.Context, req *contactsv1.ListCompaniesRequest) (*contactsv1.ListCompaniesResponse, error) {
	page, err := s.Companies.List(ctx, s.caller(ctx, record.Company), req)
	if err != nil {
		return nil, err
	}
	res := &contactsv1.ListCompaniesResponse{NextPageToken: page.Next, Companies: make([]*contactsv1.Company, len(page.Records))}
	for i, c := range page.Records {
		res.Companies[i] = wire.Company(c)
	}
	return res, nil
}

// CountCompanies see the contract.
func (s *companiesServer) CountCompanies(ctx context.Context, req *contactsv1.CountCompaniesRequest) (*contactsv1.CountCompaniesResponse, error) {
	n, more, err := s.Companies.Count(ctx, s.caller(ctx, record.Company), req.GetFilter(), req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	return &contactsv1.CountCompaniesResponse{Count: int32(n), More: more}, nil
}

// UpdateCompany see the contract.
func (s *companiesServer) UpdateCompany(ctx context.Context, req *contactsv1.UpdateCompanyRequest) (*contactsv1.UpdateCompanyResponse, error) {
	in := req.GetCompany()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, wire.CompanyFields()...)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(in.GetEtag())
	if err != nil {
		return nil, err
	}
	c, err := s.Companies.Update(ctx, s.caller(ctx, record.Company), req.GetId(), version, func(cur *company.Company) (*company.Company, error) {
		m := wire.Company(cur)
		mask.Apply(m, in)
		return wire.CompanyFrom(m)
	})
	if err != nil {
		return nil, err
	}
	return &contactsv1.UpdateCompanyResponse{Company: wire.Company(c)}, nil
}

// DeleteCompany see the contract.
func (s *companiesServer) DeleteCompany(ctx context.Context, req *contactsv1.DeleteCompanyRequest) (*contactsv1.DeleteCompanyResponse, error) {
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	c, err := s.Companies.Delete(ctx, s.caller(ctx, record.Company), req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &contactsv1.DeleteCompanyResponse{Company: wire.Company(c)}, nil
}

// UndeleteCompany see the contract.
func (s *companiesServer) UndeleteCompany(ctx context.Context, req *contactsv1.UndeleteCompanyRequest) (*contactsv1.UndeleteCompanyResponse, error) {
	c, err := s.Companies.Undelete(ctx, s.caller(ctx, record.Company), req.GetId())
	if err != nil {
		return nil, err
	}
	return &contactsv1.UndeleteCompanyResponse{Company: wire.Company(c)}, nil
}

// GetCompanyHistory see the contract.
func (s *companiesServer) GetCompanyHistory(ctx context.Context, req *contactsv1.GetCompanyHistoryRequest) (*contactsv1.GetCompanyHistoryResponse, error) {
	entries, next, err := past(ctx, s.Companies, s.caller(ctx, record.Company), req)
	if err != nil {
		return nil, err
	}
	return &contactsv1.GetCompanyHistoryResponse{Entries: entries, NextPageToken: next}, nil
}

// PreviewCompanyImport see the contract.
func (s *companiesServer) PreviewCompanyImport(
	ctx context.Context, req *contactsv1.PreviewCompanyImportRequest,
) (*contactsv1.PreviewCompanyImportResponse, error) {
	p, err := s.Preview(ctx, string(record.Company), req)
	if err != nil {
		return nil, err
	}
	return &contactsv1.PreviewCompanyImportResponse{Preview: p}, nil
}

// ImportCompanies see the contract.
func (s *companiesServer) ImportCompanies(ctx context.Context, req *contactsv1.ImportCompaniesRequest) (*contactsv1.ImportCompaniesResponse, error) {
	op, err := s.started(ctx, record.Company, req.GetFileId(), req.GetMapping(), req.GetDryRun())
	if err != nil {
		return nil, err
	}
	return &contactsv1.ImportCompaniesResponse{Operation: op}, nil
}

// LookupCompanies see the contract.
func (s *companiesServer) LookupCompanies(ctx context.Context, req *contactsv1.LookupCompaniesRequest) (*contactsv1.LookupCompaniesResponse, error) {
	hits, err := s.LookUp.LookUpCompanies(ctx, s.caller(ctx, record.Company), keys(req))
	if err != nil {
		return nil, err
	}
	res := &contactsv1.LookupCompaniesResponse{Hits: make([]*contactsv1.CompanyHit, len(hits))}
	for i, h := range hits {
		hit, at := &contactsv1.CompanyHit{Id: h.ID}, int32(h.Index)
		switch h.By {
		case store.ByName:
			hit.By = &contactsv1.CompanyHit_NameIndex{NameIndex: at}
		case store.ByExternalID:
			hit.By = &contactsv1.CompanyHit_ExternalIdIndex{ExternalIdIndex: at}
		case store.ByEmail:
			hit.By = &contactsv1.CompanyHit_EmailIndex{EmailIndex: at}
		}
		res.Hits[i] = hit
	}
	return res, nil
}
