package deal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/services/deals/internal/deal"
)

// CON-16: parties that followed two merges are back when both are undone, whichever is told of first.
func TestPartiesComeBackInAnyOrder(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	party := func(id string) deal.Party { return deal.Party{Kind: deal.KindContact, ID: id, Role: "adviser"} }
	was := []deal.Party{party("b1"), party("b2"), party("c1")}
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		d := &deal.Deal{Parties: was}
		var before, after [2]deal.Clientele
		for i, merge := range [][][2]string{{{"b1", "a1"}, {"c1", "a1"}}, {{"b2", "a2"}}} {
			before[i] = d.Clientele()
			for _, m := range merge {
				d.Follow(deal.KindContact, m[0], m[1], now)
			}
			after[i] = d.Clientele()
		}
		require.Equal(t, []deal.Party{party("a1"), party("a2")}, d.Parties)
		for _, i := range order {
			d.Return(before[i], after[i], now)
		}
		require.Equal(t, was, d.Parties, "%v", order)
	}
}
