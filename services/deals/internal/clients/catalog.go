// Package clients asks the services that deals depends on: the catalog about products, contacts and identity for
// look-ups of imports and tokens of jobs. Errors of theirs come back as ours (libs/grpcclient).
package clients

import (
	"context"
	"fmt"

	"github.com/shopspring/decimal"
	"google.golang.org/grpc"

	"kontor.internal/libs/money"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/deals/internal/deal"
)

// Dial returns the connection to a service.
type Dial func(service string) (grpc.ClientConnInterface, error)

// Catalog implements deal.Products.
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

// Products see deal.Products.
func (c *Catalog) Products(ctx context.Context, ids []string) (map[string]deal.Product, error) {
	resp, err := c.client.BatchGetProducts(ctx, &catalogv1.BatchGetProductsRequest{Ids: ids})
	if err != nil {
		return nil, err
	}
	out := make(map[string]deal.Product, len(resp.GetProducts()))
	for _, p := range resp.GetProducts() {
		if out[p.GetId()], err = product(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func product(p *catalogv1.ProductSummary) (deal.Product, error) {
	out := deal.Product{ID: p.GetId(), Name: p.GetName(), Unit: p.GetUnit(), Offered: p.GetActive() && !p.GetDeleted()}
	var err error
	if out.ListPrice, err = money.FromProto(p.GetListPrice()); err != nil {
		return out, fmt.Errorf("price of product %s: %w", out.ID, err)
	}
	if out.MinimumPrice, err = money.FromProto(p.GetMinimumPrice()); err != nil {
		return out, fmt.Errorf("minimum price of product %s: %w", out.ID, err)
	}
	if r := p.GetTaxRate(); r != "" {
		if out.TaxRate, err = decimal.NewFromString(r); err != nil {
			return out, fmt.Errorf("tax rate of product %s: %w", out.ID, err)
		}
	}
	return out, nil
}
