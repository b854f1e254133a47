package api

import (
	"context"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
)

// BulkServer serves BulkService.
type BulkServer struct {
	dealsv1.UnimplementedBulkServiceServer
	*Server

	// Start starts a bulk change and returns the UUID of its operation.
	Start func(ctx context.Context, req bulk.Request) (string, error)
}

// BulkDeals see the contract. The caller must be allowed the action on some deals at least.
func (s *BulkServer) BulkDeals(ctx context.Context, req *dealsv1.BulkDealsRequest) (*dealsv1.BulkDealsResponse, error) {
	action := bulk.Needs(req.GetAction())
	if authz.For(ctx, publish.KindDeal, action).None() {
		return nil, authz.NotPermitted(publish.KindDeal, action)
	}
	change, err := bulk.Encode(req, req.GetDeal(), deal.BulkFields()...)
	if err != nil {
		return nil, err
	}
	who := caller(ctx)
	switch req.GetAction() {
	case typev1.BulkAction_BULK_ACTION_UPDATE:
		in, fields, err := BulkDraft(req)
		if err != nil {
			return nil, err
		}
		if err := s.Deals.CheckMany(ctx, who, in, fields); err != nil {
			return nil, err
		}
	case typev1.BulkAction_BULK_ACTION_REASSIGN:
		in := deal.Draft{ResponsibleID: req.GetResponsibleId()}
		if err := s.Deals.CheckMany(ctx, who, in, []string{deal.FieldResponsible}); err != nil {
			return nil, err
		}
	default:
	}
	id, err := s.Start(ctx, bulk.Request{
		Organization: who.OrganizationID, UserID: who.UserID, Kind: publish.KindDeal, Change: change,
	}.Selected(req.GetSelection()))
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, authn.MustFrom(ctx).OrganizationID, id)
	if err != nil {
		return nil, err
	}
	return &dealsv1.BulkDealsResponse{Operation: op}, nil
}

// BulkDraft reads which fields of which values a bulk update sets.
func BulkDraft(req *dealsv1.BulkDealsRequest) (deal.Draft, []string, error) {
	fields, err := dealMask(req.GetUpdateMask(), req.GetDeal(), deal.BulkFields())
	if err != nil {
		return deal.Draft{}, nil, err
	}
	in, err := draft(req.GetDeal())
	if err != nil {
		return deal.Draft{}, nil, err
	}
	in.Custom = customPatch(req.GetUpdateMask(), req.GetDeal())
	return in, fields, nil
}

// Query is how a caller asks for deals.
func (s *Server) Query(c deal.Caller, deleted bool) store.Query {
	o, _ := s.Directory.Organization(c.OrganizationID)
	zone := o.Location()
	return store.Query{
		Caller: c, Zone: zone, Today: deal.Day(s.Clock.Now(), zone), BaseCurrency: o.BaseCurrency, Deleted: deleted,
	}
}
