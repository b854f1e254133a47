package store_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/id"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/views"
)

func (w *world) names(c deal.Caller, filter, order string) []string {
	w.t.Helper()
	deals, _, err := w.deals.List(w.ctx(), w.query(c), request{filter: filter, order: order})
	require.NoError(w.t, err, filter)
	var out []string
	for _, d := range deals {
		out = append(out, d.Name)
	}
	return out
}

// Every list is paged at 1, n−1, n and n+1, in both directions of every order: nothing is lost or seen twice.
func TestPaging(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 7
	for i := range n {
		d := deal.Draft{Name: fmt.Sprintf("Deal %d", i%3), Amount: eur(strconv.Itoa(i % 2))}
		if i%2 == 0 {
			d.PlannedClose = time.Date(2026, 12, 1+i%3, 0, 0, 0, 0, time.UTC)
		}
		w.create(d)
	}
	for _, order := range []string{
		"", "name", "name desc", "amount desc, name", "planned_close_date", "planned_close_date desc", "close_time desc",
		"create_time", "stage_enter_time desc", "probability, amount desc", "base_amount", "update_time desc",
	} {
		for _, size := range []int32{1, n - 1, n, n + 1} {
			t.Run(fmt.Sprintf("%s by %d", order, size), func(t *testing.T) {
				seen := map[string]bool{}
				req := request{order: order, size: size}
				for pages := 0; ; pages++ {
					require.LessOrEqual(t, pages, n)
					deals, next, err := w.deals.List(w.ctx(), w.query(w.boss()), req)
					require.NoError(t, err)
					for _, d := range deals {
						require.False(t, seen[d.ID], "seen twice")
						seen[d.ID] = true
					}
					if req.token = next; next == "" {
						break
					}
				}
				require.Len(t, seen, n)
			})
		}
	}
}

// A page token is good for the query it came from, and for the caller it was given to.
func TestPageTokenIsBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(deal.Draft{})
	w.create(deal.Draft{})
	_, next, err := w.deals.List(w.ctx(), w.query(w.boss()), request{size: 1})
	require.NoError(t, err)
	_, _, err = w.deals.List(w.ctx(), w.query(w.boss()), request{size: 1, token: next, filter: `name = "x"`})
	require.ErrorIs(t, err, aip.ErrPageToken)
	_, _, err = w.deals.List(w.ctx(), w.query(w.seller(id.New())), request{size: 1, token: next})
	require.ErrorIs(t, err, aip.ErrPageToken)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob, company, product := id.New(), id.New(), id.New(), id.New()
	w.service.Products = shop{product: {ID: product, Name: "Bolt", Offered: true, ListPrice: eur("2")}}
	a := w.create(deal.Draft{
		Name: "Alpha 50%", ResponsibleID: ann, Amount: eur("100"), CompanyID: company, Source: "fair",
		PlannedClose: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), ExternalIDs: []deal.ExternalID{{Source: "shop", ID: "77"}},
	})
	b := w.create(deal.Draft{
		Name: "Beta", ResponsibleID: bob, ObserverIDs: []string{ann}, Type: "service",
		PlannedClose: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Lines:        []deal.LineInput{{Line: deal.Line{ProductID: product}, NoPrice: true, NoQuantity: true, NoTaxRate: true}},
	})
	c := w.create(deal.Draft{Name: "Gamma", ResponsibleID: bob, Amount: cash("JPY", "900")})
	_, err := w.service.Win(w.ctx(), w.boss(), c.ID, 0, "")
	require.NoError(t, err)

	for filter, want := range map[string][]string{
		``:                            {"Alpha 50%", "Beta", "Gamma"},
		`state = OPEN`:                {"Alpha 50%", "Beta"},
		`state = WON OR state = LOST`: {"Gamma"},
		`responsible_id = "` + ann + `" OR responsible_id = "` + bob + `"`: {"Alpha 50%", "Beta", "Gamma"},
		`responsible_id = "` + bob + `" AND state = OPEN`:                  {"Beta"},
		`company_id = "` + company + `"`:                                   {"Alpha 50%"},
		`company_id = ""`:                                                  {"Beta", "Gamma"},
		`product_id = "` + product + `"`:                                   {"Beta"},
		`observer_id = "` + ann + `"`:                                      {"Beta"},
		`amount >= 100`:                                                    {"Alpha 50%", "Gamma"},
		`currency = "JPY"`:                                                 {"Gamma"},
		`base_amount = ""`:                                                 {"Gamma"},
		`overdue = true`:                                                   {"Alpha 50%"},
		`overdue = false`:                                                  {"Beta", "Gamma"},
		`planned_close_date >= "2026-11-15"`:                               {"Beta"},
		`create_time = "2026-11-21"`:                                       {"Alpha 50%", "Beta", "Gamma"},
		`close_time >= "2026-11-21"`:                                       {"Gamma"},
		`name:"50%"`:                                                       {"Alpha 50%"},
		`name:"ALPHA"`:                                                     {"Alpha 50%"},
		`NOT type = "sale"`:                                                {"Beta"},
		`source = "fair"`:                                                  {"Alpha 50%"},
		`external_id = "77"`:                                               {"Alpha 50%"},
		`external_ids.shop = "77"`:                                         {"Alpha 50%"},
		`external_ids.mill = "77"`:                                         nil,
		`stage_id = "` + w.stage("Won") + `"`:                              {"Gamma"},
		`pipeline_id = "` + w.pipeline.ID + `"`:                            {"Alpha 50%", "Beta", "Gamma"},
		`id = "` + a.ID + `" OR id = "` + b.ID + `"`:                       {"Alpha 50%", "Beta"},
	} {
		require.Equal(t, want, w.names(w.boss(), filter, "name"), filter)
		n, more, err := w.deals.Count(w.ctx(), w.query(w.boss()), filter)
		require.NoError(t, err)
		require.Equal(t, int64(len(want)), n, filter)
		require.False(t, more)
	}
	for _, wrong := range []string{`nope = 1`, `amount = "x"`, `overdue = maybe`, `state = NEW`, `product_id = "x"`, `stage_id < "x"`} {
		_, _, err := w.deals.List(w.ctx(), w.query(w.boss()), request{filter: wrong})
		require.ErrorIs(t, err, aip.ErrFilter, wrong)
	}
}

// ID-6: lists, counts and searches show the scope, and on top of it what is observed or available to everyone.
func TestListsHonourScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob := id.New(), id.New()
	w.create(deal.Draft{Name: "hers", ResponsibleID: ann})
	w.create(deal.Draft{Name: "his", ResponsibleID: bob})
	w.create(deal.Draft{Name: "his, watched", ResponsibleID: bob, ObserverIDs: []string{ann}})
	w.create(deal.Draft{Name: "his, for all", ResponsibleID: bob, AvailableToEveryone: true})

	require.Equal(t, []string{"hers", "his, for all", "his, watched"}, w.names(w.seller(ann), "", "name"))
	n, _, err := w.deals.Count(w.ctx(), w.query(w.seller(ann)), "")
	require.NoError(t, err)
	require.Equal(t, int64(3), n)
	hits, err := w.deals.Search(w.ctx(), w.query(w.seller(ann)), "his", 10)
	require.NoError(t, err)
	require.Len(t, hits, 2)
	none := w.seller(ann)
	none.View = authz.None()
	require.Empty(t, w.names(none, "", ""))
}

func TestSearchFindsByNameSlipAndExternalID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(deal.Draft{Name: "Cooling for the Hamburg plant"})
	w.create(deal.Draft{Name: "Other", ExternalIDs: []deal.ExternalID{{Source: "shop", ID: "S-100"}}})
	for _, text := range []string{"hamburg", "Hamburk plant", "burg"} {
		hits, err := w.deals.Search(w.ctx(), w.query(w.boss()), text, 10)
		require.NoError(t, err)
		require.Len(t, hits, 1, text)
	}
	hits, err := w.deals.Search(w.ctx(), w.query(w.boss()), "S-100", 10)
	require.NoError(t, err)
	require.Len(t, hits, 1)
	require.InDelta(t, 1, hits[0].Score, 0.001)
}

// DEAL-2: each organisation has the ready-made pipeline once, however many ask for it first.
func TestReadyMadePipelineIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 5 {
		require.NoError(t, w.pipelines.EnsureReady(w.ctx(), w.org))
	}
	ps, _, err := w.pipes.List(w.ctx(), w.org, time.UTC, false, request{})
	require.NoError(t, err)
	require.Len(t, ps, 1)
	var names []string
	for _, s := range ps[0].Stages {
		names = append(names, s.Name)
	}
	require.Equal(t, []string{"New", "Information", "Proposal", "Negotiation", "Won", "Lost"}, names)
}

func TestNamesAreGuardedByVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	company := id.New()
	for _, n := range []views.Name{
		{Kind: "company", ID: company, Name: "Second", Version: 2},
		{Kind: "company", ID: company, Name: "First", Version: 1},
	} {
		w.put(n)
	}
	names, err := w.deals.Names(w.ctx(), w.org, []string{company, id.New()})
	require.NoError(t, err)
	require.Equal(t, map[string]string{company: "Second"}, names)
}
