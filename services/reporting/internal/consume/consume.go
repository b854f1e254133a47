// Package consume turns the events of other services into facts.
package consume

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	"kontor.internal/services/reporting/internal/views"
)

// Topics are what the facts are made of.
func Topics() []string { return []string{"kontor.deals.v1", "kontor.contacts.v1", "kontor.catalog.v1"} }

// Sources are the services whose replay a rebuild waits for.
func Sources() []string { return []string{"deals", "contacts", "catalog"} }

// Handlers apply events to the generations of the target.
func Handlers(target views.Target) map[string]inbox.Handler {
	h := map[string]inbox.Handler{
		typeOf[dealsv1.PipelineCreated]():   pipeline[*dealsv1.PipelineCreated](&dealsv1.PipelineCreated{}),
		typeOf[dealsv1.PipelineUpdated]():   pipeline[*dealsv1.PipelineUpdated](&dealsv1.PipelineUpdated{}),
		typeOf[dealsv1.PipelineDeleted]():   pipeline[*dealsv1.PipelineDeleted](&dealsv1.PipelineDeleted{}),
		typeOf[dealsv1.PipelineUndeleted](): pipeline[*dealsv1.PipelineUndeleted](&dealsv1.PipelineUndeleted{}),
	}
	maps.Copy(h, leads(target))
	if target == views.Replayed {
		h[broker.EndType] = endReplay
	}
	return h
}

// Together applies the events that come in numbers, those of a batch at once.
func Together(target views.Target) []inbox.Together {
	return []inbox.Together{
		each(map[string]func(event.Event) (*views.Deal, error){
			typeOf[dealsv1.DealCreated]():   dealCreated,
			typeOf[dealsv1.DealUpdated]():   dealUpdated,
			typeOf[dealsv1.DealMoved]():     changed[*dealsv1.DealMoved](&dealsv1.DealMoved{}),
			typeOf[dealsv1.DealWon]():       changed[*dealsv1.DealWon](&dealsv1.DealWon{}),
			typeOf[dealsv1.DealLost]():      changed[*dealsv1.DealLost](&dealsv1.DealLost{}),
			typeOf[dealsv1.DealReopened]():  changed[*dealsv1.DealReopened](&dealsv1.DealReopened{}),
			typeOf[dealsv1.DealDeleted]():   dealDeleted,
			typeOf[dealsv1.DealUndeleted](): dealUndeleted,
		}, func(ctx context.Context, tx pgx.Tx, org string, deals []*views.Deal) error {
			return views.PutDeals(ctx, tx, org, target, deals)
		}),
		each(map[string]func(event.Event) (views.Name, error){
			typeOf[contactsv1.CompanyCreated]():     company[*contactsv1.CompanyCreated](&contactsv1.CompanyCreated{}),
			typeOf[contactsv1.CompanyUpdated]():     company[*contactsv1.CompanyUpdated](&contactsv1.CompanyUpdated{}),
			typeOf[contactsv1.CompanyMerged]():      company[*contactsv1.CompanyMerged](&contactsv1.CompanyMerged{}),
			typeOf[contactsv1.CompanyMergeUndone](): company[*contactsv1.CompanyMergeUndone](&contactsv1.CompanyMergeUndone{}),
			typeOf[contactsv1.CompanyRestored]():    company[*contactsv1.CompanyRestored](&contactsv1.CompanyRestored{}),
			typeOf[catalogv1.ProductCreated]():      product[*catalogv1.ProductCreated](&catalogv1.ProductCreated{}),
			typeOf[catalogv1.ProductUpdated]():      product[*catalogv1.ProductUpdated](&catalogv1.ProductUpdated{}),
			typeOf[catalogv1.SectionCreated]():      section[*catalogv1.SectionCreated](&catalogv1.SectionCreated{}),
			typeOf[catalogv1.SectionUpdated]():      section[*catalogv1.SectionUpdated](&catalogv1.SectionUpdated{}),
		}, views.PutNames),
	}
}

// each reads every event of a batch, by its type, and puts what they say into the tables at once.
func each[T any](
	readers map[string]func(event.Event) (T, error), put func(ctx context.Context, tx pgx.Tx, org string, said []T) error,
) inbox.Together {
	return inbox.Together{
		Types: slices.Sorted(maps.Keys(readers)),
		Apply: func(ctx context.Context, tx pgx.Tx, evs []event.Event) error {
			said := make([]T, len(evs))
			for i, ev := range evs {
				var err error
				if said[i], err = readers[ev.Type](ev); err != nil {
					return err
				}
			}
			return put(ctx, tx, evs[0].Organization, said)
		},
	}
}

// endReplay notes the end of one source on one partition.
func endReplay(ctx context.Context, tx pgx.Tx, ev event.Event) error {
	_, partition, _ := strings.Cut(ev.ID, "/")
	return views.EndReplay(ctx, tx, ev.Topic+"/"+partition)
}

// typeOf is the event type of a message, as in ce_type.
func typeOf[M any, P interface {
	*M
	proto.Message
}]() string {
	return string(P(new(M)).ProtoReflect().Descriptor().FullName())
}

// read decodes an event into a new message of the kind of like. An event that does not decode never will.
func read[P proto.Message](ev event.Event, like P) (P, error) {
	m, _ := like.ProtoReflect().New().Interface().(P)
	if err := proto.Unmarshal(ev.Payload, m); err != nil {
		return m, fmt.Errorf("%w: decode %s: %w", inbox.ErrPermanent, ev.Type, err)
	}
	return m, nil
}
