package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"kontor.internal/libs/authn"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/publish"
)

// GetDeal see the contract.
func (s *Server) GetDeal(ctx context.Context, req *dealsv1.GetDealRequest) (*dealsv1.GetDealResponse, error) {
	c := caller(ctx)
	d, err := s.Deals.Get(ctx, c, req.GetId())
	if err != nil {
		return nil, err
	}
	names, err := s.Store.Names(ctx, c.OrganizationID, referred(nil, d))
	if err != nil {
		return nil, err
	}
	p, err := s.Pipelines.GetAny(ctx, c.OrganizationID, d.PipelineID)
	if err != nil {
		return nil, err
	}
	m := publish.Deal(d)
	nameProducts(m, names)
	out := &dealsv1.DealNames{
		CompanyName: names[d.CompanyID], ContactName: names[d.ContactID], PipelineName: p.Name,
		StageName: p.Names()[d.StageID], ResponsibleName: s.userName(c.OrganizationID, d.ResponsibleID),
		PartyNames: make(map[string]string, len(d.Parties)),
	}
	for _, party := range d.Parties {
		if n := names[party.ID]; n != "" {
			out.PartyNames[party.ID] = n
		}
	}
	return &dealsv1.GetDealResponse{Deal: m, Names: out}, nil
}

// referred appends the IDs of the companies, contacts and products that a deal refers to.
func referred(ids []string, d *deal.Deal) []string {
	for _, id := range []string{d.CompanyID, d.ContactID} {
		if id != "" {
			ids = append(ids, id)
		}
	}
	for _, p := range d.Parties {
		ids = append(ids, p.ID)
	}
	return append(ids, d.ProductIDs()...)
}

func nameProducts(m *dealsv1.Deal, names map[string]string) {
	for _, l := range m.GetLines() {
		l.ProductName = names[l.GetProductId()]
	}
}

// ListDeals see the contract.
func (s *Server) ListDeals(ctx context.Context, req *dealsv1.ListDealsRequest) (*dealsv1.ListDealsResponse, error) {
	q := s.query(ctx, req.GetShowDeleted())
	deals, next, err := s.Store.List(ctx, q, req)
	if err != nil {
		return nil, err
	}
	if err := s.Deals.Shown(ctx, q.Caller.OrganizationID, deals); err != nil {
		return nil, err
	}
	var ids []string
	for _, d := range deals {
		ids = referred(ids, d)
	}
	names, err := s.Store.Names(ctx, q.Caller.OrganizationID, ids)
	if err != nil {
		return nil, err
	}
	out := &dealsv1.ListDealsResponse{Deals: make([]*dealsv1.Deal, len(deals)), NextPageToken: next, Names: names}
	for i, d := range deals {
		out.Deals[i] = publish.Deal(d)
		nameProducts(out.GetDeals()[i], names)
	}
	return out, nil
}

// CountDeals see the contract.
func (s *Server) CountDeals(ctx context.Context, req *dealsv1.CountDealsRequest) (*dealsv1.CountDealsResponse, error) {
	n, more, err := s.Store.Count(ctx, s.query(ctx, req.GetShowDeleted()), req.GetFilter())
	if err != nil {
		return nil, err
	}
	return &dealsv1.CountDealsResponse{Count: int32(n), More: more}, nil
}

// Page of search results.
const (
	searchSize    = 10
	maxSearchSize = 50
)

// SearchDeals see the contract.
func (s *Server) SearchDeals(ctx context.Context, req *dealsv1.SearchDealsRequest) (*dealsv1.SearchDealsResponse, error) {
	size := searchSize
	if req.GetPageSize() > 0 {
		size = min(int(req.GetPageSize()), maxSearchSize)
	}
	hits, err := s.Store.Search(ctx, s.query(ctx, false), req.GetQuery(), size)
	if err != nil {
		return nil, err
	}
	out := &dealsv1.SearchDealsResponse{Hits: make([]*dealsv1.DealHit, len(hits))}
	for i, h := range hits {
		out.Hits[i] = &dealsv1.DealHit{
			Id: h.ID, Name: h.Name, CompanyName: h.CompanyName, State: dealsv1.DealState(h.State), Score: h.Score,
		}
	}
	return out, nil
}

// ListDealStageChanges see the contract.
func (s *Server) ListDealStageChanges(ctx context.Context, req *dealsv1.ListDealStageChangesRequest,
) (*dealsv1.ListDealStageChangesResponse, error) {
	d, err := s.Deals.Get(ctx, caller(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	stays, err := s.Store.Stays(ctx, authn.MustFrom(ctx).OrganizationID, d.ID)
	if err != nil {
		return nil, err
	}
	now := s.Clock.Now()
	out := &dealsv1.ListDealStageChangesResponse{Stays: make([]*dealsv1.StageStay, len(stays))}
	for i, st := range stays {
		m := &dealsv1.StageStay{
			PipelineId: st.PipelineID, StageId: st.StageID, FromStageId: st.FromStageID,
			EnterTime: publish.Time(st.EnteredAt), LeaveTime: publish.Time(st.LeftAt), UserId: st.Actor,
		}
		if long, known := stayed(st.EnteredAt, st.LeftAt, st.Left, now); known {
			m.Duration = durationpb.New(long)
		}
		out.Stays[i] = m
	}
	return out, nil
}

// stayed is how long a stay took, or takes up to now; false if that is not known.
func stayed(in, out time.Time, left bool, now time.Time) (time.Duration, bool) {
	if !left {
		out = now
	}
	if in.IsZero() || out.IsZero() {
		return 0, false
	}
	return max(out.Sub(in), 0), true
}
