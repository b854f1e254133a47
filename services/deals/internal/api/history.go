package api

import (
	"context"

	"kontor.internal/libs/event"
	"kontor.internal/libs/history"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/deals/internal/publish"
)

// GetDealHistory see the contract.
func (s *Server) GetDealHistory(ctx context.Context, req *dealsv1.GetDealHistoryRequest) (*dealsv1.GetDealHistoryResponse, error) {
	c := caller(ctx)
	d, err := s.Deals.Get(ctx, c, req.GetId())
	if err != nil {
		return nil, err
	}
	entries, next, err := history.Page(req, func(before int64, limit int) ([]event.Event, error) {
		return s.DB.History(ctx, c.OrganizationID, publish.KindDeal, d.ID, before, limit)
	})
	if err != nil {
		return nil, err
	}
	return &dealsv1.GetDealHistoryResponse{Entries: entries, NextPageToken: next}, nil
}
