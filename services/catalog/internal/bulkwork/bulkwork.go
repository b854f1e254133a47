// Package bulkwork does to many products what the API does to one: update, bin, restoration (CON-13), and takes back what
// operations have done to products (CON-17, architecture rule 12). The rules are those of the products; libs/bulk and
// libs/undo drive the work.
package bulkwork

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/undo"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/store"
)

// ErrForbidden is told to whom the right was taken away while the work went on.
var ErrForbidden = apperr.Forbidden("PERMISSION_DENIED", "the catalog belongs to the whole organisation; ask an administrator for a grant that reaches all records")

// Products changes many products.
type Products struct {
	Store *store.Products
	Clock clock.Clock
	// Custom returns what custom fields of an organisation are checked by.
	Custom func(ctx context.Context, org string) (product.Custom, error)
	// Setter returns what sets the fields of a request on a product.
	Setter func(req *catalogv1.BulkProductsRequest) (func(*product.Product), error)
}

// permit returns ErrForbidden unless the user whom the context acts for may do this to all products: nobody answers for one.
func permit(ctx context.Context, action optionsv1.Action) error {
	if !authz.For(ctx, publish.KindProduct, action).All() {
		return ErrForbidden
	}
	return nil
}

// Select see [bulk.Target].
func (k *Products) Select(ctx context.Context, org, filter string, inBin bool) (string, []any, error) {
	if err := permit(ctx, optionsv1.Action_ACTION_VIEW); err != nil {
		return "", nil, err
	}
	return k.Store.Select(ctx, org, filter, inBin)
}

// Apply see [bulk.Target].
func (k *Products) Apply(ctx context.Context, tx pgx.Tx, b bulk.Batch) ([]bulk.Result, []event.Event, error) {
	change, err := k.change(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	locked, err := store.LockProducts(ctx, tx, b.Organization, b.IDs)
	if err != nil {
		return nil, nil, err
	}
	results := make([]bulk.Result, len(b.IDs))
	var changes []store.Change
	for i, id := range b.IDs {
		p := locked[id]
		if p == nil {
			results[i].Refused = product.ErrNotFound
			continue
		}
		ev, err := change(p)
		switch refused := (*apperr.Error)(nil); {
		case errors.As(err, &refused):
			results[i].Refused = refused
		case err != nil:
			return nil, nil, err
		case ev != nil:
			results[i].Changed = true
			changes = append(changes, store.Change{After: p, Event: ev})
		}
	}
	evs, err := store.WriteProducts(ctx, tx, b.Organization, changes, event.Cause(b.Cause))
	return results, evs, err
}

// change returns what a batch's request does to a product: no event if it is so already.
func (k *Products) change(ctx context.Context, b bulk.Batch) (func(*product.Product) (product.Event, error), error) {
	req := &catalogv1.BulkProductsRequest{}
	if err := proto.Unmarshal(b.Change, req); err != nil {
		return nil, fmt.Errorf("decode bulk change: %w", err)
	}
	if err := permit(ctx, bulk.Needs(req.GetAction())); err != nil {
		return nil, err
	}
	now := k.Clock.Now()
	switch req.GetAction() {
	case typev1.BulkAction_BULK_ACTION_DELETE:
		return unless(func(p *product.Product) bool { return p.DeletedAt != nil },
			func(p *product.Product) (product.Event, error) { return p.Delete(now) }), nil
	case typev1.BulkAction_BULK_ACTION_RESTORE:
		return unless(func(p *product.Product) bool { return p.DeletedAt == nil },
			func(p *product.Product) (product.Event, error) { return p.Undelete(now) }), nil
	case typev1.BulkAction_BULK_ACTION_UPDATE:
		set, err := k.Setter(req)
		if err != nil {
			return nil, err
		}
		custom, err := k.Custom(ctx, b.Organization)
		if err != nil {
			return nil, err
		}
		return func(p *product.Product) (product.Event, error) {
			next := p.Clone()
			ev, err := next.Change(set, custom, now)
			if err != nil || publish.Same(p, next) {
				return nil, err
			}
			*p = *next
			return ev, nil
		}, nil
	default:
		return nil, bulk.ErrAction
	}
}

// unless leaves alone what is so already.
func unless(so func(*product.Product) bool, do func(*product.Product) (product.Event, error)) func(*product.Product) (product.Event, error) {
	return func(p *product.Product) (product.Event, error) {
		if so(p) {
			return nil, nil
		}
		return do(p)
	}
}

// Undo returns how what was done to products is taken back.
func (k *Products) Undo() undo.Target {
	return undo.Target{
		Undo:   k.takeBack,
		Upkeep: func(_, cause string) bool { return cause == store.FormulaCause }, // we ourselves went on with it
	}
}

// takeBack see [undo.Target].
func (k *Products) takeBack(ctx context.Context, tx pgx.Tx, b undo.Batch) ([]undo.Result, []event.Event, error) {
	ids := make([]string, len(b.Spans))
	for i, s := range b.Spans {
		ids[i] = s.RecordID
	}
	locked, err := store.LockProducts(ctx, tx, b.Organization, ids)
	if err != nil {
		return nil, nil, err
	}
	before, err := undo.Before(ctx, tx, b.Organization, publish.KindProduct, b.Spans)
	if err != nil {
		return nil, nil, err
	}
	custom, err := k.Custom(ctx, b.Organization)
	if err != nil {
		return nil, nil, err
	}
	results := make([]undo.Result, len(b.Spans))
	var changes []store.Change
	for i, s := range b.Spans {
		now := locked[s.RecordID]
		if now == nil || now.Version != s.Now {
			results[i] = undo.Changed(now == nil)
			continue
		}
		var was *product.Product
		if ev, there := before[s.RecordID]; there {
			if was, err = publish.ProductOf(ev); err != nil {
				return nil, nil, err
			}
		}
		ev, err := k.back(ctx, b.Of, custom, now, was)
		if err != nil {
			kept, refused := undo.Keep(err)
			if !refused {
				return nil, nil, err
			}
			results[i] = kept
			continue
		}
		results[i].Outcome = undo.Restored
		if was == nil {
			results[i].Outcome = undo.Removed
		}
		changes = append(changes, store.Change{After: now, Event: ev})
	}
	evs, err := store.WriteProducts(ctx, tx, b.Organization, changes, event.Cause(b.Cause))
	return results, evs, err
}

// back takes one product back: an import for who may import, a bulk change for who may do it one by one.
func (k *Products) back(ctx context.Context, of string, custom product.Custom, now, was *product.Product) (product.Event, error) {
	action := optionsv1.Action_ACTION_IMPORT
	if strings.HasPrefix(of, bulk.OperationKind+"/") {
		action = optionsv1.Action_ACTION_UPDATE
		if was != nil && (was.DeletedAt == nil) != (now.DeletedAt == nil) {
			action = optionsv1.Action_ACTION_DELETE
		}
	}
	if err := permit(ctx, action); err != nil {
		return nil, err
	}
	return now.TakeBack(was, custom, k.Clock.Now())
}
