package api

import (
	"context"

	"kontor.internal/libs/search"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// Searcher looks for what is typed in all kinds of records.
type Searcher interface {
	SearchParts(contacts, companies, leads record.Caller, q search.Query, phones []string) []search.Part
}

type searchServer struct {
	contactsv1.UnimplementedSearchServiceServer
	*Server
}

// Search see the contract.
func (s *searchServer) Search(ctx context.Context, req *searchv1.SearchRequest) (*searchv1.SearchResponse, error) {
	contacts := s.viewer(ctx, record.Contact)
	org, _ := s.Directory.Organization(contacts.OrganizationID)
	q := search.Parse(req.GetQuery())
	digits, international := q.Digits()
	parts := s.Searcher.SearchParts(contacts, s.viewer(ctx, record.Company), s.viewer(ctx, record.Lead), q,
		reach.Beginnings(digits, international, org.Country))
	return search.Serve(ctx, req, q, "contacts", parts...)
}
