package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/pg"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/catalog/internal/currency"
	"kontor.internal/services/catalog/internal/pricetype"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/store"
)

// Products serves ProductsService.
type Products struct {
	catalogv1.UnimplementedProductsServiceServer

	Products   *product.Service
	PriceTypes *pricetype.Service
	Store      *store.Products
	DB         *pg.DB
	Settings   func(org string) currency.Settings
	// Preview shows what an import of products would do.
	Preview func(ctx context.Context, kind string, call imports.PreviewCall) (*typev1.ImportPreview, error)
	// Import starts an import of products and returns the UUID of its operation.
	Import     func(ctx context.Context, fileID, mapping string, dryRun bool) (string, error)
	Operations *operation.Store
}

// CreateProduct see the contract.
func (s *Products) CreateProduct(ctx context.Context, req *catalogv1.CreateProductRequest) (*catalogv1.CreateProductResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	draft, err := publish.ToProduct(offered(req.GetProduct()))
	if err != nil {
		return nil, err
	}
	p, err := s.Products.Create(ctx, org, draft, origin(ctx))
	if err != nil {
		return nil, err
	}
	return &catalogv1.CreateProductResponse{Product: publish.Product(p)}, nil
}

// GetProduct see the contract.
func (s *Products) GetProduct(ctx context.Context, req *catalogv1.GetProductRequest) (*catalogv1.GetProductResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	p, err := s.Products.Get(ctx, org, req.GetId())
	if err != nil {
		return nil, err
	}
	return &catalogv1.GetProductResponse{Product: publish.Product(p)}, nil
}

// ListProducts see the contract.
func (s *Products) ListProducts(ctx context.Context, req *catalogv1.ListProductsRequest) (*catalogv1.ListProductsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Store.List(ctx, org, req, req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	if err := s.Products.Shown(ctx, org, list...); err != nil {
		return nil, err
	}
	resp := &catalogv1.ListProductsResponse{Products: make([]*catalogv1.Product, len(list)), NextPageToken: next}
	for i, p := range list {
		resp.Products[i] = publish.Product(p)
	}
	return resp, nil
}

// CountProducts see the contract.
func (s *Products) CountProducts(ctx context.Context, req *catalogv1.CountProductsRequest) (*catalogv1.CountProductsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	n, more, err := s.Store.Count(ctx, org, req.GetFilter(), req.GetShowDeleted())
	if err != nil {
		return nil, err
	}
	return &catalogv1.CountProductsResponse{Count: n, More: more}, nil
}

// UpdateProduct see the contract.
func (s *Products) UpdateProduct(ctx context.Context, req *catalogv1.UpdateProductRequest) (*catalogv1.UpdateProductResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetProduct(), productFields()...)
	if err != nil {
		return nil, err
	}
	in, err := publish.ToProduct(offered(req.GetProduct()))
	if err != nil {
		return nil, err
	}
	p, err := s.Products.Update(ctx, org, req.GetId(), in.Version, func(p *product.Product) {
		setProduct(p, in, mask)
		p.SetCustom(customPatch(req.GetUpdateMask(), req.GetProduct()))
	})
	if err != nil {
		return nil, err
	}
	return &catalogv1.UpdateProductResponse{Product: publish.Product(p)}, nil
}

// offered fills in what a caller who does not say otherwise means: a product is offered.
func offered(p *catalogv1.Product) *catalogv1.Product {
	if p != nil && p.Active == nil {
		p.Active = proto.Bool(true)
	}
	return p
}

// setProduct takes over the fields of the mask.
func setProduct(p, in *product.Product, mask aip.Mask) {
	for field, set := range map[string]func(){
		"name":             func() { p.Name = in.Name },
		"sku":              func() { p.SKU = in.SKU },
		"barcode":          func() { p.Barcode = in.Barcode },
		"description":      func() { p.Description = in.Description },
		"picture_file_ids": func() { p.Pictures = in.Pictures },
		"section_id":       func() { p.SectionID = in.SectionID },
		"unit":             func() { p.Unit = in.Unit },
		"active":           func() { p.Active = in.Active },
		"sort":             func() { p.Sort = in.Sort },
		"tax_rate":         func() { p.TaxRate = in.TaxRate },
		"prices":           func() { p.Prices = in.Prices },
		"minimum_price":    func() { p.MinimumPrice = in.MinimumPrice },
		"external_ids":     func() { p.ExternalIDs = in.ExternalIDs },
	} {
		if mask.Has(field) {
			set()
		}
	}
}

// DeleteProduct see the contract.
func (s *Products) DeleteProduct(ctx context.Context, req *catalogv1.DeleteProductRequest) (*catalogv1.DeleteProductResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	p, err := s.Products.Delete(ctx, org, req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &catalogv1.DeleteProductResponse{Product: publish.Product(p)}, nil
}

// UndeleteProduct see the contract.
func (s *Products) UndeleteProduct(ctx context.Context, req *catalogv1.UndeleteProductRequest) (*catalogv1.UndeleteProductResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	version, err := aip.Version(req.GetEtag())
	if err != nil {
		return nil, err
	}
	p, err := s.Products.Undelete(ctx, org, req.GetId(), version)
	if err != nil {
		return nil, err
	}
	return &catalogv1.UndeleteProductResponse{Product: publish.Product(p)}, nil
}
