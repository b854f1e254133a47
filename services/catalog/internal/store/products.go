package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/money"
	"kontor.internal/libs/pg"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/record"
	"kontor.internal/services/catalog/internal/section"
)

// Products implements [product.Store], and the reading of lists.
type Products struct {
	DB *pg.DB
	// Custom is the custom fields of products.
	Custom *customfields.Definitions
	// Zone is where an organisation's days begin.
	Zone func(org string) *time.Location
}

// productColumns are read by scanProduct; prices and external IDs come along as JSON.
const productColumns = `
	p.id::text, p.version, p.name, p.sku, p.barcode, p.description, p.picture_file_ids::text[], coalesce(p.section_id::text, ''),
	p.unit, p.active, p.sort, p.tax_rate::text, p.minimum_price::text, p.minimum_currency, p.origin_kind, p.origin_id,
	p.created_at, p.updated_at, p.deleted_at, p.custom,
	coalesce((SELECT jsonb_agg(jsonb_build_array(x.price_type_id, x.currency, x.amount::text) ORDER BY x.price_type_id, x.currency)
		FROM product_prices x WHERE x.organization_id = p.organization_id AND x.product_id = p.id), '[]'),
	coalesce((SELECT jsonb_agg(jsonb_build_array(e.source, e.external_id) ORDER BY e.source)
		FROM product_external_ids e WHERE e.organization_id = p.organization_id AND e.product_id = p.id), '[]')`

// scanProduct reads one row of productColumns; more are what follows them.
func scanProduct(row pgx.Row, more ...any) (*product.Product, error) {
	var h head
	var p product.Product
	var tax, minimum, minimumCurrency *string
	var prices, external []byte
	dest := append([]any{
		&h.id, &h.version, &p.Name, &p.SKU, &p.Barcode, &p.Description, &p.Pictures, &p.SectionID, &p.Unit, &p.Active, &p.Sort,
		&tax, &minimum, &minimumCurrency, &h.originKind, &h.originID, &h.created, &h.updated, &h.deleted, &p.Custom, &prices, &external,
	}, more...)
	if err := row.Scan(dest...); err != nil {
		return nil, err
	}
	p.Head = h.record()
	p.Kept = product.Kept{Values: p.Custom, Binned: p.DeletedAt != nil}
	if tax != nil {
		d, err := decimal.NewFromString(*tax)
		if err != nil {
			return nil, fmt.Errorf("tax rate: %w", err)
		}
		p.TaxRate = &d
	}
	if minimum != nil && minimumCurrency != nil {
		d, err := decimal.NewFromString(*minimum)
		if err != nil {
			return nil, fmt.Errorf("minimum price: %w", err)
		}
		p.MinimumPrice = &money.Money{Currency: *minimumCurrency, Amount: d}
	}
	var priceRows [][3]string
	if err := json.Unmarshal(prices, &priceRows); err != nil {
		return nil, fmt.Errorf("prices: %w", err)
	}
	for _, r := range priceRows {
		d, err := decimal.NewFromString(r[2])
		if err != nil {
			return nil, fmt.Errorf("price: %w", err)
		}
		p.Prices = append(p.Prices, product.Price{PriceTypeID: r[0], Money: money.Money{Currency: r[1], Amount: d}})
	}
	ids, err := scanExternalIDs(external)
	p.ExternalIDs = ids
	return &p, err
}

func scanExternalIDs(raw []byte) ([]record.ExternalID, error) {
	var rows [][2]string
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, fmt.Errorf("external IDs: %w", err)
	}
	var ids []record.ExternalID
	for _, r := range rows {
		ids = append(ids, record.ExternalID{Source: r[0], ID: r[1]})
	}
	return ids, nil
}

// Create see [product.Store].Create.
func (s *Products) Create(ctx context.Context, org string, p *product.Product, ev product.Event) (*product.Product, error) {
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if err := openSection(ctx, tx, org, p.SectionID); err != nil {
			return nil, err
		}
		if err := insertProducts(ctx, tx, org, []*product.Product{p}); err != nil {
			return nil, err
		}
		return []event.Event{publish.ProductEvent(ev)}, nil
	})
	return s.answer(ctx, org, p, s.taken(ctx, org, p, err))
}

// answer is what a write led to: the product, or that of an earlier run of the same request.
func (s *Products) answer(ctx context.Context, org string, p *product.Product, err error) (*product.Product, error) {
	if err == nil {
		return p, nil
	}
	msg, err := replay(ctx, s.DB, org, err)
	if err != nil {
		return nil, err
	}
	if m, ok := msg.(interface{ GetProduct() *catalogv1.Product }); ok {
		return publish.ToProduct(m.GetProduct())
	}
	return nil, fmt.Errorf("the request was answered by a %T before", msg)
}

// openSection makes sure that the section is there, and stays while the transaction lasts.
func openSection(ctx context.Context, tx pgx.Tx, org, id string) error {
	if id == "" {
		return nil
	}
	err := tx.QueryRow(ctx, `
		SELECT FROM sections
		WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
		FOR SHARE`, org, id).Scan()
	if errors.Is(err, pgx.ErrNoRows) {
		return section.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("lock section: %w", err)
	}
	return nil
}

// Get see [product.Store].Get.
func (s *Products) Get(ctx context.Context, org, id string) (*product.Product, error) {
	p, err := scanProduct(s.DB.QueryRow(ctx, org, `
		SELECT `+productColumns+`
		FROM products p
		WHERE p.organization_id = $1 AND p.id = $2`, org, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, product.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("get product: %w", err)
	}
	return p, nil
}

// Update see [product.Store].Update.
func (s *Products) Update(ctx context.Context, org, id string, version int64, fn func(*product.Product) (product.Event, error),
) (*product.Product, error) {
	var out *product.Product
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		found, err := lockProducts(ctx, tx, org, []string{id})
		if err != nil {
			return nil, err
		}
		p := found[id]
		switch {
		case p == nil:
			return nil, product.ErrNotFound
		case version != 0 && version != p.Version:
			return nil, product.ErrStale.With("etag", aip.Etag(p.Version))
		}
		before := p.SectionID
		ev, err := fn(p)
		if err != nil {
			return nil, err
		}
		if p.SectionID != before {
			if err := openSection(ctx, tx, org, p.SectionID); err != nil {
				return nil, err
			}
		}
		out = p
		if err := updateProducts(ctx, tx, org, []*product.Product{p}); err != nil {
			return nil, err
		}
		return []event.Event{publish.ProductEvent(ev)}, nil
	})
	return s.answer(ctx, org, out, s.taken(ctx, org, out, err))
}

// lockProducts reads and locks the products there are of ids.
func lockProducts(ctx context.Context, tx pgx.Tx, org string, ids []string) (map[string]*product.Product, error) {
	// Locked first, read then: what the sub-selects see must not be older than the lock.
	if _, err := tx.Exec(ctx, `
		SELECT FROM products
		WHERE organization_id = $1 AND id = ANY($2)
		ORDER BY id
		FOR UPDATE`, org, ids); err != nil {
		return nil, fmt.Errorf("lock products: %w", err)
	}
	rows, err := tx.Query(ctx, `
		SELECT `+productColumns+`
		FROM products p
		WHERE p.organization_id = $1 AND p.id = ANY($2)`, org, ids)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*product.Product, error) { return scanProduct(row) })
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	out := make(map[string]*product.Product, len(list))
	for _, p := range list {
		out[p.ID] = p
	}
	return out, nil
}

// productSchema is what lists of products can be asked for.
func productSchema() *aip.Schema {
	return &aip.Schema{
		DefaultOrder: "name",
		IDColumn:     "p.id",
		Fields: map[string]aip.Field{
			"id":          {Column: "p.id", Type: aip.ID},
			"name":        {Column: "p.name", Type: aip.Text, Sortable: true},
			"sku":         {Column: "p.sku", Type: aip.Text, Sortable: true},
			"barcode":     {Column: "p.barcode", Type: aip.Text},
			"section_id":  {Column: "p.section_id", Type: aip.ID, Nullable: true},
			"unit":        {Column: "p.unit", Type: aip.Text},
			"active":      {Column: "p.active", Type: aip.Bool},
			"sort":        {Column: "p.sort", Type: aip.Int, Sortable: true},
			"tax_rate":    {Column: "p.tax_rate", Type: aip.Decimal, Nullable: true},
			"create_time": {Column: "p.created_at", Type: aip.Time, Sortable: true},
			"update_time": {Column: "p.updated_at", Type: aip.Time, Sortable: true},

			"external_ids.*": {Custom: externalID("p.id", "product_external_ids", "product_id")},
		},
	}
}

// List returns a page of products and the token of the next one.
func (s *Products) List(ctx context.Context, org string, req aip.Request, deleted bool) ([]*product.Product, string, error) {
	schema, err := s.schema(ctx, org, req.GetFilter(), req.GetOrderBy(), false)
	if err != nil {
		return nil, "", err
	}
	l, err := schema.List(req, org, live(deleted))
	if err != nil {
		return nil, "", err
	}
	var out []*product.Product
	var keys []aip.Key
	for _, part := range l.Parts() {
		if len(out) > l.Size() {
			break
		}
		args := []any{org}
		rows, err := s.DB.Query(ctx, org, `
			SELECT `+productColumns+`, `+part.Key()+`
			FROM `+part.From("products p", &args)+`
			WHERE p.organization_id = $1 AND p.`+live(deleted)+` AND `+part.Where(&args)+`
			ORDER BY `+part.OrderBy()+` LIMIT `+part.Limit(), args...)
		if err != nil {
			return nil, "", fmt.Errorf("list products: %w", err)
		}
		more, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*product.Product, error) {
			var key aip.Key
			p, err := scanProduct(r, &key)
			keys = append(keys, key)
			return p, err
		})
		if err != nil {
			return nil, "", fmt.Errorf("list products: %w", err)
		}
		out = append(out, more...)
	}
	page, next := aip.Page(l, out, keys)
	return page, next, nil
}

// Count counts the products that List would list.
func (s *Products) Count(ctx context.Context, org, filter string, deleted bool) (int32, bool, error) {
	schema, err := s.schema(ctx, org, filter, "", true)
	if err != nil {
		return 0, false, err
	}
	return count(ctx, s.DB, org, "products p", schema, filter, deleted)
}

// Batch returns the products there are of ids, those in the bin too.
func (s *Products) Batch(ctx context.Context, org string, ids []string) ([]*product.Product, error) {
	return s.some(ctx, org, `p.id = ANY($2)`, ids)
}

func (s *Products) some(ctx context.Context, org, where string, args ...any) ([]*product.Product, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+productColumns+`
		FROM products p
		WHERE p.organization_id = $1 AND `+where, append([]any{org}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*product.Product, error) { return scanProduct(row) })
	if err != nil {
		return nil, fmt.Errorf("read products: %w", err)
	}
	return list, nil
}
