package store_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/store"
	"kontor.internal/services/deals/internal/views"
)

// rate tells what a currency is worth from a day on.
func (w *world) rate(currency, base, value string, day time.Time) {
	w.t.Helper()
	require.NoError(w.t, w.db.System.System(w.ctx(), func(ctx context.Context, tx pgx.Tx) error {
		return views.PutRate(ctx, tx, w.org, views.Rate{
			ID: id.New(), Currency: currency, BaseCurrency: base, Day: day, Rate: decimal.RequireFromString(value), Version: 1,
		})
	}))
}

// total is the sum of the board's columns in a base currency, and how many deals are not in it.
func (w *world) total(base string, group views.Group, filter string) (string, int64) {
	w.t.Helper()
	q := w.query(w.boss())
	q.BaseCurrency = base
	columns, err := w.deals.Board(w.ctx(), store.BoardQuery{Query: q, Pipeline: w.pipeline, Group: group, Filter: filter})
	require.NoError(w.t, err)
	sum, unrated := decimal.Zero, int64(0)
	for _, c := range columns {
		for _, s := range c.Sums {
			sum, unrated = sum.Add(s.Base), unrated+s.Unrated
		}
	}
	return sum.StringFixed(2), unrated
}

// CAT-3, DEAL-1: a changed base currency reckons the base amounts of all deals anew, by the rates of the day each was
// converted at; no sum mixes the two.
func TestBaseAmountsAreReckonedInANewBaseCurrency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	w.rate("USD", "EUR", "0.5", day(1))
	w.rate("EUR", "USD", "2", day(1))
	w.rate("EUR", "USD", "4", day(20)) // later than the first deals
	w.rate("EUR", "USD", "9", day(30))
	*w.clock = day(10).Add(time.Hour)
	early := w.create(deal.Draft{Name: "early", Amount: eur("100")})
	won := w.create(deal.Draft{Name: "won", Amount: eur("10")})
	_, err := w.service.Win(w.ctx(), w.boss(), won.ID, 0, "")
	require.NoError(t, err)
	binned := w.create(deal.Draft{Name: "in the bin", Amount: eur("1")})
	_, err = w.service.Delete(w.ctx(), w.boss(), binned.ID, 0)
	require.NoError(t, err)
	*w.clock = now
	late := w.create(deal.Draft{Name: "late", Amount: eur("1000")})
	dollars := w.create(deal.Draft{Name: "dollars", Amount: cash("USD", "30")})
	yen := w.create(deal.Draft{Name: "yen", Amount: cash("JPY", "900")})
	sum, unrated := w.total("EUR", views.ByStage, "")
	require.Equal(t, "1125.00", sum)
	require.EqualValues(t, 1, unrated)

	base := "EUR"
	r := &store.Rebaser{
		DB: w.db.App, System: w.db.System, Organizations: func() map[string]string { return map[string]string{w.org: base} },
		Clock: func() time.Time { return *w.clock }, Log: slog.New(slog.DiscardHandler),
	}
	require.NoError(t, r.Round(w.ctx()))
	for _, d := range []*deal.Deal{early, late, dollars, yen} {
		got, err := w.deals.Get(w.ctx(), w.org, d.ID)
		require.NoError(t, err)
		require.Equal(t, d.Version, got.Version, "nothing changes without a change")
	}

	base = "USD"
	for _, group := range []views.Group{views.ByStage, views.ByResponsible} { // nothing is reckoned yet, and nothing is mixed
		for _, filter := range []string{"state = OPEN OR state = WON", ""} {
			sum, _ := w.total(base, group, filter)
			require.Equal(t, "0.00", sum)
		}
	}
	require.NoError(t, r.Round(w.ctx()))
	for d, want := range map[*deal.Deal]string{early: "200.00", won: "20.00", binned: "2.00", late: "4000.00", dollars: "30.00", yen: ""} {
		got, err := w.deals.Get(w.ctx(), w.org, d.ID)
		require.NoError(t, err)
		if want == "" {
			require.Empty(t, got.Base.Currency, d.Name)
			continue
		}
		require.Equal(t, "USD", got.Base.Currency, d.Name)
		require.Equal(t, want, got.Base.Amount.StringFixed(2), d.Name)
		require.True(t, got.Amount.Equal(d.Amount), "what it was worth in its own money stays")
	}
	sum, unrated = w.total("USD", views.ByStage, "")
	require.Equal(t, "4250.00", sum)
	require.EqualValues(t, 1, unrated)
	byRows, _ := w.total("USD", views.ByStage, `name != "x"`)
	require.Equal(t, sum, byRows)
	old, _ := w.total("EUR", views.ByStage, "")
	require.Equal(t, "0.00", old)

	// A process that had not heard of it yet wrote in the old currency: found when all must have heard.
	straggler := w.create(deal.Draft{Name: "straggler", Amount: eur("5")}) // the world's settings still say EUR
	require.NoError(t, r.Round(w.ctx()))
	got, err := w.deals.Get(w.ctx(), w.org, straggler.ID)
	require.NoError(t, err)
	require.Equal(t, "EUR", got.Base.Currency)
	*w.clock = now.Add(2 * time.Minute)
	require.NoError(t, r.Round(w.ctx()))
	got, err = w.deals.Get(w.ctx(), w.org, straggler.ID)
	require.NoError(t, err)
	require.Equal(t, "USD", got.Base.Currency)

	// Each change is told of once.
	var events, versions int64
	require.NoError(t, w.db.System.Pool().QueryRow(t.Context(),
		`SELECT count(*), (SELECT sum(version) FROM deals) FROM events WHERE kind = 'deal'`).Scan(&events, &versions))
	require.Equal(t, versions, events)
}
