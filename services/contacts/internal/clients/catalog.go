package clients

import (
	"context"
	"fmt"

	"kontor.internal/libs/imports"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
)

// Catalog finds products for imports.
type Catalog struct {
	client catalogv1.ProductsServiceClient
}

// NewCatalog returns a client of the catalog.
func NewCatalog(dial Dial) (*Catalog, error) {
	conn, err := dial("catalog")
	if err != nil {
		return nil, fmt.Errorf("dial catalog: %w", err)
	}
	return &Catalog{client: catalogv1.NewProductsServiceClient(conn)}, nil
}

// LookUpProducts finds products for imports; see [imports.Lookup].
func (c *Catalog) LookUpProducts(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
	req := &catalogv1.LookupProductsRequest{By: catalogv1.LookupProductsRequest_BY_NAME, Keys: q.Keys, Source: q.Source}
	switch q.By {
	case imports.ByExternalID:
		req.By = catalogv1.LookupProductsRequest_BY_EXTERNAL_ID
	case imports.BySKU:
		req.By = catalogv1.LookupProductsRequest_BY_SKU
	default:
	}
	resp, err := c.client.LookupProducts(ctx, req)
	if err != nil {
		return nil, err
	}
	out := make(map[string]imports.Found, len(resp.GetMatches()))
	for _, m := range resp.GetMatches() {
		if found := m.GetProducts(); len(found) > 0 {
			out[m.GetKey()] = imports.Found{
				ID: found[0].GetId(), Ambiguous: len(found) > 1, Attributes: map[string]any{"name": found[0].GetName()},
			}
		}
	}
	return out, nil
}
