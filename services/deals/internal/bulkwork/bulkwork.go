// Package bulkwork does to many deals what the API does to one: update, reassignment, bin, restoration (CON-13), and takes
// back what operations have done to deals (CON-17, architecture rule 12). The rules are those of the deals; libs/bulk and
// libs/undo drive the work.
package bulkwork

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
)

// Deals changes many deals.
type Deals struct {
	Rules *deal.Service
	Store *store.Deals
	// Draft reads which fields of which values a request sets.
	Draft func(req *dealsv1.BulkDealsRequest) (deal.Draft, []string, error)
	// Query is how the caller, with the scope of seeing, asks for deals.
	Query func(c deal.Caller, inBin bool) store.Query
}

// caller is whom the context acts for, with the scopes as they are now.
func caller(ctx context.Context, org string, action optionsv1.Action) deal.Caller {
	return deal.Caller{
		OrganizationID: org, UserID: authn.MustFrom(ctx).UserID,
		View: authz.For(ctx, publish.KindDeal, optionsv1.Action_ACTION_VIEW), Act: authz.For(ctx, publish.KindDeal, action),
	}
}

// Select see [bulk.Target].
func (k *Deals) Select(ctx context.Context, org, filter string, inBin bool) (string, []any, error) {
	return k.Store.Select(ctx, k.Query(caller(ctx, org, optionsv1.Action_ACTION_VIEW), inBin), filter)
}

// Apply see [bulk.Target].
func (k *Deals) Apply(ctx context.Context, tx pgx.Tx, b bulk.Batch) ([]bulk.Result, []event.Event, error) {
	change, err := k.change(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	locked, err := store.LockDeals(ctx, tx, b.Organization, b.IDs)
	if err != nil {
		return nil, nil, err
	}
	results := make([]bulk.Result, len(b.IDs))
	changes := make([]store.Change, 0, len(b.IDs))
	for i, id := range b.IDs {
		d := locked[id]
		if d == nil {
			results[i].Refused = deal.ErrNotFound
			continue
		}
		before := *d
		evs, err := change(d)
		switch refused := (*apperr.Error)(nil); {
		case errors.As(err, &refused):
			results[i].Refused = refused
		case err != nil:
			return nil, nil, err
		default:
			results[i].Changed = len(evs) > 0
			changes = append(changes, store.Change{Before: &before, After: d, Events: evs})
		}
	}
	evs, err := store.WriteDeals(ctx, tx, b.Organization, changes, pg.Actor(ctx), event.Cause(b.Cause))
	if err != nil {
		return nil, nil, err
	}
	return results, evs, nil
}

// change returns what a batch's request does to a deal: no event if it is so already.
func (k *Deals) change(ctx context.Context, b bulk.Batch) (func(*deal.Deal) ([]deal.Event, error), error) {
	req := &dealsv1.BulkDealsRequest{}
	if err := proto.Unmarshal(b.Change, req); err != nil {
		return nil, fmt.Errorf("decode bulk change: %w", err)
	}
	who := caller(ctx, b.Organization, bulk.Needs(req.GetAction()))
	switch req.GetAction() {
	case typev1.BulkAction_BULK_ACTION_DELETE, typev1.BulkAction_BULK_ACTION_RESTORE:
		return k.Rules.Binner(ctx, who, req.GetAction() == typev1.BulkAction_BULK_ACTION_RESTORE)
	case typev1.BulkAction_BULK_ACTION_REASSIGN:
		return k.Rules.Reviser(ctx, who, deal.Draft{ResponsibleID: req.GetResponsibleId()}, []string{deal.FieldResponsible})
	case typev1.BulkAction_BULK_ACTION_UPDATE:
		in, fields, err := k.Draft(req)
		if err != nil {
			return nil, err
		}
		return k.Rules.Reviser(ctx, who, in, fields)
	default:
		return nil, bulk.ErrAction
	}
}
