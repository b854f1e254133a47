package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
	"kontor.internal/services/deals/internal/deal"
)

// Parts of names, observers and products are found by their indexes, under row-level security too. That an operator is not
// leakproof does not matter as long as the query says of which organisation it is: the policy is then checked once, before
// any row. The database's own count of scans tells.
func TestIndexesServeUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, product := id.New(), id.New()
	w.service.Products = shop{product: {ID: product, Name: "Bolt", Offered: true, ListPrice: eur("2")}}
	w.fill(50_000, []string{ann, id.New()})
	rare := w.create(deal.Draft{Name: "Cooling for the Hamburg plant", ObserverIDs: []string{ann}, Lines: []deal.LineInput{
		{Line: deal.Line{ProductID: product}, NoPrice: true, NoQuantity: true, NoTaxRate: true},
	}})
	w.analyze("deals")
	list := func(filter string) func(deal.Caller) []string {
		return func(c deal.Caller) (ids []string) {
			deals, _, err := w.deals.List(w.ctx(), w.query(c), request{filter: filter})
			require.NoError(t, err)
			for _, d := range deals {
				ids = append(ids, d.ID)
			}
			return ids
		}
	}
	search := func(c deal.Caller) (ids []string) {
		hits, err := w.deals.Search(w.ctx(), w.query(c), "Hamburk plant", 5)
		require.NoError(t, err)
		for _, h := range hits {
			ids = append(ids, h.ID)
		}
		return ids
	}
	indexes := map[string]int64{"deals_name_trgm": 4, "deals_observers": 1, "deals_products": 1} // a search asks twice
	for index := range indexes {
		indexes[index] += w.scans(index)
	}
	for name, read := range map[string]func(deal.Caller) []string{
		"a part of a name": list(`name:"hamburg"`),
		"a word":           list(`hamburg`),
		"a search":         search,
		"an observer":      list(fmt.Sprintf(`observer_id = %q`, ann)),
		"a product":        list(fmt.Sprintf(`product_id = %q`, product)),
	} {
		require.Equal(t, []string{rare.ID}, read(w.boss()), name)
	}
	for index, want := range indexes {
		require.Eventually(t, func() bool { return w.scans(index) >= want }, 30*time.Second, 200*time.Millisecond, index)
	}
	require.Equal(t, []string{rare.ID}, search(w.seller(ann)), "ID-6: what is observed is found")
	require.Empty(t, search(w.seller(id.New())), "ID-6: nothing beyond the scope")
}

// scans is how often an index has been used, as far as the database has counted.
func (w *world) scans(index string) int64 {
	w.t.Helper()
	var n int64
	require.NoError(w.t, w.db.System.Pool().QueryRow(w.t.Context(),
		`SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = $1`, index).Scan(&n))
	return n
}
