package api

import (
	"context"

	"kontor.internal/libs/aip"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/pricetype"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/store"
)

// PriceTypes serves PriceTypesService.
type PriceTypes struct {
	catalogv1.UnimplementedPriceTypesServiceServer

	PriceTypes *pricetype.Service
	Store      *store.PriceTypes
}

// CreatePriceType see the contract.
func (s *PriceTypes) CreatePriceType(ctx context.Context, req *catalogv1.CreatePriceTypeRequest) (*catalogv1.CreatePriceTypeResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	draft, err := publish.ToPriceType(req.GetPriceType())
	if err != nil {
		return nil, err
	}
	draft.Base = false // there is one, for good
	p, err := s.PriceTypes.Create(ctx, org, draft, origin(ctx))
	if err != nil {
		return nil, err
	}
	return &catalogv1.CreatePriceTypeResponse{PriceType: publish.PriceType(p)}, nil
}

// GetPriceType see the contract.
func (s *PriceTypes) GetPriceType(ctx context.Context, req *catalogv1.GetPriceTypeRequest) (*catalogv1.GetPriceTypeResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.PriceTypes.Get(ctx, org, req.GetId())
	if err != nil {
		return nil, err
	}
	return &catalogv1.GetPriceTypeResponse{PriceType: publish.PriceType(p)}, nil
}

// ListPriceTypes see the contract.
func (s *PriceTypes) ListPriceTypes(ctx context.Context, req *catalogv1.ListPriceTypesRequest) (*catalogv1.ListPriceTypesResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	// The ready-made one is there from the first look on.
	if _, err := s.PriceTypes.Base(ctx, org); err != nil {
		return nil, err
	}
	list, next, err := s.Store.List(ctx, org, req, req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.ListPriceTypesResponse{PriceTypes: make([]*catalogv1.PriceType, len(list)), NextPageToken: next}
	for i, p := range list {
		resp.PriceTypes[i] = publish.PriceType(p)
	}
	return resp, nil
}

// CountPriceTypes see the contract.
func (s *PriceTypes) CountPriceTypes(ctx context.Context, req *catalogv1.CountPriceTypesRequest) (*catalogv1.CountPriceTypesResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.Count(ctx, org, req.GetFilter(), req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	return &catalogv1.CountPriceTypesResponse{Count: n, More: more}, nil
}

// UpdatePriceType see the contract.
func (s *PriceTypes) UpdatePriceType(ctx context.Context, req *catalogv1.UpdatePriceTypeRequest) (*catalogv1.UpdatePriceTypeResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetPriceType(), "name", "sort")
	if err != nil {
		return nil, err
	}
	in, err := publish.ToPriceType(req.GetPriceType())
	if err != nil {
		return nil, err
	}
	p, err := s.PriceTypes.Update(ctx, org, req.GetId(), in.Version, func(p *pricetype.PriceType) {
		if mask.Has("name") {
			p.Name = in.Name
		}
		if mask.Has("sort") {
			p.Sort = in.Sort
		}
	})
	if err != nil {
		return nil, err
	}
	return &catalogv1.UpdatePriceTypeResponse{PriceType: publish.PriceType(p)}, nil
}

// DeletePriceType see the contract.
func (s *PriceTypes) DeletePriceType(ctx context.Context, req *catalogv1.DeletePriceTypeRequest) (*catalogv1.DeletePriceTypeResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	p, err := s.PriceTypes.Delete(ctx, org, req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &catalogv1.DeletePriceTypeResponse{PriceType: publish.PriceType(p)}, nil
}

// UndeletePriceType see the contract.
func (s *PriceTypes) UndeletePriceType(ctx context.Context, req *catalogv1.UndeletePriceTypeRequest) (*catalogv1.UndeletePriceTypeResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	p, err := s.PriceTypes.Undelete(ctx, org, req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &catalogv1.UndeletePriceTypeResponse{PriceType: publish.PriceType(p)}, nil
}
