// Package store keeps the catalog in PostgreSQL, each change with the events that tell of it.
//
// Every statement runs as one organisation (row-level security, see libs/pg). A write locks the record's row before its
// version is decided, so that its events are in order.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	"kontor.internal/services/catalog/internal/pricetype"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/record"
	"kontor.internal/services/catalog/internal/section"
)

// countLimit is up to where records are counted exactly.
const countLimit = 10_000

// failure turns violated constraints into what they mean.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case pg.IsUnique(err, "products_sku_key"):
		return product.ErrSKU
	case customfields.IsTaken(err):
		return customfields.ErrTaken
	case pg.IsUnique(err, "product_external_ids_pkey"):
		return product.ErrExternalID
	case pg.IsForeignKey(err, "products_section_fkey"), pg.IsForeignKey(err, "sections_parent_fkey"):
		return section.ErrNotFound
	case pg.IsForeignKey(err, "product_prices_price_type_fkey"):
		return pricetype.ErrNotFound
	case pg.IsUnique(err, "sections_name_key"):
		return section.ErrName
	case pg.IsUnique(err, "section_external_ids_pkey"):
		return section.ErrExternalID
	case pg.IsUnique(err, "price_types_name_key"):
		return pricetype.ErrName
	}
	return err
}

// replay returns the message of the event that answered the caller's request before, if err says that there is one;
// else err as what it means.
func replay(ctx context.Context, db *pg.DB, org string, err error) (proto.Message, error) {
	var r *idem.Replay
	if !errors.As(err, &r) {
		return nil, failure(err)
	}
	ev, err := db.EventAt(ctx, org, r.Kind, r.RecordID, r.Version)
	if err != nil {
		return nil, fmt.Errorf("answer a repeated request: %w", err)
	}
	return publish.Decode(ev)
}

// Revisions returns the changes of a record below version before (0: all), the newest first.
func Revisions(ctx context.Context, db *pg.DB, org, kind, id string, before int64, limit int) ([]event.Event, error) {
	evs, err := db.History(ctx, org, kind, id, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return evs, nil
}

// live is the predicate that tells the bin from the rest.
func live(deleted bool) string {
	if deleted {
		return "deleted_at IS NOT NULL"
	}
	return "deleted_at IS NULL"
}

// count counts exactly up to countLimit and says whether there are more.
func count(ctx context.Context, db *pg.DB, org, table string, schema *aip.Schema, filter string, deleted bool) (int32, bool, error) {
	args := []any{org}
	where, err := schema.Where(filter, &args)
	if err != nil {
		return 0, false, err
	}
	args = append(args, countLimit+1)
	var n int32
	err = db.QueryRow(ctx, org, fmt.Sprintf(`
		SELECT count(*)
		FROM (SELECT FROM %s WHERE organization_id = $1 AND %s AND %s LIMIT $%d) AS found`,
		table, live(deleted), where, len(args)), args...).Scan(&n)
	if err != nil {
		return 0, false, fmt.Errorf("count %s: %w", table, err)
	}
	return min(n, countLimit), n > countLimit, nil
}

// null is NULL for an empty ID.
func null(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

// some is an empty slice for nil: arrays in rows are never NULL.
func some[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// head is what every table has, as scanned.
type head struct {
	id                   string
	version              int64
	originKind, originID string
	created, updated     time.Time
	deleted              *time.Time
}

func (h *head) record() record.Head {
	r := record.Head{
		ID: h.id, Version: h.version, Origin: record.Origin{Kind: h.originKind, ID: h.originID},
		CreatedAt: h.created.UTC(), UpdatedAt: h.updated.UTC(),
	}
	if h.deleted != nil {
		at := h.deleted.UTC()
		r.DeletedAt = &at
	}
	return r
}

// externalIDs are external IDs and their owners as columns.
type externalIDs struct{ owners, sources, ids []string }

func (x *externalIDs) add(owner string, ids []record.ExternalID) {
	for _, e := range ids {
		x.owners, x.sources, x.ids = append(x.owners, owner), append(x.sources, e.Source), append(x.ids, e.ID)
	}
}

// externalID asks in a filter for the records with an ID in a system: external_ids.shop = "7", or any, external_ids.shop:*.
func externalID(id, table, owner string) func(aip.Comparison, func(any) string) (string, error) {
	return func(c aip.Comparison, bind func(any) string) (string, error) {
		if c.Op != "=" && c.Op != ":" {
			return "", fmt.Errorf("operator %s does not apply; use =", c.Op)
		}
		sql := id + " IN (SELECT " + owner + " FROM " + table + " WHERE organization_id = $1 AND source = " + bind(c.Key)
		if c.Op != ":" || c.Value != "*" {
			sql += " AND external_id = " + bind(c.Value)
		}
		return sql + ")", nil
	}
}
