package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/pricetype"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/record"
)

// PriceTypes implements [pricetype.Store], and the reading of lists.
type PriceTypes struct {
	DB *pg.DB
}

const priceTypeColumns = `t.id::text, t.version, t.name, t.base, t.sort, t.created_at, t.updated_at, t.deleted_at`

func scanPriceType(row pgx.Row, more ...any) (*pricetype.PriceType, error) {
	var h head
	var p pricetype.PriceType
	dest := append([]any{&h.id, &h.version, &p.Name, &p.Base, &p.Sort, &h.created, &h.updated, &h.deleted}, more...)
	if err := row.Scan(dest...); err != nil {
		return nil, err
	}
	p.Head = h.record()
	p.Origin = record.Origin{}
	return &p, nil
}

// Create see [pricetype.Store].Create.
func (s *PriceTypes) Create(ctx context.Context, org string, p *pricetype.PriceType, ev pricetype.Event) (*pricetype.PriceType, error) {
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := insertPriceType(ctx, tx, org, p); err != nil {
			return nil, err
		}
		return []event.Event{publish.PriceTypeEvent(ev)}, nil
	})
	return s.answer(ctx, org, p, err)
}

func (s *PriceTypes) answer(ctx context.Context, org string, p *pricetype.PriceType, err error) (*pricetype.PriceType, error) {
	if err == nil {
		return p, nil
	}
	msg, err := replay(ctx, s.DB, org, err)
	if err != nil {
		return nil, err
	}
	if m, ok := msg.(interface{ GetPriceType() *catalogv1.PriceType }); ok {
		return publish.ToPriceType(m.GetPriceType())
	}
	return nil, fmt.Errorf("the request was answered by a %T before", msg)
}

func insertPriceType(ctx context.Context, tx pgx.Tx, org string, p *pricetype.PriceType) error {
	if _, err := tx.Exec(ctx, `
		INSERT INTO price_types (organization_id, id, version, name, base, sort, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		org, p.ID, p.Version, p.Name, p.Base, p.Sort, p.CreatedAt, p.UpdatedAt); err != nil {
		return fmt.Errorf("insert price type: %w", err)
	}
	return nil
}

// EnsureBase see [pricetype.Store].EnsureBase.
func (s *PriceTypes) EnsureBase(ctx context.Context, org string, p *pricetype.PriceType, ev pricetype.Event) (string, error) {
	// Nobody's request: it must not take the caller's request ID for itself.
	err := s.DB.Write(idem.Without(ctx), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := insertPriceType(ctx, tx, org, p); err != nil {
			return nil, err
		}
		return []event.Event{publish.PriceTypeEvent(ev)}, nil
	})
	switch {
	case pg.IsUnique(err, "price_types_base_key"), pg.IsUnique(err, "price_types_name_key"):
		return s.Base(ctx, org)
	case err != nil:
		return "", fmt.Errorf("make the base price type: %w", err)
	}
	return p.ID, nil
}

// Base see [pricetype.Store].Base.
func (s *PriceTypes) Base(ctx context.Context, org string) (string, error) {
	var id string
	err := s.DB.QueryRow(ctx, org, `SELECT id::text FROM price_types WHERE organization_id = $1 AND base`, org).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", pricetype.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("find the base price type: %w", err)
	}
	return id, nil
}

// Get see [pricetype.Store].Get.
func (s *PriceTypes) Get(ctx context.Context, org, id string) (*pricetype.PriceType, error) {
	p, err := scanPriceType(s.DB.QueryRow(ctx, org, `
		SELECT `+priceTypeColumns+`
		FROM price_types t
		WHERE t.organization_id = $1 AND t.id = $2`, org, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, pricetype.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get price type: %w", err)
	}
	return p, nil
}

// Update see [pricetype.Store].Update.
func (s *PriceTypes) Update(ctx context.Context, org, id string, version int64,
	fn func(*pricetype.PriceType) (pricetype.Event, error),
) (*pricetype.PriceType, error) {
	var out *pricetype.PriceType
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		p, err := scanPriceType(tx.QueryRow(ctx, `
			SELECT `+priceTypeColumns+`
			FROM price_types t
			WHERE t.organization_id = $1 AND t.id = $2
			FOR UPDATE`, org, id))
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil, pricetype.ErrNotFound
		case err != nil:
			return nil, fmt.Errorf("read price type: %w", err)
		case version != 0 && version != p.Version:
			return nil, pricetype.ErrStale.With("etag", aip.Etag(p.Version))
		}
		ev, err := fn(p)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, `
			UPDATE price_types
			SET version = $3, name = $4, sort = $5, updated_at = $6, deleted_at = $7
			WHERE organization_id = $1 AND id = $2`, org, p.ID, p.Version, p.Name, p.Sort, p.UpdatedAt, p.DeletedAt); err != nil {
			return nil, fmt.Errorf("update price type: %w", err)
		}
		out = p
		return []event.Event{publish.PriceTypeEvent(ev)}, nil
	})
	return s.answer(ctx, org, out, err)
}

func priceTypeSchema() *aip.Schema {
	return &aip.Schema{
		DefaultOrder: "sort, name",
		IDColumn:     "t.id",
		Fields: map[string]aip.Field{
			"id":          {Column: "t.id", Type: aip.ID},
			"name":        {Column: "t.name", Type: aip.Text, Sortable: true},
			"base":        {Column: "t.base", Type: aip.Bool},
			"sort":        {Column: "t.sort", Type: aip.Int, Sortable: true},
			"create_time": {Column: "t.created_at", Type: aip.Time, Sortable: true},
			"update_time": {Column: "t.updated_at", Type: aip.Time, Sortable: true},
		},
	}
}

// List returns a page of price types and the token of the next one.
func (s *PriceTypes) List(ctx context.Context, org string, req aip.Request, deleted bool) ([]*pricetype.PriceType, string, error) {
	l, err := priceTypeSchema().List(req, org, live(deleted))
	if err != nil {
		return nil, "", err
	}
	args := []any{org}
	where := l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+priceTypeColumns+`, `+l.Key()+`
		FROM price_types t
		WHERE t.organization_id = $1 AND t.`+live(deleted)+` AND `+where+`
		ORDER BY `+l.OrderBy()+` LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list price types: %w", err)
	}
	defer rows.Close()
	var out []*pricetype.PriceType
	var keys []aip.Key
	for rows.Next() {
		var key aip.Key
		p, err := scanPriceType(rows, &key)
		if err != nil {
			return nil, "", fmt.Errorf("list price types: %w", err)
		}
		out, keys = append(out, p), append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("list price types: %w", err)
	}
	page, next := aip.Page(l, out, keys)
	return page, next, nil
}

// Count counts the price types that List would list.
func (s *PriceTypes) Count(ctx context.Context, org, filter string, deleted bool) (int32, bool, error) {
	return count(ctx, s.DB, org, "price_types t", priceTypeSchema(), filter, deleted)
}
