package publish

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/event"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/currency"
	"kontor.internal/services/catalog/internal/pricetype"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/section"
)

// Names that consumers rely on.
const (
	Topic         = "kontor.catalog.v1"
	KindProduct   = "product"
	KindSection   = "section"
	KindPriceType = "price_type"
	KindRate      = "exchange_rate"
	KindExport    = "export"
)

// ProductEvent returns the event that tells of e.
func ProductEvent(e product.Event, opts ...event.Option) event.Event {
	after := Product(e.Record())
	var msg proto.Message
	switch e := e.(type) {
	case product.Created:
		msg = &catalogv1.ProductCreated{Product: after}
	case product.Updated:
		before := Product(e.Before)
		mask := difference(before, after)
		keep(before, mask)
		msg = &catalogv1.ProductUpdated{Product: after, Previous: before, UpdateMask: mask}
	case product.Deleted:
		msg = &catalogv1.ProductDeleted{Product: after}
	case product.Undeleted:
		msg = &catalogv1.ProductUndeleted{Product: after}
	default:
		panic(fmt.Sprintf("publish: no message for %T", e)) // a new event was not added here
	}
	rec := e.Record()
	return event.New(Topic, KindProduct, rec.ID, rec.Version, msg, append(slices.Clip(opts), event.Happened(rec.UpdatedAt))...)
}

// SectionEvent returns the event that tells of e.
func SectionEvent(e section.Event, opts ...event.Option) event.Event {
	after := Section(e.Record())
	var msg proto.Message
	switch e := e.(type) {
	case section.Created:
		msg = &catalogv1.SectionCreated{Section: after}
	case section.Updated:
		before := Section(e.Before)
		mask := difference(before, after)
		keep(before, mask)
		msg = &catalogv1.SectionUpdated{Section: after, Previous: before, UpdateMask: mask}
	case section.Deleted:
		msg = &catalogv1.SectionDeleted{Section: after}
	case section.Undeleted:
		msg = &catalogv1.SectionUndeleted{Section: after}
	default:
		panic(fmt.Sprintf("publish: no message for %T", e)) // a new event was not added here
	}
	rec := e.Record()
	return event.New(Topic, KindSection, rec.ID, rec.Version, msg, append(slices.Clip(opts), event.Happened(rec.UpdatedAt))...)
}

// PriceTypeEvent returns the event that tells of e.
func PriceTypeEvent(e pricetype.Event, opts ...event.Option) event.Event {
	after := PriceType(e.Record())
	var msg proto.Message
	switch e := e.(type) {
	case pricetype.Created:
		msg = &catalogv1.PriceTypeCreated{PriceType: after}
	case pricetype.Updated:
		before := PriceType(e.Before)
		mask := difference(before, after)
		keep(before, mask)
		msg = &catalogv1.PriceTypeUpdated{PriceType: after, Previous: before, UpdateMask: mask}
	case pricetype.Deleted:
		msg = &catalogv1.PriceTypeDeleted{PriceType: after}
	case pricetype.Undeleted:
		msg = &catalogv1.PriceTypeUndeleted{PriceType: after}
	default:
		panic(fmt.Sprintf("publish: no message for %T", e)) // a new event was not added here
	}
	rec := e.Record()
	return event.New(Topic, KindPriceType, rec.ID, rec.Version, msg, append(slices.Clip(opts), event.Happened(rec.UpdatedAt))...)
}

// RateSet returns the event that tells of a rate that was set.
func RateSet(e currency.Set) event.Event {
	msg := &catalogv1.RateSet{ExchangeRate: Rate(e.After), Previous: Rate(e.Before)}
	return event.New(Topic, KindRate, e.After.ID, e.After.Version, msg, event.Happened(e.After.UpdatedAt))
}

// RateRemoved returns the event that tells of a rate that was taken away.
func RateRemoved(e currency.Removed) event.Event {
	return event.New(Topic, KindRate, e.Rate.ID, e.Rate.Version, &catalogv1.RateRemoved{ExchangeRate: Rate(e.Rate)})
}

// Decode reads the message of an event.
func Decode(ev event.Event) (proto.Message, error) {
	var msg proto.Message
	switch ev.Type {
	case "kontor.catalog.v1.ProductCreated":
		msg = &catalogv1.ProductCreated{}
	case "kontor.catalog.v1.ProductUpdated":
		msg = &catalogv1.ProductUpdated{}
	case "kontor.catalog.v1.ProductDeleted":
		msg = &catalogv1.ProductDeleted{}
	case "kontor.catalog.v1.ProductUndeleted":
		msg = &catalogv1.ProductUndeleted{}
	case "kontor.catalog.v1.SectionCreated":
		msg = &catalogv1.SectionCreated{}
	case "kontor.catalog.v1.SectionUpdated":
		msg = &catalogv1.SectionUpdated{}
	case "kontor.catalog.v1.SectionDeleted":
		msg = &catalogv1.SectionDeleted{}
	case "kontor.catalog.v1.SectionUndeleted":
		msg = &catalogv1.SectionUndeleted{}
	case "kontor.catalog.v1.PriceTypeCreated":
		msg = &catalogv1.PriceTypeCreated{}
	case "kontor.catalog.v1.PriceTypeUpdated":
		msg = &catalogv1.PriceTypeUpdated{}
	case "kontor.catalog.v1.PriceTypeDeleted":
		msg = &catalogv1.PriceTypeDeleted{}
	case "kontor.catalog.v1.PriceTypeUndeleted":
		msg = &catalogv1.PriceTypeUndeleted{}
	case "kontor.catalog.v1.RateSet":
		msg = &catalogv1.RateSet{}
	case "kontor.catalog.v1.RateRemoved":
		msg = &catalogv1.RateRemoved{}
	default:
		return nil, fmt.Errorf("unknown event type %q", ev.Type)
	}
	if err := proto.Unmarshal(ev.Payload, msg); err != nil {
		return nil, fmt.Errorf("decode %s: %w", ev.Type, err)
	}
	return msg, nil
}

// bookkeeping changes with every change and is named by none.
func bookkeeping(name protoreflect.Name) bool {
	return name == "etag" || name == "update_time"
}

// difference names the fields in which two messages of one type differ.
func difference(a, b proto.Message) *fieldmaskpb.FieldMask {
	mask := &fieldmaskpb.FieldMask{}
	ra, rb := a.ProtoReflect(), b.ProtoReflect()
	fields := ra.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !bookkeeping(f.Name()) && !ra.Get(f).Equal(rb.Get(f)) {
			mask.Paths = append(mask.Paths, string(f.Name()))
		}
	}
	return mask
}

// keep clears every field of m that the mask does not name.
func keep(m proto.Message, mask *fieldmaskpb.FieldMask) {
	r := m.ProtoReflect()
	fields := r.Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); !slices.Contains(mask.GetPaths(), string(f.Name())) {
			r.Clear(f)
		}
	}
}

// ProductOf returns the product as it was after an event of a product.
func ProductOf(ev event.Event) (*product.Product, error) {
	m, err := Decode(ev)
	if err != nil {
		return nil, err
	}
	r, ok := m.(interface{ GetProduct() *catalogv1.Product })
	if !ok {
		return nil, fmt.Errorf("event %s is not one of a product", ev.Type)
	}
	return ToProduct(r.GetProduct())
}

// Same reports whether callers see the same of two products, their versions aside.
func Same(a, b *product.Product) bool { return len(difference(Product(a), Product(b)).GetPaths()) == 0 }
