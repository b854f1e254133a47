package rest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
)

// How long a search waits for a service (decision 22): for suggestions, and for a page of results.
const (
	suggestWithin = 80 * time.Millisecond
	answerWithin  = 2 * time.Second
)

const standardHits, mostHits = 20, 100

// searches asks every service that has something to find.
type searches map[string]searchv1.SearchServiceClient

func newSearches(s Services) searches {
	return searches{
		"identity": identityv1.NewSearchServiceClient(s.Identity),
		"contacts": contactsv1.NewSearchServiceClient(s.Contacts),
		"catalog":  catalogv1.NewSearchServiceClient(s.Catalog),
		"deals":    dealsv1.NewSearchServiceClient(s.Deals),
	}
}

// Search see [searchv1.SearchServiceClient]. A service that does not answer in time, or not at all, is named instead of
// its hits. What is wrong with the request itself is told.
func (s searches) Search(ctx context.Context, req *searchv1.SearchRequest, _ ...grpc.CallOption) (*searchv1.SearchResponse, error) {
	within := suggestWithin
	if req.GetPatient() {
		within = answerWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var wait sync.WaitGroup
	var mu sync.Mutex
	all := &searchv1.SearchResponse{}
	var refused error
	for name, c := range s {
		wait.Go(func() {
			resp, err := c.Search(ctx, req) // options that note headers are good for one call
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				all.Hits = append(all.Hits, resp.GetHits()...)
				all.Incomplete = append(all.Incomplete, resp.GetIncomplete()...)
			case callersFault(err):
				refused = err
			default:
				all.Incomplete = append(all.Incomplete, name)
			}
		})
	}
	wait.Wait()
	if refused != nil {
		return nil, refused
	}
	slices.Sort(all.GetIncomplete())
	slices.SortFunc(all.GetHits(), func(a, b *searchv1.Hit) int {
		return cmp.Or(cmp.Compare(b.GetScore(), a.GetScore()), cmp.Compare(a.GetTitle(), b.GetTitle()), cmp.Compare(a.GetId(), b.GetId()))
	})
	most := standardHits
	if n := int(req.GetPageSize()); n > 0 {
		most = min(n, mostHits)
	}
	all.Hits = all.GetHits()[:min(len(all.GetHits()), most)]
	return all, nil
}

// callersFault reports whether no service would answer the call, because of who calls or what is asked.
func callersFault(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.Unauthenticated, codes.PermissionDenied:
		return true
	default:
		return false
	}
}
