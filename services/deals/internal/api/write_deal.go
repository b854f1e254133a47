package api

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/publish"
)

// CreateDeal see the contract.
func (s *Server) CreateDeal(ctx context.Context, req *dealsv1.CreateDealRequest) (*dealsv1.CreateDealResponse, error) {
	in, err := draft(req.GetDeal())
	if err != nil {
		return nil, err
	}
	// A deal that another service makes of a lead must not be lost for a field that nobody was asked for.
	in.Lenient = req.GetDealId() != "" && in.LeadID != ""
	d, err := s.Deals.Create(ctx, caller(ctx), req.GetDealId(), in, origin(ctx, in.LeadID))
	if err != nil {
		return nil, err
	}
	return &dealsv1.CreateDealResponse{Deal: publish.Deal(d)}, nil
}

// origin says what makes a deal: a lead, a service on a user's behalf, or the user.
func origin(ctx context.Context, leadID string) deal.Origin {
	who := authn.MustFrom(ctx)
	switch {
	case leadID != "":
		return deal.Origin{Kind: "lead", ID: leadID}
	case who.Service != "":
		return deal.Origin{Kind: "service", ID: who.Service}
	}
	return deal.Origin{Kind: "user", ID: who.UserID}
}

// UpdateDeal see the contract.
func (s *Server) UpdateDeal(ctx context.Context, req *dealsv1.UpdateDealRequest) (*dealsv1.UpdateDealResponse, error) {
	version, err := aip.Version(req.GetDeal().GetEtag())
	if err != nil {
		return nil, err
	}
	fields, err := dealMask(req.GetUpdateMask(), req.GetDeal(), deal.Fields())
	if err != nil {
		return nil, err
	}
	in, err := draft(req.GetDeal())
	if err != nil {
		return nil, err
	}
	in.Custom = customPatch(req.GetUpdateMask(), req.GetDeal())
	d, err := s.Deals.Update(ctx, caller(ctx), req.GetId(), version, in, fields)
	if err != nil {
		return nil, err
	}
	return &dealsv1.UpdateDealResponse{Deal: publish.Deal(d)}, nil
}

// DeleteDeal see the contract.
func (s *Server) DeleteDeal(ctx context.Context, req *dealsv1.DeleteDealRequest) (*dealsv1.DeleteDealResponse, error) {
	d, err := withVersion(req, func(v int64) (*deal.Deal, error) { return s.Deals.Delete(ctx, caller(ctx), req.GetId(), v) })
	if err != nil {
		return nil, err
	}
	return &dealsv1.DeleteDealResponse{Deal: publish.Deal(d)}, nil
}

// UndeleteDeal see the contract.
func (s *Server) UndeleteDeal(ctx context.Context, req *dealsv1.UndeleteDealRequest) (*dealsv1.UndeleteDealResponse, error) {
	d, err := withVersion(req, func(v int64) (*deal.Deal, error) { return s.Deals.Undelete(ctx, caller(ctx), req.GetId(), v) })
	if err != nil {
		return nil, err
	}
	return &dealsv1.UndeleteDealResponse{Deal: publish.Deal(d)}, nil
}

// MoveDeal see the contract.
func (s *Server) MoveDeal(ctx context.Context, req *dealsv1.MoveDealRequest) (*dealsv1.MoveDealResponse, error) {
	d, err := withVersion(req, func(v int64) (*deal.Deal, error) {
		return s.Deals.Move(ctx, caller(ctx), req.GetId(), v, req.GetStageId())
	})
	if err != nil {
		return nil, err
	}
	return &dealsv1.MoveDealResponse{Deal: publish.Deal(d)}, nil
}

// WinDeal see the contract.
func (s *Server) WinDeal(ctx context.Context, req *dealsv1.WinDealRequest) (*dealsv1.WinDealResponse, error) {
	d, err := withVersion(req, func(v int64) (*deal.Deal, error) {
		return s.Deals.Win(ctx, caller(ctx), req.GetId(), v, req.GetStageId())
	})
	if err != nil {
		return nil, err
	}
	return &dealsv1.WinDealResponse{Deal: publish.Deal(d)}, nil
}

// LoseDeal see the contract.
func (s *Server) LoseDeal(ctx context.Context, req *dealsv1.LoseDealRequest) (*dealsv1.LoseDealResponse, error) {
	d, err := withVersion(req, func(v int64) (*deal.Deal, error) {
		return s.Deals.Lose(ctx, caller(ctx), req.GetId(), v, req.GetStageId(), req.GetLostReasonId(), req.GetLostReason())
	})
	if err != nil {
		return nil, err
	}
	return &dealsv1.LoseDealResponse{Deal: publish.Deal(d)}, nil
}

// ReopenDeal see the contract.
func (s *Server) ReopenDeal(ctx context.Context, req *dealsv1.ReopenDealRequest) (*dealsv1.ReopenDealResponse, error) {
	d, err := withVersion(req, func(v int64) (*deal.Deal, error) {
		return s.Deals.Reopen(ctx, caller(ctx), req.GetId(), v, req.GetStageId())
	})
	if err != nil {
		return nil, err
	}
	return &dealsv1.ReopenDealResponse{Deal: publish.Deal(d)}, nil
}

// withVersion reads the etag of a request.
func withVersion(req interface{ GetEtag() string }, fn func(version int64) (*deal.Deal, error)) (*deal.Deal, error) {
	v, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	return fn(v)
}
