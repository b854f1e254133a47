package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// CON-14: deals are found by name with mistakes and in other alphabets, and by their numbers in other systems; it is told where
// the hit is; only what the caller sees, and nothing from the bin.
func TestSearchOfDeals(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	find := func(user, typed string) []*searchv1.Hit {
		resp, err := s.search.Search(s.as(user), &searchv1.SearchRequest{Query: typed, Patient: true})
		require.NoError(t, err, typed)
		return resp.GetHits()
	}
	printer := s.create(s.ann, &dealsv1.Deal{Name: "Printers for Ivanov", ExternalIds: []*typev1.ExternalId{{Source: "shop", Id: "R-2026/0815"}}})
	s.create(s.bob, &dealsv1.Deal{Name: "Лизинг грузовиков"})
	gone := s.create(s.ann, &dealsv1.Deal{Name: "Zeppelin"})
	_, err := s.deals.DeleteDeal(s.as(s.ann), &dealsv1.DeleteDealRequest{Id: gone.GetId()})
	require.NoError(t, err)
	for typed, want := range map[string]struct{ title, field string }{
		"printers": {"Printers for Ivanov", "name"}, "ivanov prin": {"Printers for Ivanov", "name"}, "pritners": {"Printers for Ivanov", "name"},
		"Иванов": {"Printers for Ivanov", "name"}, "r2026 0815": {"Printers for Ivanov", "external_ids"}, "gruzovikov": {"Лизинг грузовиков", "name"},
	} {
		hits := find(s.boss, typed)
		require.NotEmpty(t, hits, typed)
		require.Equal(t, want.title, hits[0].GetTitle(), typed)
		require.Equal(t, "deal", hits[0].GetKind())
		require.Equal(t, want.field, hits[0].GetMatches()[0].GetField(), typed)
	}
	require.Equal(t, printer.GetId(), find(s.ann, "printers")[0].GetId())
	require.Empty(t, find(s.bob, "printers"), "it is Ann's")
	require.Empty(t, find(s.boss, "zeppelin"), "it is in the bin")
	require.Empty(t, find(s.boss, "helicopter"))
}
