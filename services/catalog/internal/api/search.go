package api

import (
	"context"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/search"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/store"
)

// Search serves the SearchService of this context.
type Search struct {
	catalogv1.UnimplementedSearchServiceServer

	Store *store.Products
}

// Search see the contract. Nobody answers for products: who sees not all of them sees none.
func (s *Search) Search(ctx context.Context, req *searchv1.SearchRequest) (*searchv1.SearchResponse, error) {
	if !authz.For(ctx, publish.KindProduct, optionsv1.Action_ACTION_VIEW).All() {
		return &searchv1.SearchResponse{}, nil
	}
	who := authn.MustFrom(ctx)
	v := search.Viewer{OrganizationID: who.OrganizationID, UserID: who.UserID, Scope: authz.All()}
	return search.Serve(ctx, req, search.Parse(req.GetQuery()), "catalog", s.Store.SearchPart(v))
}
