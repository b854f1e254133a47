package api

import (
	"context"
	"time"

	"kontor.internal/libs/fieldrules"
	"kontor.internal/libs/money"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
	"kontor.internal/services/deals/internal/views"
)

// GetBoard see the contract.
func (s *Server) GetBoard(ctx context.Context, req *dealsv1.GetBoardRequest) (*dealsv1.GetBoardResponse, error) {
	if req.GetGroupBy() == dealsv1.BoardGroupBy_BOARD_GROUP_BY_MONTH {
		if err := fieldrules.From(ctx).MayRead(publish.KindDeal, "planned_close_date"); err != nil {
			return nil, err
		}
	}
	q := s.query(ctx, false)
	p, err := s.Pipelines.Get(ctx, q.Caller.OrganizationID, req.GetPipelineId())
	if err != nil {
		return nil, err
	}
	columns, err := s.Store.Board(ctx, store.BoardQuery{
		Query: q, Pipeline: p, Group: groupBy(req.GetGroupBy()), Filter: req.GetFilter(), PageSize: req.GetPageSize(),
		Column: req.GetColumnKey(), PageToken: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	b := boardView{server: s, pipeline: p, query: q, now: s.Clock.Now()}
	out := &dealsv1.GetBoardResponse{PipelineId: p.ID, Columns: make([]*dealsv1.BoardColumn, len(columns))}
	for i := range columns {
		out.Columns[i] = b.column(&columns[i], req.GetGroupBy())
	}
	return out, nil
}

func groupBy(g dealsv1.BoardGroupBy) views.Group {
	switch g {
	case dealsv1.BoardGroupBy_BOARD_GROUP_BY_RESPONSIBLE:
		return views.ByResponsible
	case dealsv1.BoardGroupBy_BOARD_GROUP_BY_MONTH:
		return views.ByMonth
	case dealsv1.BoardGroupBy_BOARD_GROUP_BY_STAGE, dealsv1.BoardGroupBy_BOARD_GROUP_BY_UNSPECIFIED:
	}
	return views.ByStage
}

type boardView struct {
	server   *Server
	pipeline *pipeline.Pipeline
	query    store.Query
	now      time.Time
}

func (b *boardView) column(c *store.Column, by dealsv1.BoardGroupBy) *dealsv1.BoardColumn {
	org := b.query.Caller.OrganizationID
	settings, _ := b.server.Directory.Organization(org)
	m := &dealsv1.BoardColumn{Key: c.Key, Title: c.Key, NextPageToken: c.Next}
	switch by {
	case dealsv1.BoardGroupBy_BOARD_GROUP_BY_RESPONSIBLE:
		m.Title = b.server.userName(org, c.Key)
	case dealsv1.BoardGroupBy_BOARD_GROUP_BY_MONTH:
	case dealsv1.BoardGroupBy_BOARD_GROUP_BY_STAGE, dealsv1.BoardGroupBy_BOARD_GROUP_BY_UNSPECIFIED:
		if st, err := b.pipeline.Stage(c.Key); err == nil {
			m.Stage, m.Title = publish.Stage(st), st.Name
		}
	}
	base := money.Zero(settings.BaseCurrency)
	for _, s := range c.Sums {
		m.Count += int32(s.Deals)
		m.UnratedCount += int32(s.Unrated)
		base.Amount = base.Amount.Add(s.Base)
		m.Totals = append(m.Totals, money.ToProto(money.Money{Currency: s.Currency, Amount: s.Amount}))
	}
	m.BaseTotal = money.ToProto(base)
	m.Cards = make([]*dealsv1.BoardCard, len(c.Cards))
	for i := range c.Cards {
		m.Cards[i] = b.card(&c.Cards[i])
	}
	return m
}

func (b *boardView) card(c *store.Card) *dealsv1.BoardCard {
	m := &dealsv1.BoardCard{
		DealId: c.ID, Etag: publish.Etag(c.Version), Name: c.Name, StageId: c.StageID, State: dealsv1.DealState(c.State),
		Amount: money.ToProto(c.Amount), CompanyId: c.CompanyID, CompanyName: c.CompanyName, ContactId: c.ContactID,
		ContactName: c.ContactName, ResponsibleId: c.ResponsibleID,
		ResponsibleName:  b.server.userName(b.query.Caller.OrganizationID, c.ResponsibleID),
		PlannedCloseDate: publish.Date(c.PlannedClose), Probability: c.Probability,
	}
	d := deal.Deal{State: c.State, PlannedClose: c.PlannedClose}
	m.Overdue = d.Overdue(b.query.Today)
	if !c.StageSince.IsZero() {
		m.DaysInStage = int32(max(b.now.Sub(c.StageSince), 0) / (24 * time.Hour))
	}
	if st, err := b.pipeline.Stage(c.StageID); err == nil && st.TimeLimitDays > 0 && c.State == pipeline.Open {
		m.StageOverdue = m.GetDaysInStage() > st.TimeLimitDays
	}
	return m
}
