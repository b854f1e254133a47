package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor.internal/services/catalog/internal/product"
)

// LookupBy is what products are looked up by.
type LookupBy int

// What products are looked up by.
const (
	ByName LookupBy = iota + 1
	BySKU
	ByExternalID
)

// Lookup returns the products, not in the bin, that the keys lead to, by key as asked for.
func (s *Products) Lookup(ctx context.Context, org string, by LookupBy, source string, keys []string) (map[string][]*product.Product, error) {
	var list []*product.Product
	var keyOf func(*product.Product) string
	var err error
	norm := func(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
	switch by {
	case BySKU:
		norm = strings.TrimSpace
		keyOf = func(p *product.Product) string { return p.SKU }
		list, err = s.some(ctx, org, `p.deleted_at IS NULL AND p.sku <> '' AND p.sku = ANY($2)`, trimmed(keys, norm))
	case ByExternalID:
		norm = strings.TrimSpace
		keyOf = func(p *product.Product) string {
			for _, x := range p.ExternalIDs {
				if x.Source == source {
					return x.ID
				}
			}
			return ""
		}
		list, err = s.some(ctx, org, `p.deleted_at IS NULL AND p.id IN (
			SELECT product_id FROM product_external_ids
			WHERE organization_id = $1 AND source = $2 AND external_id = ANY($3))`, source, trimmed(keys, norm))
	default:
		keyOf = func(p *product.Product) string { return norm(p.Name) }
		list, err = s.some(ctx, org, `p.deleted_at IS NULL AND lower(p.name) = ANY($2)`, trimmed(keys, norm))
	}
	if err != nil {
		return nil, err
	}
	found := map[string][]*product.Product{}
	for _, p := range list {
		found[keyOf(p)] = append(found[keyOf(p)], p)
	}
	out := make(map[string][]*product.Product, len(keys))
	for _, k := range keys {
		if ps := found[norm(k)]; len(ps) > 0 {
			out[k] = ps
		}
	}
	return out, nil
}

func trimmed(keys []string, norm func(string) string) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = norm(k)
	}
	return out
}

// Hit is a product found by a search.
type Hit struct {
	Product *product.Product
	// Field it was found in: "name", "sku" or "barcode".
	Field string
	// Score from 0 to 1.
	Score float64
}

// Search returns the active products whose name has a word that begins with query, or whose SKU or barcode does, the best
// first.
func (s *Products) Search(ctx context.Context, org, query string, limit int) ([]Hit, error) {
	q := strings.ToLower(strings.TrimSpace(query))
	prefix := likePrefix(q)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+productColumns+`, h.field, h.score
		FROM (
			SELECT id, CASE WHEN lower(sku) LIKE $2 THEN 'sku' WHEN barcode LIKE $2 THEN 'barcode' ELSE 'name' END AS field,
				CASE WHEN lower(sku) = $3 OR barcode = $3 OR lower(name) = $3 THEN 1.0
					WHEN lower(sku) LIKE $2 OR barcode LIKE $2 OR lower(name) LIKE $2 THEN 0.8 ELSE 0.5 END::float8 AS score, name
			FROM products
			WHERE organization_id = $1 AND deleted_at IS NULL AND active
				AND (lower(name) LIKE $2 OR lower(name) LIKE '% ' || $2 OR lower(sku) LIKE $2 OR barcode LIKE $2)
			ORDER BY score DESC, name, id
			LIMIT $4
		) h JOIN products p ON p.organization_id = $1 AND p.id = h.id
		ORDER BY h.score DESC, p.name, p.id`, org, prefix, q, limit)
	if err != nil {
		return nil, fmt.Errorf("search products: %w", err)
	}
	hits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Hit, error) {
		var h Hit
		var err error
		h.Product, err = scanProduct(row, &h.Field, &h.Score)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("search products: %w", err)
	}
	return hits, nil
}

// likePrefix is the pattern of what begins with s.
func likePrefix(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
