package api

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	"kontor.internal/libs/aip"
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

// ListProductHistory see the contract.
func (s *Products) ListProductHistory(ctx context.Context, req *catalogv1.ListProductHistoryRequest) (*catalogv1.ListProductHistoryResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.Products.Get(ctx, org, req.GetId()); err != nil {
		return nil, err
	}
	// The token is the version that the last page ended with.
	var before int64
	if t := req.GetPageToken(); t != "" {
		if before, err = strconv.ParseInt(t, 10, 64); err != nil || before < 1 {
			return nil, aip.ErrPageToken
		}
	}
	size := pageSize(req.GetPageSize(), 50, 500)
	evs, err := store.Revisions(ctx, s.DB, org, publish.KindProduct, req.GetId(), before, size+1)
	if err != nil {
		return nil, err
	}
	resp := &catalogv1.ListProductHistoryResponse{}
	if len(evs) > size {
		evs = evs[:size]
		resp.NextPageToken = strconv.FormatInt(evs[size-1].Version, 10)
	}
	for _, ev := range evs {
		msg, err := publish.Decode(ev)
		if err != nil {
			return nil, err
		}
		r := &catalogv1.ProductRevision{
			Version: ev.Version, Type: ev.Type, HappenTime: timestamppb.New(ev.HappenedAt), Actor: ev.Actor, Cause: ev.Cause,
		}
		if m, ok := msg.(interface{ GetProduct() *catalogv1.Product }); ok {
			r.Product = m.GetProduct()
		}
		if m, ok := msg.(*catalogv1.ProductUpdated); ok {
			r.ChangedFields = m.GetUpdateMask().GetPaths()
		}
		resp.Revisions = append(resp.Revisions, r)
	}
	return resp, nil
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
