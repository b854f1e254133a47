package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
)

// Select returns a query of the IDs of all products that the filter selects, and its arguments.
func (s *Products) Select(ctx context.Context, org, filter string, deleted bool) (sql string, args []any, err error) {
	schema, err := s.schema(ctx, org, filter, "", true)
	if err != nil {
		return "", nil, err
	}
	args = []any{org}
	where, err := schema.Where(filter, &args)
	if err != nil {
		return "", nil, err
	}
	return "SELECT p.id FROM products p WHERE p.organization_id = $1 AND p." + live(deleted) + " AND " + where, args, nil
}

// Change is what becomes of a product that is locked, with the event that tells of it.
type Change struct {
	After *product.Product
	Event product.Event
}

// LockProducts reads products so that nobody else changes them before the transaction ends.
func LockProducts(ctx context.Context, tx pgx.Tx, org string, ids []string) (map[string]*product.Product, error) {
	return lockProducts(ctx, tx, org, ids)
}

// WriteProducts writes changes of locked products and returns their events. The sections they come to are to be there.
func WriteProducts(ctx context.Context, tx pgx.Tx, org string, changes []Change, opts ...event.Option) ([]event.Event, error) {
	var sections []string
	list, evs := make([]*product.Product, len(changes)), make([]event.Event, len(changes))
	for i, c := range changes {
		list[i], evs[i] = c.After, publish.ProductEvent(c.Event, opts...)
		if id := c.After.SectionID; id != "" && c.After.DeletedAt == nil && !slices.Contains(sections, id) {
			sections = append(sections, id)
		}
	}
	slices.Sort(sections)
	for _, id := range sections {
		if err := openSection(ctx, tx, org, id); err != nil {
			return nil, err
		}
	}
	if err := updateProducts(ctx, tx, org, list); err != nil {
		return nil, failure(err)
	}
	return evs, nil
}
