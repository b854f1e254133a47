package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/customfields"
	"kontor.internal/services/catalog/internal/product"
)

// productRows are products as columns, for one statement however many there are.
type productRows struct {
	ids, names, skus, barcodes, descriptions []string
	versions                                 []int64
	pictures                                 []string // array literals: PostgreSQL has no arrays of arrays of different lengths
	sections, units                          []string
	active                                   []bool
	sorts                                    []int32
	taxes, minimums, currencies              []*string
	originKinds, originIDs                   []string
	created, updated                         []time.Time
	deleted                                  []*time.Time
	searchKeys                               []string

	prices struct {
		owners, types, currencies, amounts []string
	}
	external externalIDs

	custom customfields.Rows
	// changed are the values of those products whose values differ from the stored ones.
	changed struct{ ids, values []string }
}

func newProductRows(list []*product.Product) *productRows {
	r := &productRows{}
	for _, p := range list {
		r.ids, r.versions, r.names = append(r.ids, p.ID), append(r.versions, p.Version), append(r.names, p.Name)
		r.skus, r.barcodes = append(r.skus, p.SKU), append(r.barcodes, p.Barcode)
		r.descriptions, r.pictures = append(r.descriptions, p.Description), append(r.pictures, uuidArray(p.Pictures))
		r.sections, r.units = append(r.sections, p.SectionID), append(r.units, p.Unit)
		r.active, r.sorts = append(r.active, p.Active), append(r.sorts, p.Sort)
		var tax, minimum, currency *string
		if p.TaxRate != nil {
			t := p.TaxRate.String()
			tax = &t
		}
		if m := p.MinimumPrice; m != nil {
			a := m.Amount.String()
			minimum, currency = &a, &m.Currency
		}
		r.taxes, r.minimums, r.currencies = append(r.taxes, tax), append(r.minimums, minimum), append(r.currencies, currency)
		r.originKinds, r.originIDs = append(r.originKinds, p.Origin.Kind), append(r.originIDs, p.Origin.ID)
		r.created, r.updated = append(r.created, p.CreatedAt), append(r.updated, p.UpdatedAt)
		r.deleted, r.searchKeys = append(r.deleted, p.DeletedAt), append(r.searchKeys, searchKey(p))
		for _, pr := range p.Prices {
			r.prices.owners, r.prices.types = append(r.prices.owners, p.ID), append(r.prices.types, pr.PriceTypeID)
			r.prices.currencies = append(r.prices.currencies, pr.Money.Currency)
			r.prices.amounts = append(r.prices.amounts, pr.Money.Amount.String())
		}
		r.external.add(p.ID, p.ExternalIDs)
		r.addCustom(p)
	}
	return r
}

// addCustom notes what becomes of a product's custom fields.
func (r *productRows) addCustom(p *product.Product) {
	binned := p.DeletedAt != nil
	if p.Fields != nil && !maps.EqualFunc(p.Kept.Values, p.Custom, customfields.Equal) {
		text := "{}"
		if raw, err := json.Marshal(p.Custom); err == nil && p.Custom != nil { // checked values are always written
			text = string(raw)
		}
		r.changed.ids, r.changed.values = append(r.changed.ids, p.ID), append(r.changed.values, text)
		r.custom.Save(p.Fields, p.ID, p.Kept.Values, p.Custom, !binned)
	}
	switch {
	case binned && !p.Kept.Binned:
		r.custom.Hide(p.ID)
	case !binned && p.Kept.Binned:
		r.custom.Unhide(p.ID)
	}
}

// uuidArray writes an array literal of UUIDs, which need no quotes.
func uuidArray(ids []string) string { return "{" + strings.Join(ids, ",") + "}" }

// fromRows is the set of rows that both statements below begin with.
const fromRows = `
	FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
		$11::boolean[], $12::int[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::timestamptz[],
		$19::timestamptz[], $20::timestamptz[], $21::text[])
		AS r (id, version, name, sku, barcode, description, pictures, section_id, unit, active, sort, tax_rate, minimum_price,
			minimum_currency, origin_kind, origin_id, created_at, updated_at, deleted_at, search_key)`

func (r *productRows) args(org string) []any {
	return []any{
		org, r.ids, r.versions, r.names, r.skus, r.barcodes, r.descriptions, r.pictures, r.sections, r.units, r.active, r.sorts,
		r.taxes, r.minimums, r.currencies, r.originKinds, r.originIDs, r.created, r.updated, r.deleted,
		r.searchKeys,
	}
}

func insertProducts(ctx context.Context, tx pgx.Tx, org string, list []*product.Product) error {
	if len(list) == 0 {
		return nil
	}
	r := newProductRows(list)
	b := &pgx.Batch{}
	b.Queue(`
		INSERT INTO products (organization_id, id, version, name, sku, barcode, description, picture_file_ids, section_id, unit,
			active, sort, tax_rate, minimum_price, minimum_currency, origin_kind, origin_id, created_at, updated_at, deleted_at,
			search_key)
		SELECT $1, id::uuid, version, name, sku, barcode, description, pictures::uuid[], NULLIF(section_id, '')::uuid, unit, active,
			sort, tax_rate::numeric, minimum_price::numeric, minimum_currency, origin_kind, origin_id, created_at, updated_at, deleted_at,
			search_key`+
		fromRows, r.args(org)...)
	r.queueParts(b, org)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("insert products: %w", err)
	}
	return nil
}

// updateProducts writes products that the transaction has locked.
func updateProducts(ctx context.Context, tx pgx.Tx, org string, list []*product.Product) error {
	if len(list) == 0 {
		return nil
	}
	r := newProductRows(list)
	b := &pgx.Batch{}
	b.Queue(`
		UPDATE products p
		SET version = r.version, name = r.name, sku = r.sku, barcode = r.barcode, description = r.description,
			picture_file_ids = r.pictures::uuid[], section_id = NULLIF(r.section_id, '')::uuid, unit = r.unit, active = r.active,
			sort = r.sort, tax_rate = r.tax_rate::numeric, minimum_price = r.minimum_price::numeric,
			minimum_currency = r.minimum_currency, origin_kind = r.origin_kind, origin_id = r.origin_id,
			created_at = r.created_at, updated_at = r.updated_at, deleted_at = r.deleted_at,
			search_key = r.search_key`+fromRows+`
		WHERE p.organization_id = $1 AND p.id = r.id::uuid`, r.args(org)...)
	b.Queue(`DELETE FROM product_prices WHERE organization_id = $1 AND product_id = ANY($2)`, org, r.ids)
	b.Queue(`DELETE FROM product_external_ids WHERE organization_id = $1 AND product_id = ANY($2)`, org, r.ids)
	r.queueParts(b, org)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("update products: %w", err)
	}
	return nil
}

// queueParts inserts prices and external IDs, and writes custom fields.
func (r *productRows) queueParts(b *pgx.Batch, org string) {
	if len(r.changed.ids) > 0 {
		b.Queue(`
			UPDATE products p SET custom = n.custom::jsonb
			FROM unnest($2::uuid[], $3::text[]) AS n (id, custom)
			WHERE p.organization_id = $1 AND p.id = n.id`, org, r.changed.ids, r.changed.values)
	}
	r.custom.Queue(b, org)
	if x := r.prices; len(x.owners) > 0 {
		b.Queue(`
			INSERT INTO product_prices (organization_id, product_id, price_type_id, currency, amount)
			SELECT $1, owner::uuid, type::uuid, currency, amount::numeric
			FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS x (owner, type, currency, amount)`,
			org, x.owners, x.types, x.currencies, x.amounts)
	}
	if x := r.external; len(x.owners) > 0 {
		b.Queue(`
			INSERT INTO product_external_ids (organization_id, product_id, source, external_id)
			SELECT $1, owner::uuid, source, id
			FROM unnest($2::text[], $3::text[], $4::text[]) AS x (owner, source, id)`,
			org, x.owners, x.sources, x.ids)
	}
}
