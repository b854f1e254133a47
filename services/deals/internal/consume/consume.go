// Package consume applies what other services tell to our replicas: names of companies, contacts and products, and
// exchange rates.
package consume

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/views"
)

// Name of the consumer.
const Name = "deals.replicas"

// Topics are those read, the one for replays included.
func Topics() []string {
	return []string{"kontor.contacts.v1", "kontor.catalog.v1", broker.ReplayTopic(Name)}
}

// Rerate reckons the base amounts of deals that waited for the rate of a currency from a day on.
type Rerate func(ctx context.Context, tx pgx.Tx, org string, r views.Rate) error

// Handlers by event type.
func Handlers(rerate Rerate) map[string]inbox.Handler {
	const catalog = "kontor.catalog.v1."
	return map[string]inbox.Handler{catalog + "RateSet": rate(rerate, false), catalog + "RateRemoved": rate(rerate, true)}
}

// named says how events tell what records of a kind are called. All events of a kind carry the record in their first
// field, so the message of the first one reads them all.
type named struct {
	kind    string
	message func() proto.Message
	name    func(proto.Message) string
}

// Names keeps the names that events tell, those of a batch in one statement.
func Names() inbox.Together {
	of := map[string]named{
		"kontor.contacts.v1.Company": {views.KindCompany, func() proto.Message { return &contactsv1.CompanyCreated{} }, func(m proto.Message) string {
			return m.(*contactsv1.CompanyCreated).GetCompany().GetName()
		}},
		"kontor.contacts.v1.Contact": {views.KindContact, func() proto.Message { return &contactsv1.ContactCreated{} }, func(m proto.Message) string {
			return m.(*contactsv1.ContactCreated).GetContact().GetName()
		}},
		"kontor.catalog.v1.Product": {views.KindProduct, func() proto.Message { return &catalogv1.ProductCreated{} }, func(m proto.Message) string {
			return m.(*catalogv1.ProductCreated).GetProduct().GetName()
		}},
	}
	byType := map[string]named{}
	var types []string
	for prefix, n := range of {
		for _, change := range []string{"Created", "Updated", "Deleted", "Undeleted", "Merged", "MergeUndone"} {
			byType[prefix+change] = n
			types = append(types, prefix+change)
		}
	}
	return inbox.Together{Types: types, Apply: func(ctx context.Context, tx pgx.Tx, evs []event.Event) error {
		names := make([]views.Name, len(evs))
		for i, ev := range evs {
			n := byType[ev.Type]
			m := n.message()
			if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(ev.Payload, m); err != nil {
				return fmt.Errorf("%w: %w", inbox.ErrPermanent, err)
			}
			names[i] = views.Name{Kind: n.kind, ID: ev.RecordID, Name: n.name(m), Version: ev.Version}
		}
		return views.PutNames(ctx, tx, evs[0].Organization, names)
	}}
}

func rate(rerate Rerate, removed bool) inbox.Handler {
	return func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		var m catalogv1.RateSet // RateRemoved has the rate in the same field
		if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(ev.Payload, &m); err != nil {
			return fmt.Errorf("%w: %w", inbox.ErrPermanent, err)
		}
		x := m.GetExchangeRate()
		value, err := decimal.NewFromString(x.GetRate())
		if err != nil {
			return fmt.Errorf("%w: rate %q: %w", inbox.ErrPermanent, x.GetRate(), err)
		}
		r := views.Rate{
			ID: ev.RecordID, Currency: x.GetCurrencyCode(), BaseCurrency: x.GetBaseCurrencyCode(), Day: publish.Day(x.GetDate()),
			Rate: value, Removed: removed, Version: ev.Version,
		}
		if err := views.PutRate(ctx, tx, ev.Organization, r); err != nil || removed {
			return err
		}
		return rerate(ctx, tx, ev.Organization, r)
	}
}
