package app_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
)

// contactsFound and dealsFound stand for the search of two services; catalog and identity have none, as if away.
type contactsFound struct {
	contactsv1.UnimplementedSearchServiceServer
}

func (contactsFound) Search(_ context.Context, req *searchv1.SearchRequest) (*searchv1.SearchResponse, error) {
	if req.GetQuery() == "refused" {
		return nil, status.Error(codes.InvalidArgument, "refused")
	}
	return &searchv1.SearchResponse{Hits: []*searchv1.Hit{
		{Kind: "contact", Id: "c1", Title: "Ann", Score: 0.5}, {Kind: "contact", Id: "c2", Title: "Anna", Score: 0.9},
	}}, nil
}

type dealsFound struct {
	dealsv1.UnimplementedSearchServiceServer
}

func (dealsFound) Search(ctx context.Context, req *searchv1.SearchRequest) (*searchv1.SearchResponse, error) {
	if req.GetQuery() == "slow" {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return &searchv1.SearchResponse{Hits: []*searchv1.Hit{{Kind: "deal", Id: "d1", Title: "Anvil", Score: 0.7}}, Incomplete: []string{"deals"}}, nil
}

// CON-14: services are asked at once and merged by score; one that is away, slow or half done is named and keeps nobody waiting.
func TestSearchMergesWhatServicesFind(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	find := func(query string) (ids, incomplete []string) {
		a := b.do(http.MethodGet, "/v1/search?"+query, "")
		require.Equal(t, http.StatusOK, a.StatusCode, a.body)
		var found struct {
			Hits []struct {
				ID string `json:"id"`
			} `json:"hits"`
			Incomplete []string `json:"incomplete"`
		}
		require.NoError(t, json.Unmarshal([]byte(a.body), &found))
		for _, h := range found.Hits {
			ids = append(ids, h.ID)
		}
		return ids, found.Incomplete
	}
	ids, incomplete := find("q=an&patient=true")
	require.Equal(t, []string{"c2", "d1", "c1"}, ids)
	require.Equal(t, []string{"catalog", "deals", "identity"}, incomplete)
	ids, _ = find("q=an&pageSize=1&patient=true")
	require.Equal(t, []string{"c2"}, ids)
	for range 12 { // more than the breaker lets fail
		began := time.Now()
		_, incomplete = find("q=slow")
		require.Contains(t, incomplete, "deals")
		require.Less(t, time.Since(began), time.Second)
	}
	ids, _ = find("q=an&patient=true")
	require.Contains(t, ids, "d1", "a search in a hurry does not keep others from the service")
	require.Equal(t, http.StatusBadRequest, b.do(http.MethodGet, "/v1/search?q=refused&patient=true", "").StatusCode)
}
