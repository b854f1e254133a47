package api

import (
	"context"

	"kontor.internal/libs/search"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
)

// SearchServer serves the SearchService of this context.
type SearchServer struct {
	dealsv1.UnimplementedSearchServiceServer

	Server *Server
}

// Search see the contract.
func (s *SearchServer) Search(ctx context.Context, req *searchv1.SearchRequest) (*searchv1.SearchResponse, error) {
	return search.Serve(ctx, req, search.Parse(req.GetQuery()), "deals", s.Server.Store.SearchPart(s.Server.query(ctx, false)))
}
