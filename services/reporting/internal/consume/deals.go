package consume

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/reporting/internal/views"
)

func dealCreated(ev event.Event) (*views.Deal, error) {
	m, err := read(ev, &dealsv1.DealCreated{})
	if err != nil {
		return nil, err
	}
	d, err := fact(ev, m.GetDeal())
	if err == nil {
		d.Change = &views.StageChange{ToStageID: d.StageID}
	}
	return d, err
}

func dealUpdated(ev event.Event) (*views.Deal, error) {
	m, err := read(ev, &dealsv1.DealUpdated{})
	if err != nil {
		return nil, err
	}
	return fact(ev, m.GetDeal())
}

func dealDeleted(ev event.Event) (*views.Deal, error) {
	m, err := read(ev, &dealsv1.DealDeleted{})
	if err != nil {
		return nil, err
	}
	d, err := fact(ev, m.GetDeal())
	if err == nil {
		d.Deleted = true
	}
	return d, err
}

func dealUndeleted(ev event.Event) (*views.Deal, error) {
	m, err := read(ev, &dealsv1.DealUndeleted{})
	if err != nil {
		return nil, err
	}
	return fact(ev, m.GetDeal())
}

// staged is an event of a deal that has come to another stage.
type staged interface {
	proto.Message
	GetDeal() *dealsv1.Deal
	GetChange() *dealsv1.StageChange
}

// changed reads events of the kind of like.
func changed[P staged](like P) func(event.Event) (*views.Deal, error) {
	return func(ev event.Event) (*views.Deal, error) {
		m, err := read(ev, like)
		if err != nil {
			return nil, err
		}
		d, err := fact(ev, m.GetDeal())
		if err != nil {
			return nil, err
		}
		c := m.GetChange()
		d.Change = &views.StageChange{FromStageID: optional(c.GetFromStageId()), ToStageID: c.GetToStageId()}
		if d.Change.ToStageID == "" {
			d.Change.ToStageID = d.StageID
		}
		if c.GetTimeInStage() != nil {
			seconds := c.GetTimeInStage().AsDuration().Seconds()
			d.Change.Seconds = &seconds
		}
		if d.State == views.Lost {
			d.LostStageID = d.Change.FromStageID
		}
		return d, nil
	}
}

// fact reads the deal of an event. A deal that makes no sense is parked: it would make every sum wrong.
func fact(ev event.Event, d *dealsv1.Deal) (*views.Deal, error) {
	f := &views.Deal{
		ID: ev.RecordID, Version: ev.Version, Name: d.GetName(), PipelineID: d.GetPipelineId(), StageID: d.GetStageId(),
		ResponsibleID: optional(d.GetResponsibleId()), CompanyID: optional(d.GetCompanyId()),
		ContactID: optional(d.GetContactId()), Type: d.GetType(), Source: d.GetSource(),
		Currency: d.GetAmount().GetCurrencyCode(), PlannedClose: day(d.GetPlannedCloseDate()),
		BeginAt: instant(d.GetBeginTime()), StageEnteredAt: instant(d.GetStageEnterTime()), ClosedAt: instant(d.GetCloseTime()),
		LostReason: d.GetLostReason(), Deleted: d.GetDeleteTime() != nil,
		ObserverIDs: d.GetObserverIds(), AvailableToEveryone: d.GetAvailableToEveryone(),
	}
	switch d.GetState() {
	case dealsv1.DealState_DEAL_STATE_WON:
		f.State = views.Won
	case dealsv1.DealState_DEAL_STATE_LOST:
		f.State = views.Lost
	default:
		f.State = views.Open
	}
	if d.Probability != nil {
		p := int16(d.GetProbability())
		f.Probability = &p
	}
	var err error
	if f.Amount, err = number("amount", d.GetAmount().GetAmount()); err != nil {
		return nil, err
	}
	if d.GetBaseAmount() != nil {
		base, err := number("base_amount", d.GetBaseAmount().GetAmount())
		if err != nil {
			return nil, err
		}
		f.BaseAmount, f.BaseCurrency = &base, d.GetBaseAmount().GetCurrencyCode()
	}
	for _, l := range d.GetLines() {
		line := views.Line{ProductID: optional(l.GetProductId()), Name: l.GetName()}
		if line.Name == "" {
			line.Name = l.GetProductName()
		}
		if line.Quantity, err = number("quantity", l.GetQuantity()); err != nil {
			return nil, err
		}
		if line.Total, err = number("total_amount", l.GetTotalAmount()); err != nil {
			return nil, err
		}
		f.Lines = append(f.Lines, line)
	}
	return f, nil
}

func number(field, s string) (decimal.Decimal, error) {
	if s == "" {
		return decimal.Zero, nil
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return d, fmt.Errorf("%w: deal's %s: %w", inbox.ErrPermanent, field, err)
	}
	return d, nil
}

func instant(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	v := t.AsTime()
	return &v
}

func day(d *date.Date) *time.Time {
	if d == nil || d.GetDay() == 0 {
		return nil
	}
	v := time.Date(int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay()), 0, 0, 0, 0, time.UTC)
	return &v
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// pipelined is an event of a pipeline.
type pipelined interface {
	proto.Message
	GetPipeline() *dealsv1.Pipeline
}

// pipeline keeps the stages that facts refer to. A deal that a change of stages has moved tells so itself.
func pipeline[P pipelined](like P) inbox.Handler {
	return func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		m, err := read(ev, like)
		if err != nil {
			return err
		}
		p := m.GetPipeline()
		v := views.Pipeline{ID: ev.RecordID, Version: ev.Version, Name: p.GetName()}
		for _, s := range p.GetStages() {
			v.Stages = append(v.Stages, views.Stage{ID: s.GetId(), Name: s.GetName(), Kind: stageKind(s.GetKind())})
		}
		return views.PutPipeline(ctx, tx, ev.Organization, v)
	}
}

func stageKind(k dealsv1.StageKind) int16 {
	switch k {
	case dealsv1.StageKind_STAGE_KIND_WON:
		return views.Won
	case dealsv1.StageKind_STAGE_KIND_LOST:
		return views.Lost
	default:
		return views.Open
	}
}
