// Package api is reporting's face over gRPC: it translates requests into queries and answers back.
package api

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/fieldrules"
	"kontor.internal/libs/money"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	reportingv1 "kontor.internal/proto/gen/kontor/reporting/v1"
	"kontor.internal/services/reporting/internal/report"
)

// Reports answers ReportsService.
type Reports struct {
	reportingv1.UnimplementedReportsServiceServer

	Runner *report.Runner
}

// RunReport see [reportingv1.ReportsServiceServer].
func (s *Reports) RunReport(ctx context.Context, req *reportingv1.RunReportRequest) (*reportingv1.RunReportResponse, error) {
	from, err := day("from", req.GetFrom())
	if err != nil {
		return nil, err
	}
	to, err := day("to", req.GetTo())
	if err != nil {
		return nil, err
	}
	mode := report.Snapshot
	if req.GetMode() == reportingv1.Mode_MODE_COHORT {
		mode = report.Cohort
	}
	if err := mayUse(fieldrules.From(ctx), req); err != nil {
		return nil, err
	}
	who := authn.MustFrom(ctx)
	r, err := s.Runner.Run(ctx, report.Query{
		Organization: who.OrganizationID, UserID: who.UserID,
		// Of reports and of deals the narrower: a report never shows more deals than the list of deals does.
		Scope:     authz.ScopeFrom(ctx).And(authz.For(ctx, "deal", optionsv1.Action_ACTION_VIEW)),
		LeadScope: authz.ScopeFrom(ctx).And(authz.For(ctx, "lead", optionsv1.Action_ACTION_VIEW)),
		Report:    req.GetReport(), PipelineID: req.GetPipelineId(), Mode: mode, From: from, To: to,
		Filter: req.GetFilter(), GroupBy: req.GetGroupBy(),
	})
	if err != nil {
		return nil, err
	}
	return &reportingv1.RunReportResponse{Report: toProto(r)}, nil
}

// mayUse returns why the caller may not run a report as asked: one that uses a field which the caller's roles hide would
// tell it by its sums, its groups or its order (ID-4, ID-6).
func mayUse(rules fieldrules.Rules, req *reportingv1.RunReportRequest) error {
	if rules.Empty() {
		return nil
	}
	kind, fields := report.Uses(req.GetReport(), req.GetGroupBy())
	if req.GetMode() == reportingv1.Mode_MODE_COHORT && kind == report.KindDeal {
		fields = append(fields, "begin_time")
	}
	for _, f := range fields {
		if err := rules.MayRead(kind, f); err != nil {
			return err
		}
	}
	return rules.MayFilter(kind, req.GetFilter())
}

// ListReports see [reportingv1.ReportsServiceServer].
func (s *Reports) ListReports(context.Context, *reportingv1.ListReportsRequest) (*reportingv1.ListReportsResponse, error) {
	res := &reportingv1.ListReportsResponse{}
	for _, i := range report.List() {
		res.Reports = append(res.Reports, &reportingv1.ReportInfo{
			Report: i.Name, Title: i.Title, Description: i.Description, GroupBy: i.GroupBy,
		})
	}
	return res, nil
}

// GetFreshness see [reportingv1.ReportsServiceServer].
func (s *Reports) GetFreshness(ctx context.Context, _ *reportingv1.GetFreshnessRequest,
) (*reportingv1.GetFreshnessResponse, error) {
	f, err := s.Runner.Store.Freshness(ctx)
	if err != nil {
		return nil, err
	}
	return &reportingv1.GetFreshnessResponse{
		AsOf: timestamppb.New(f.AsOf), LagSeconds: f.Lag.Seconds(), Parked: f.Parked, Rebuilding: f.Rebuilding,
	}, nil
}

// day returns report.ErrDay if the calendar has no such day. An absent or empty date is the zero time.
func day(field string, d *date.Date) (time.Time, error) {
	if d.GetYear() == 0 && d.GetMonth() == 0 && d.GetDay() == 0 {
		return time.Time{}, nil
	}
	t := time.Date(int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay()), 0, 0, 0, 0, time.UTC)
	if t.Year() != int(d.GetYear()) || t.Month() != time.Month(d.GetMonth()) || t.Day() != int(d.GetDay()) || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, report.ErrDay.WithField(field, fmt.Sprintf("%d-%d-%d", d.GetYear(), d.GetMonth(), d.GetDay()))
	}
	return t, nil
}

func toProto(r *report.Report) *reportingv1.Report {
	p := &reportingv1.Report{
		Report: r.Name, Columns: columns(r.Columns), Rows: rows(r.Rows), Totals: rows(r.Totals),
		AsOf: timestamppb.New(r.Freshness.AsOf), LagSeconds: r.Freshness.Lag.Seconds(),
		WithoutDate: r.WithoutDate, CurrencyNote: r.Note,
	}
	if r.Breakdown != nil {
		p.Breakdown = &reportingv1.Table{
			Title: r.Breakdown.Title, Columns: columns(r.Breakdown.Columns), Rows: rows(r.Breakdown.Rows),
		}
	}
	return p
}

func columns(cs []report.Column) []*reportingv1.Column {
	out := make([]*reportingv1.Column, len(cs))
	for i, c := range cs {
		out[i] = &reportingv1.Column{Name: c.Name, Title: c.Title, Kind: reportingv1.ColumnKind(c.Kind)}
	}
	return out
}

func rows(rs [][]report.Cell) []*reportingv1.Row {
	out := make([]*reportingv1.Row, len(rs))
	for i, cells := range rs {
		out[i] = &reportingv1.Row{Values: make([]*reportingv1.Value, len(cells))}
		for j, c := range cells {
			out[i].Values[j] = value(c)
		}
	}
	return out
}

func value(c report.Cell) *reportingv1.Value {
	v := &reportingv1.Value{}
	switch {
	case c.Text != nil:
		v.Value = &reportingv1.Value_Plain{Plain: structpb.NewStringValue(*c.Text)}
	case c.Number != nil:
		v.Value = &reportingv1.Value_Plain{Plain: structpb.NewNumberValue(*c.Number)}
	case c.Money != nil:
		m := c.Money.Round()
		v.Value = &reportingv1.Value_Money{Money: money.ToProto(m)}
	case c.Ref != nil:
		v.Value = &reportingv1.Value_Ref{Ref: &reportingv1.NamedRef{Kind: c.Ref.Kind, Id: c.Ref.ID, Name: c.Ref.Name}}
	}
	if c.List != "" {
		v.Drill = &reportingv1.Drill{Kind: c.List, Filter: c.Filter}
	}
	return v
}

// Rebuilder opens rebuilds and tells how they stand.
type Rebuilder interface {
	// Start opens a generation that fills from the sources' replays on a topic. It returns views.ErrUnderWay.
	Start(ctx context.Context, sources []string) (generation int64, topic string, err error)
	// Get returns views.ErrNoSuch.
	Get(ctx context.Context, generation int64) (serving bool, waitingFor []string, err error)
}

// Rebuilds answers RebuildService.
type Rebuilds struct {
	reportingv1.UnimplementedRebuildServiceServer

	Rebuilder Rebuilder
}

// StartRebuild see [reportingv1.RebuildServiceServer].
func (s *Rebuilds) StartRebuild(ctx context.Context, req *reportingv1.StartRebuildRequest,
) (*reportingv1.StartRebuildResponse, error) {
	generation, topic, err := s.Rebuilder.Start(ctx, req.GetSources())
	if err != nil {
		return nil, err
	}
	return &reportingv1.StartRebuildResponse{Generation: generation, Topic: topic}, nil
}

// GetRebuild see [reportingv1.RebuildServiceServer].
func (s *Rebuilds) GetRebuild(ctx context.Context, req *reportingv1.GetRebuildRequest) (*reportingv1.GetRebuildResponse, error) {
	serving, waiting, err := s.Rebuilder.Get(ctx, req.GetGeneration())
	if err != nil {
		return nil, err
	}
	return &reportingv1.GetRebuildResponse{Serving: serving, WaitingFor: waiting}, nil
}
