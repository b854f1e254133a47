package store

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
)

// Custom fields of products (CON-12): the values stand in a column of the row, their index in custom_values.

// FormulaCause is what led to events of products whose formulas were computed anew.
const FormulaCause = "custom-field"

// taken names the custom fields whose values another product has, if that is why a write failed.
func (s *Products) taken(ctx context.Context, org string, p *product.Product, err error) error {
	if p != nil && p.Fields != nil && customfields.IsTaken(err) {
		return s.Custom.Taken(ctx, org, p.Fields, p.ID, p.Custom)
	}
	return err
}

// schema is what can be asked of products, with the custom fields if the request names one. The caller must have the
// organisation as $1.
func (s *Products) schema(ctx context.Context, org, filter, orderBy string, counts bool) (*aip.Schema, error) {
	schema := productSchema()
	if !customfields.Mentions(filter) && !customfields.Mentions(orderBy) {
		return schema, nil
	}
	kind, err := s.Custom.Kind(ctx, org, publish.KindProduct)
	if err != nil {
		return nil, err
	}
	own := kind.Query("p", s.Zone(org))
	if counts {
		own.Counts()
	}
	maps.Copy(schema.Fields, own.Fields())
	scratch := []any{org}
	if _, err := schema.Where(filter, &scratch); err != nil {
		return nil, err
	}
	_, err = own.Resolve(ctx, s.DB, org)
	return schema, err
}

// Recompute saves the products with IDs above after, at most limit, whose formulas have other values than they had, and
// returns the last ID it came to; "" if there are no more.
func (s *Products) Recompute(ctx context.Context, org, after string, limit int, now time.Time, custom product.Custom) (last string, err error) {
	if after == "" {
		after = "00000000-0000-0000-0000-000000000000"
	}
	err = s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		rows, err := tx.Query(ctx, `SELECT id::text FROM products WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $3`, org, after, limit)
		if err != nil {
			return nil, err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, err
		}
		last = ""
		if len(ids) == limit {
			last = ids[limit-1]
		}
		locked, err := lockProducts(ctx, tx, org, ids)
		if err != nil {
			return nil, err
		}
		var list []*product.Product
		var evs []event.Event
		for _, id := range ids {
			p := locked[id]
			if p == nil {
				continue
			}
			if ev := p.Recompute(custom, now); ev != nil {
				list, evs = append(list, p), append(evs, publish.ProductEvent(ev, event.Cause(FormulaCause)))
			}
		}
		return evs, updateProducts(ctx, tx, org, list)
	})
	if err != nil {
		return "", fmt.Errorf("compute formulas of products: %w", err)
	}
	return last, nil
}
