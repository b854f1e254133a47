package api

import (
	"context"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/search"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
)

type finder struct {
	identityv1.UnimplementedSearchServiceServer
}

// emails is the weight of a hit in an address against one in a name.
const emails = 0.9

// Search see the contract. Users are compared one by one: the directory has them in memory, and an organisation has
// thousands of them at most.
func (finder) Search(ctx context.Context, req *searchv1.SearchRequest) (*searchv1.SearchResponse, error) {
	directory := authz.DirectoryFrom(ctx)
	if directory == nil || !search.Wants(req, "user") {
		return &searchv1.SearchResponse{}, nil
	}
	q, visible := search.Parse(req.GetQuery()), authz.For(ctx, "user", optionsv1.Action_ACTION_VIEW)
	var hits []search.Hit
	for _, u := range directory.Users(authn.MustFrom(ctx).OrganizationID) {
		if !visible.Allows(u.ID) || u.ServiceAccount {
			continue
		}
		r := search.Record{ID: u.ID, Subtitle: u.Email, Fields: []search.Field{
			{Name: "name", Text: u.Name, Weight: 1}, {Name: "emails", Text: u.Email, Weight: emails},
		}}
		if score, matches := q.Score(r.Fields); score > 0 {
			hits = append(hits, search.Hit{Record: r, Kind: "user", Score: score, Matches: matches})
		}
	}
	return &searchv1.SearchResponse{Hits: search.Told(search.Best(hits, search.Limit(req)))}, nil
}
