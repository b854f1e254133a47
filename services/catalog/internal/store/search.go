package store

import (
	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/search"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
)

// searchKey is what a product is searched by (CON-14): its name, and its numbers, in which blanks and signs mean nothing.
func searchKey(p *product.Product) string {
	return search.Key(p.Name, search.Solid(p.SKU), search.Solid(p.Barcode))
}

// Fillings are the search keys of products from before there were any.
func Fillings() []search.Filling {
	return []search.Filling{{Table: "products", Texts: `ARRAY[t.name]`, Solids: `ARRAY[t.sku, t.barcode]`}}
}

// numbers is the weight of a product's numbers against its name.
const numbers = 0.95

// SearchPart is a search in the products that are not in the bin.
func (s *Products) SearchPart(v search.Viewer) search.Part {
	return search.Part{Viewer: v, Source: &search.Source{
		DB: s.DB, Kind: publish.KindProduct,
		Rows: func(ids []string) (string, []any) {
			return `SELECT id::text, name, sku, barcode FROM products
				WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL`, []any{v.OrganizationID, ids}
		},
		Read: func(row pgx.CollectableRow) (search.Record, error) {
			var r search.Record
			var name, barcode string
			err := row.Scan(&r.ID, &name, &r.Subtitle, &barcode)
			r.Fields = []search.Field{
				{Name: "name", Text: name, Weight: 1},
				{Name: "sku", Text: r.Subtitle, Weight: numbers, Solid: true},
				{Name: "barcode", Text: barcode, Weight: numbers, Solid: true},
			}
			return r, err
		},
	}}
}
