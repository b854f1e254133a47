package api

import (
	"context"

	"kontor.internal/libs/event"
	"kontor.internal/libs/history"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/store"
)

// list is what chooses the list price of a product.
type list struct{ base, currency string }

func (s *Products) list(ctx context.Context, org string) (list, error) {
	base, err := s.PriceTypes.Base(ctx, org)
	return list{base: base, currency: s.Settings(org).Base}, err
}

// BatchGetProducts see the contract.
func (s *Products) BatchGetProducts(ctx context.Context, req *catalogv1.BatchGetProductsRequest) (*catalogv1.BatchGetProductsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	l, err := s.list(ctx, org)
	if err != nil {
		return nil, err
	}
	found, err := s.Store.Batch(ctx, org, req.GetIds())
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.BatchGetProductsResponse{Products: make([]*catalogv1.ProductSummary, len(found))}
	for i, p := range found {
		resp.Products[i] = publish.Summary(p, l.base, l.currency)
	}
	return resp, nil
}

// LookupProducts see the contract.
func (s *Products) LookupProducts(ctx context.Context, req *catalogv1.LookupProductsRequest) (*catalogv1.LookupProductsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	l, err := s.list(ctx, org)
	if err != nil {
		return nil, err
	}
	by := store.ByName
	switch req.GetBy() {
	case catalogv1.LookupProductsRequest_BY_SKU:
		by = store.BySKU
	case catalogv1.LookupProductsRequest_BY_EXTERNAL_ID:
		by = store.ByExternalID
	case catalogv1.LookupProductsRequest_BY_NAME, catalogv1.LookupProductsRequest_BY_UNSPECIFIED:
	}
	found, err := s.Store.Lookup(ctx, org, by, req.GetSource(), req.GetKeys())
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.LookupProductsResponse{}
	for _, key := range req.GetKeys() {
		products, ok := found[key]
		if !ok {
			continue
		}
		m := &catalogv1.LookupProductsResponse_Match{Key: key}
		for _, p := range products {
			m.Products = append(m.Products, publish.Summary(p, l.base, l.currency))
		}
		resp.Matches = append(resp.Matches, m)
		delete(found, key) // a key asked for twice is answered once
	}
	return resp, nil
}

// SearchProducts see the contract.
func (s *Products) SearchProducts(ctx context.Context, req *catalogv1.SearchProductsRequest) (*catalogv1.SearchProductsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	l, err := s.list(ctx, org)
	if err != nil {
		return nil, err
	}
	hits, err := s.Store.Search(ctx, org, req.GetQuery(), pageSize(req.GetPageSize(), 20, 100))
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.SearchProductsResponse{Hits: make([]*catalogv1.SearchProductsResponse_Hit, len(hits))}
	for i, h := range hits {
		resp.Hits[i] = &catalogv1.SearchProductsResponse_Hit{Product: publish.Summary(h.Product, l.base, l.currency), Field: h.Field, Score: h.Score}
	}
	return resp, nil
}

// GetProductHistory see the contract.
func (s *Products) GetProductHistory(ctx context.Context, req *catalogv1.GetProductHistoryRequest) (*catalogv1.GetProductHistoryResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.Products.Get(ctx, org, req.GetId()); err != nil {
		return nil, err
	}
	entries, next, err := history.Page(req, func(before int64, limit int) ([]event.Event, error) {
		return store.Revisions(ctx, s.DB, org, publish.KindProduct, req.GetId(), before, limit)
	})
	if err != nil {
		return nil, err
	}
	return &catalogv1.GetProductHistoryResponse{Entries: entries, NextPageToken: next}, nil
}

// PreviewProductImport see the contract.
func (s *Products) PreviewProductImport(
	ctx context.Context, req *catalogv1.PreviewProductImportRequest,
) (*catalogv1.PreviewProductImportResponse, error) {
	p, err := s.Preview(ctx, publish.KindProduct, req)
	if err != nil {
		return nil, err
	}
	return &catalogv1.PreviewProductImportResponse{Preview: p}, nil
}

// ImportProducts see the contract.
func (s *Products) ImportProducts(ctx context.Context, req *catalogv1.ImportProductsRequest) (*catalogv1.ImportProductsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.Import(ctx, req.GetFileId(), req.GetMapping(), req.GetDryRun())
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, org, id)
	if err != nil {
		return nil, err
	}
	return &catalogv1.ImportProductsResponse{Operation: op}, nil
}
