package api

import (
	"context"

	"kontor.internal/libs/authn"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
)

// PreviewDealImport see the contract.
func (s *Server) PreviewDealImport(ctx context.Context, req *dealsv1.PreviewDealImportRequest) (*dealsv1.PreviewDealImportResponse, error) {
	p, err := s.Preview(ctx, req)
	if err != nil {
		return nil, err
	}
	return &dealsv1.PreviewDealImportResponse{Preview: p}, nil
}

// ImportDeals see the contract.
func (s *Server) ImportDeals(ctx context.Context, req *dealsv1.ImportDealsRequest) (*dealsv1.ImportDealsResponse, error) {
	id, err := s.Import(ctx, req.GetFileId(), req.GetMapping(), req.GetDryRun())
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, authn.MustFrom(ctx).OrganizationID, id)
	if err != nil {
		return nil, err
	}
	return &dealsv1.ImportDealsResponse{Operation: op}, nil
}
