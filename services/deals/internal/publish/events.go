package publish

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/event"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
)

// Names that consumers rely on.
const (
	Topic        = "kontor.deals.v1"
	KindDeal     = "deal"
	KindPipeline = "pipeline"
	KindExport   = "export"
)

// Deals returns the events that tell of evs, in order. Options are added to each.
func Deals(evs []deal.Event, opts ...event.Option) []event.Event {
	out := make([]event.Event, len(evs))
	for i, e := range evs {
		out[i] = dealEvent(e, opts)
	}
	return out
}

func dealEvent(e deal.Event, opts []event.Option) event.Event {
	after := e.Record()
	rec := Deal(after)
	previous, effective := after.ResponsibleID, after.UpdatedAt
	var msg proto.Message
	switch e := e.(type) {
	case deal.Created:
		previous, effective = "", after.BegunAt
		msg = &dealsv1.DealCreated{Deal: rec, StageKind: dealsv1.StageKind(after.State)}
	case deal.Updated:
		previous = e.Before.ResponsibleID
		before := Deal(&e.Before)
		mask := diff(before, rec)
		keep(before, mask)
		msg = &dealsv1.DealUpdated{Deal: rec, Previous: before, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}}
	case deal.Moved:
		effective = e.Change.At
		msg = &dealsv1.DealMoved{Deal: rec, Change: stageChange(e.Change, after)}
	case deal.Won:
		effective = e.Change.At
		msg = &dealsv1.DealWon{Deal: rec, Change: stageChange(e.Change, after)}
	case deal.Lost:
		effective = e.Change.At
		msg = &dealsv1.DealLost{Deal: rec, Change: stageChange(e.Change, after)}
	case deal.Reopened:
		effective = e.Change.At
		msg = &dealsv1.DealReopened{Deal: rec, Change: stageChange(e.Change, after)}
	case deal.Deleted:
		msg = &dealsv1.DealDeleted{Deal: rec}
	case deal.Undeleted:
		msg = &dealsv1.DealUndeleted{Deal: rec}
	default:
		panic(fmt.Sprintf("publish: no message for %T", e)) // a new event was not added here
	}
	opts = append(slices.Clip(opts),
		event.Responsible(after.ResponsibleID, previous), event.Happened(after.UpdatedAt), effectiveAt(effective))
	return event.New(Topic, KindDeal, after.ID, after.Version, msg, opts...)
}

func effectiveAt(t time.Time) event.Option {
	if t.IsZero() {
		return event.Effective(nil)
	}
	return event.Effective(&t)
}

func stageChange(c deal.StageChange, after *deal.Deal) *dealsv1.StageChange {
	m := &dealsv1.StageChange{
		FromStageId: c.FromStageID, FromKind: dealsv1.StageKind(c.FromKind),
		ToStageId: c.ToStageID, ToKind: dealsv1.StageKind(c.ToKind),
	}
	if c.InStage != nil {
		m.TimeInStage = durationpb.New(*c.InStage)
	}
	if c.FromPipelineID != after.PipelineID {
		m.FromPipelineId = c.FromPipelineID
	}
	return m
}

// Pipelines returns the events that tell of evs, in order.
func Pipelines(evs []pipeline.Event) []event.Event {
	out := make([]event.Event, len(evs))
	for i, e := range evs {
		var after *pipeline.Pipeline
		var msg proto.Message
		switch e := e.(type) {
		case pipeline.Created:
			after = &e.After
			msg = &dealsv1.PipelineCreated{Pipeline: Pipeline(after)}
		case pipeline.Updated:
			after = &e.After
			rec, before := Pipeline(after), Pipeline(&e.Before)
			mask := diff(before, rec)
			keep(before, mask)
			msg = &dealsv1.PipelineUpdated{
				Pipeline: rec, Previous: before, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask}, StageMapping: e.Mapping,
			}
		case pipeline.Deleted:
			after = &e.After
			msg = &dealsv1.PipelineDeleted{Pipeline: Pipeline(after), StageMapping: e.Mapping}
		case pipeline.Undeleted:
			after = &e.After
			msg = &dealsv1.PipelineUndeleted{Pipeline: Pipeline(after)}
		default:
			panic(fmt.Sprintf("publish: no message for %T", e)) // a new event was not added here
		}
		at := after.UpdatedAt
		out[i] = event.New(Topic, KindPipeline, after.ID, after.Version, msg, event.Happened(at), event.Effective(&at))
	}
	return out
}

// diff lists the fields in which two records differ, those that change with every version aside. It goes by the
// contract, so a new field of a record needs nothing here.
func diff(before, after proto.Message) []string {
	var paths []string
	b, a := before.ProtoReflect(), after.ProtoReflect()
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch f.Name() {
		case "etag", "update_time":
			continue
		}
		if b.Has(f) != a.Has(f) || !b.Get(f).Equal(a.Get(f)) {
			paths = append(paths, string(f.Name()))
		}
	}
	return paths
}

// keep clears the fields that are not in the mask.
func keep(m proto.Message, mask []string) {
	r := m.ProtoReflect()
	var gone []protoreflect.FieldDescriptor
	r.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(mask, string(f.Name())) {
			gone = append(gone, f)
		}
		return true
	})
	for _, f := range gone {
		r.Clear(f)
	}
}

// Decode returns the message of an event of this service.
func Decode(ev event.Event) (proto.Message, error) {
	var m proto.Message
	switch strings.TrimPrefix(ev.Type, "kontor.deals.v1.") {
	case "DealCreated":
		m = &dealsv1.DealCreated{}
	case "DealUpdated":
		m = &dealsv1.DealUpdated{}
	case "DealMoved":
		m = &dealsv1.DealMoved{}
	case "DealWon":
		m = &dealsv1.DealWon{}
	case "DealLost":
		m = &dealsv1.DealLost{}
	case "DealReopened":
		m = &dealsv1.DealReopened{}
	case "DealDeleted":
		m = &dealsv1.DealDeleted{}
	case "DealUndeleted":
		m = &dealsv1.DealUndeleted{}
	case "PipelineCreated":
		m = &dealsv1.PipelineCreated{}
	case "PipelineUpdated":
		m = &dealsv1.PipelineUpdated{}
	case "PipelineDeleted":
		m = &dealsv1.PipelineDeleted{}
	case "PipelineUndeleted":
		m = &dealsv1.PipelineUndeleted{}
	default:
		return nil, fmt.Errorf("decode event: unknown type %q", ev.Type)
	}
	if err := proto.Unmarshal(ev.Payload, m); err != nil {
		return nil, fmt.Errorf("decode event %s: %w", ev.Type, err)
	}
	return m, nil
}

// DealOf returns the deal as it was after an event of a deal.
func DealOf(ev event.Event) (*deal.Deal, error) {
	m, err := Decode(ev)
	if err != nil {
		return nil, err
	}
	r, ok := m.(interface{ GetDeal() *dealsv1.Deal })
	if !ok {
		return nil, fmt.Errorf("event %s is not one of a deal", ev.Type)
	}
	return DealFrom(ev.Organization, r.GetDeal())
}

// PipelineOf returns the pipeline as it was after an event of a pipeline.
func PipelineOf(ev event.Event) (*pipeline.Pipeline, error) {
	m, err := Decode(ev)
	if err != nil {
		return nil, err
	}
	r, ok := m.(interface{ GetPipeline() *dealsv1.Pipeline })
	if !ok {
		return nil, fmt.Errorf("event %s is not one of a pipeline", ev.Type)
	}
	return PipelineFrom(ev.Organization, r.GetPipeline()), nil
}
