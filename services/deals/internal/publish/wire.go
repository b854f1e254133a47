// Package publish turns domain values into the messages of the contract: deals and pipelines for answers and events,
// and domain events into what the store appends and the relay publishes.
package publish

import (
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/customfields"
	"kontor.internal/libs/money"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
)

// Deal returns the message for d.
func Deal(d *deal.Deal) *dealsv1.Deal {
	p := d.Probability
	m := &dealsv1.Deal{
		Id: d.ID, Etag: Etag(d.Version), Name: d.Name, PipelineId: d.PipelineID, StageId: d.StageID,
		State: dealsv1.DealState(d.State), Amount: money.ToProto(d.Amount),
		AmountSource: dealsv1.AmountSource(d.AmountSource), BaseAmount: money.ToProto(d.Base),
		BaseAmountDate: Date(d.BaseDate), ResponsibleId: d.ResponsibleID, ObserverIds: d.ObserverIDs, Type: d.Type,
		Probability: &p, ProbabilityByHand: d.ProbabilityByHand, PlannedCloseDate: Date(d.PlannedClose),
		CompanyId: d.CompanyID, ContactId: d.ContactID, Source: d.Source, LeadId: d.LeadID, Comment: d.Comment,
		AvailableToEveryone: d.AvailableToEveryone, LostReasonId: d.LostReasonID, LostReason: d.LostReason,
		BeginTime: Time(d.BegunAt), StageEnterTime: Time(d.StageEnteredAt), CloseTime: Time(d.ClosedAt),
		CreateTime: Time(d.CreatedAt), UpdateTime: Time(d.UpdatedAt), DeleteTime: Time(d.DeletedAt),
		CreatorId: d.CreatorID, CustomFields: d.Custom.Proto(),
	}
	if d.Origin.Kind != "" {
		m.Origin = &typev1.Origin{Kind: d.Origin.Kind, Id: d.Origin.ID}
	}
	for _, x := range d.Parties {
		m.Parties = append(m.Parties, &dealsv1.DealParty{Ref: &typev1.Ref{Kind: x.Kind, Id: x.ID}, Role: x.Role})
	}
	for _, x := range d.ExternalIDs {
		m.ExternalIds = append(m.ExternalIds, &typev1.ExternalId{Source: x.Source, Id: x.ID})
	}
	for i := range d.Lines {
		m.Lines = append(m.Lines, line(&d.Lines[i], d.Amount.Currency))
	}
	return m
}

func line(l *deal.Line, currency string) *dealsv1.DealLine {
	m := &dealsv1.DealLine{
		Id: l.ID, ProductId: l.ProductID, Name: l.Name, Quantity: l.Quantity.String(), Unit: l.Unit,
		Price: l.Price.String(), TaxRate: l.TaxRate.String(), TaxIncluded: l.TaxIncluded,
		NetAmount: amount(l.Net, currency), TaxAmount: amount(l.Tax, currency), TotalAmount: amount(l.Total, currency),
	}
	switch l.DiscountKind {
	case deal.DiscountPercent:
		m.Discount = &dealsv1.DealLine_DiscountPercent{DiscountPercent: l.Discount.String()}
	case deal.DiscountSum:
		m.Discount = &dealsv1.DealLine_DiscountAmount{DiscountAmount: l.Discount.String()}
	case deal.NoDiscount:
	}
	return m
}

func amount(d decimal.Decimal, currency string) string {
	return money.Money{Currency: currency, Amount: d}.Text()
}

// DealFrom reads back what Deal wrote, for answers to repeated requests. What the message does not carry (the stage to
// reopen to) is left out.
func DealFrom(org string, m *dealsv1.Deal) (*deal.Deal, error) {
	d := &deal.Deal{
		ID: m.GetId(), OrganizationID: org, Version: Version(m.GetEtag()), Name: m.GetName(),
		PipelineID: m.GetPipelineId(), StageID: m.GetStageId(), State: deal.State(m.GetState()),
		AmountSource: deal.AmountSource(m.GetAmountSource()), BaseDate: Day(m.GetBaseAmountDate()),
		ResponsibleID: m.GetResponsibleId(), ObserverIDs: m.GetObserverIds(), Type: m.GetType(),
		Probability: m.GetProbability(), ProbabilityByHand: m.GetProbabilityByHand(),
		PlannedClose: Day(m.GetPlannedCloseDate()), CompanyID: m.GetCompanyId(), ContactID: m.GetContactId(),
		Source: m.GetSource(), LeadID: m.GetLeadId(), Comment: m.GetComment(),
		AvailableToEveryone: m.GetAvailableToEveryone(), LostReasonID: m.GetLostReasonId(),
		LostReason: m.GetLostReason(), CreatorID: m.GetCreatorId(),
		Origin:  deal.Origin{Kind: m.GetOrigin().GetKind(), ID: m.GetOrigin().GetId()},
		BegunAt: Instant(m.GetBeginTime()), StageEnteredAt: Instant(m.GetStageEnterTime()),
		ClosedAt: Instant(m.GetCloseTime()), CreatedAt: Instant(m.GetCreateTime()),
		UpdatedAt: Instant(m.GetUpdateTime()), DeletedAt: Instant(m.GetDeleteTime()),
		Custom: customfields.FromProto(m.GetCustomFields()),
	}
	var err error
	if d.Amount, err = money.FromProto(m.GetAmount()); err != nil {
		return nil, err
	}
	if d.Base, err = money.FromProto(m.GetBaseAmount()); err != nil {
		return nil, err
	}
	for _, x := range m.GetParties() {
		d.Parties = append(d.Parties, deal.Party{Kind: x.GetRef().GetKind(), ID: x.GetRef().GetId(), Role: x.GetRole()})
	}
	for _, x := range m.GetExternalIds() {
		d.ExternalIDs = append(d.ExternalIDs, deal.ExternalID{Source: x.GetSource(), ID: x.GetId()})
	}
	for _, x := range m.GetLines() {
		l, err := lineFrom(x)
		if err != nil {
			return nil, err
		}
		d.Lines = append(d.Lines, l)
	}
	return d, nil
}

func lineFrom(m *dealsv1.DealLine) (deal.Line, error) {
	in, err := LineInput(m)
	if err != nil {
		return deal.Line{}, err
	}
	l := in.Line
	if l.Net, err = decimal.NewFromString(m.GetNetAmount()); err != nil {
		return deal.Line{}, err
	}
	if l.Tax, err = decimal.NewFromString(m.GetTaxAmount()); err != nil {
		return deal.Line{}, err
	}
	l.Total, err = decimal.NewFromString(m.GetTotalAmount())
	return l, err
}

// LineInput reads a line as a caller sent it. The shape of its numbers is checked by the contract's rules.
func LineInput(m *dealsv1.DealLine) (deal.LineInput, error) {
	in := deal.LineInput{
		Line: deal.Line{
			ID: m.GetId(), ProductID: m.GetProductId(), Name: strings.TrimSpace(m.GetName()), Unit: m.GetUnit(),
			TaxIncluded: m.GetTaxIncluded(),
		},
		NoQuantity: m.GetQuantity() == "", NoPrice: m.GetPrice() == "", NoTaxRate: m.GetTaxRate() == "",
	}
	discount := ""
	switch x := m.GetDiscount().(type) {
	case *dealsv1.DealLine_DiscountPercent:
		in.DiscountKind, discount = deal.DiscountPercent, x.DiscountPercent
	case *dealsv1.DealLine_DiscountAmount:
		in.DiscountKind, discount = deal.DiscountSum, x.DiscountAmount
	}
	for _, f := range []struct {
		text string
		to   *decimal.Decimal
	}{{m.GetQuantity(), &in.Quantity}, {m.GetPrice(), &in.Price}, {m.GetTaxRate(), &in.TaxRate}, {discount, &in.Discount}} {
		if f.text == "" {
			continue
		}
		d, err := money.ParseAmount(f.text)
		if err != nil {
			return deal.LineInput{}, err
		}
		*f.to = d
	}
	return in, nil
}

// Pipeline returns the message for p.
func Pipeline(p *pipeline.Pipeline) *dealsv1.Pipeline {
	m := &dealsv1.Pipeline{
		Id: p.ID, Etag: Etag(p.Version), Name: p.Name, Position: p.Position, IsDefault: p.IsDefault,
		CreateTime: Time(p.CreatedAt), UpdateTime: Time(p.UpdatedAt), DeleteTime: Time(p.DeletedAt),
	}
	for _, s := range p.Stages {
		m.Stages = append(m.Stages, Stage(s))
	}
	for _, r := range p.LostReasons {
		m.LostReasons = append(m.LostReasons, &dealsv1.LostReason{Id: r.ID, Name: r.Name})
	}
	return m
}

// Stage returns the message for s.
func Stage(s pipeline.Stage) *dealsv1.Stage {
	return &dealsv1.Stage{
		Id: s.ID, Name: s.Name, Kind: dealsv1.StageKind(s.Kind), Color: s.Color, Probability: s.Probability,
		TimeLimitDays: s.TimeLimitDays,
	}
}

// PipelineFrom reads back what Pipeline wrote.
func PipelineFrom(org string, m *dealsv1.Pipeline) *pipeline.Pipeline {
	p := &pipeline.Pipeline{
		ID: m.GetId(), OrganizationID: org, Version: Version(m.GetEtag()), Name: m.GetName(), Position: m.GetPosition(),
		IsDefault: m.GetIsDefault(), CreatedAt: Instant(m.GetCreateTime()), UpdatedAt: Instant(m.GetUpdateTime()),
		DeletedAt: Instant(m.GetDeleteTime()),
	}
	p.Stages, p.LostReasons = Stages(m), LostReasons(m)
	return p
}

// Stages reads the stages of a message.
func Stages(m *dealsv1.Pipeline) []pipeline.Stage {
	var out []pipeline.Stage
	for _, s := range m.GetStages() {
		out = append(out, pipeline.Stage{
			ID: s.GetId(), Name: s.GetName(), Kind: pipeline.Kind(s.GetKind()), Color: s.GetColor(),
			Probability: s.GetProbability(), TimeLimitDays: s.GetTimeLimitDays(),
		})
	}
	return out
}

// LostReasons reads the lost reasons of a message.
func LostReasons(m *dealsv1.Pipeline) []pipeline.LostReason {
	var out []pipeline.LostReason
	for _, r := range m.GetLostReasons() {
		out = append(out, pipeline.LostReason{ID: r.GetId(), Name: r.GetName()})
	}
	return out
}

// Etag is a version as callers see it.
func Etag(version int64) string { return "v" + strconv.FormatInt(version, 10) }

// Version reads an etag of ours back; 0 if it is none.
func Version(etag string) int64 {
	v, err := strconv.ParseInt(strings.TrimPrefix(etag, "v"), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// Time returns nil for a zero time.
func Time(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// Instant returns the zero time for nil.
func Instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// Date returns nil for a zero day.
func Date(day time.Time) *date.Date {
	if day.IsZero() {
		return nil
	}
	return &date.Date{Year: int32(day.Year()), Month: int32(day.Month()), Day: int32(day.Day())}
}

// Day returns midnight UTC of the day, or the zero time for nil and for a date without a day.
func Day(d *date.Date) time.Time {
	if d == nil || d.GetYear() == 0 || d.GetMonth() == 0 || d.GetDay() == 0 {
		return time.Time{}
	}
	return time.Date(int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay()), 0, 0, 0, 0, time.UTC)
}
