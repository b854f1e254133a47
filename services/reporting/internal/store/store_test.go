package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/testkit"
	"kontor.internal/services/reporting/internal/report"
	"kontor.internal/services/reporting/internal/store"
	"kontor.internal/services/reporting/internal/store/migrations"
	"kontor.internal/services/reporting/internal/views"
)

type bundle struct {
	*store.Store

	app, system     *pg.DB
	org, pipeline   string
	first, second   string // open stages
	won, lost       string
	anna, bert      string
	selection       report.Selection
	now             time.Time
	company, gadget string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	db := testkit.Postgres(t, "reporting", migrations.Files)
	b := &bundle{
		app: db.App, system: db.System, org: id.New(), pipeline: id.New(), first: id.New(), second: id.New(), won: id.New(),
		lost: id.New(), anna: id.New(), bert: id.New(), company: id.New(), gadget: id.New(),
		now: time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC),
	}
	b.Store = &store.Store{DB: db.App, System: db.System, Consumer: "reporting", Now: func() time.Time { return b.now }}
	b.selection = report.Selection{Organization: b.org, UserID: b.anna, Scope: authz.All(), BaseCurrency: "EUR", PipelineID: b.pipeline, Location: time.UTC}
	b.put(t, func(ctx context.Context, tx pgx.Tx) error {
		return views.PutPipeline(ctx, tx, b.org, views.Pipeline{ID: b.pipeline, Version: 1, Name: "Sales", Stages: []views.Stage{
			{ID: b.first, Name: "New", Kind: 1},
			{ID: b.second, Name: "Proposal", Kind: 1},
			{ID: b.won, Name: "Won", Kind: 2},
			{ID: b.lost, Name: "Lost", Kind: 3},
		}})
	})
	return b
}

// put runs fn as the consumer does: one organisation, as the application.
func (b *bundle) put(t *testing.T, fn func(ctx context.Context, tx pgx.Tx) error) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), b.app.Pool(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT set_config('kontor.organization', $1, true)`, b.org); err != nil {
			return err
		}
		return fn(t.Context(), tx)
	}))
}

func (b *bundle) deal(t *testing.T, d views.Deal, target views.Target) {
	t.Helper()
	b.put(t, func(ctx context.Context, tx pgx.Tx) error {
		return views.PutDeals(ctx, tx, b.org, target, []*views.Deal{&d})
	})
}

func (b *bundle) open(version int64, dealID, stage, responsible string, amount int64) views.Deal {
	base := decimal.NewFromInt(amount)
	begin := b.now.AddDate(0, -1, 0)
	return views.Deal{
		ID: dealID, Version: version, Name: "Deal", PipelineID: b.pipeline, StageID: stage, State: views.Open,
		ResponsibleID: &responsible, Amount: base, Currency: "EUR", BaseAmount: &base, BaseCurrency: "EUR", BeginAt: &begin,
		Change: &views.StageChange{ToStageID: stage},
	}
}

func (b *bundle) counts(t *testing.T, sel report.Selection) map[string]int64 {
	t.Helper()
	got, err := b.StageCounts(t.Context(), sel)
	require.NoError(t, err)
	out := map[string]int64{}
	for _, c := range got {
		out[c.StageID] = c.Deals
	}
	return out
}

// REP-1: an event counts once, in whatever order and however often it comes.
func TestFactsTakeEachVersionOnce(t *testing.T) {
	b := setup(t)
	d := id.New()
	v1 := b.open(1, d, b.first, b.anna, 100)
	v2 := b.open(2, d, b.second, b.anna, 100)
	v2.Change.FromStageID = &b.first
	for _, e := range []views.Deal{v1, v2, v1, v2, v2} {
		b.deal(t, e, views.Live)
	}
	require.Equal(t, map[string]int64{b.second: 1}, b.counts(t, b.selection))

	other := id.New()
	v1, v2 = b.open(1, other, b.first, b.bert, 50), b.open(2, other, b.second, b.bert, 50)
	v2.Change.FromStageID = &b.first
	b.deal(t, v2, views.Live)
	b.deal(t, v1, views.Live) // late: its change of stage is kept, the fact is not
	require.Equal(t, map[string]int64{b.second: 2}, b.counts(t, b.selection))
	reached, err := b.Reached(t.Context(), b.selection)
	require.NoError(t, err)
	require.Equal(t, []report.Reached{{StageID: b.second, Deals: 2}}, reached)
}

// REP-1, REP-13: the roll-up says what a plain count says, before and after folding, whatever happened.
func TestRollUpEqualsPlainCount(t *testing.T) {
	b := setup(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	stages, users := []string{b.first, b.second, b.won, b.lost}, []string{b.anna, b.bert}
	versions := map[string]int64{}
	var ids []string
	for range 30 {
		ids = append(ids, id.New())
	}
	for i := range 400 {
		d := ids[rnd.IntN(len(ids))]
		versions[d]++
		stage := rnd.IntN(4)
		e := b.open(versions[d], d, stages[stage], users[rnd.IntN(2)], rnd.Int64N(1000))
		e.State = int16(max(1, stage))
		e.Deleted = rnd.IntN(10) == 0
		if rnd.IntN(5) == 0 {
			e.BaseAmount, e.BaseCurrency, e.Currency = nil, "", "JPY"
		}
		if rnd.IntN(5) == 0 {
			e.ObserverIDs = []string{b.anna}
		}
		e.AvailableToEveryone = rnd.IntN(7) == 0
		b.deal(t, e, views.Live)
		if i%100 == 99 {
			require.NoError(t, b.system.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				_, err := views.Fold(ctx, tx)
				return err
			}))
		}
	}
	for _, scope := range []authz.Scope{authz.All(), authz.Of(b.anna), authz.None()} {
		rolled := b.selection
		rolled.Scope = scope
		plain := rolled
		plain.Filter = `name = "Deal"` // asks the facts
		want, err := b.StageCounts(t.Context(), plain)
		require.NoError(t, err)
		got, err := b.StageCounts(t.Context(), rolled)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(want), fmt.Sprint(got))
	}
	var rows int
	require.NoError(t, b.system.Pool().QueryRow(t.Context(), `SELECT count(*) FROM stage_totals`).Scan(&rows))
	require.Less(t, rows, 400, "nothing was folded")
}

// REP-1: facts are rebuilt beside those that serve, and take over when every source has ended.
func TestRebuildServesOldFactsUntilItEnds(t *testing.T) {
	b := setup(t)
	wrong := b.open(1, id.New(), b.first, b.anna, 999) // what a bug has left behind
	b.deal(t, wrong, views.Live)
	right := b.open(1, id.New(), b.first, b.anna, 10)

	system := func(fn func(ctx context.Context, tx pgx.Tx) error) {
		t.Helper()
		require.NoError(t, b.system.System(t.Context(), fn))
	}
	system(func(ctx context.Context, tx pgx.Tx) error {
		_, err := views.StartRebuild(ctx, tx, []string{"kontor.deals/0", "kontor.deals/1"})
		return err
	})
	require.ErrorIs(t, b.system.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := views.StartRebuild(ctx, tx, []string{"kontor.deals/0"})
		return err
	}), views.ErrUnderWay)

	b.deal(t, right, views.Replayed)
	live := b.open(1, id.New(), b.second, b.bert, 20)
	b.deal(t, live, views.Live) // reaches both
	require.Equal(t, map[string]int64{b.first: 1, b.second: 1}, b.counts(t, b.selection))

	end := func(part string) {
		system(func(ctx context.Context, tx pgx.Tx) error { return views.EndReplay(ctx, tx, part) })
	}
	end("kontor.deals/0")
	end("kontor.deals/0") // twice, after a crash
	sum := func() string {
		t.Helper()
		c, err := b.StageCounts(t.Context(), b.selection)
		require.NoError(t, err)
		total := decimal.Zero
		for _, s := range c {
			total = total.Add(s.Sum)
		}
		return total.String()
	}
	require.Equal(t, "1019", sum())
	end("kontor.deals/1")
	require.Equal(t, "30", sum())
	system(func(ctx context.Context, tx pgx.Tx) error {
		more, err := views.Sweep(ctx, tx)
		require.False(t, more)
		return err
	})
	var left int
	require.NoError(t, b.system.Pool().QueryRow(t.Context(), `SELECT count(DISTINCT generation) FROM deal_facts`).Scan(&left))
	require.Equal(t, 1, left)
}

// REP-9, ID-6: what is out of scope is in no group, no list and no total.
func TestScopeHoldsEverywhere(t *testing.T) {
	b := setup(t)
	for i, who := range []string{b.anna, b.bert, b.bert} {
		d := b.open(1, id.New(), b.won, who, int64(100*(i+1)))
		closed, planned := b.now.AddDate(0, 0, -1), b.now.AddDate(0, 0, -3)
		d.State, d.ClosedAt, d.CompanyID = views.Won, &closed, &b.company
		d.Lines = []views.Line{{ProductID: &b.gadget, Name: "Gadget", Quantity: decimal.NewFromInt(1), Total: d.Amount}}
		b.deal(t, d, views.Live)
		o := b.open(1, id.New(), b.first, who, 7)
		o.PlannedClose = &planned
		b.deal(t, o, views.Live)
	}
	sel := b.selection
	sel.Scope = authz.Of(b.anna)
	for by := report.ByResponsible; by <= report.ByCurrency; by++ {
		groups, err := b.Groups(t.Context(), sel, by, 10)
		require.NoError(t, err)
		won := decimal.Zero
		for _, g := range groups {
			won = won.Add(g.WonSum)
		}
		require.Equal(t, "100", won.String(), "grouped by %d", by)
	}
	sel.Only = report.WonOnly
	deals, err := b.Deals(t.Context(), sel, 10)
	require.NoError(t, err)
	require.Len(t, deals, 1)
	sel.Scope = authz.None()
	deals, err = b.Deals(t.Context(), sel, 10)
	require.NoError(t, err)
	require.Empty(t, deals)
}

// INV of REP-3: income by product adds up to the income of the won deals, also of deals without lines.
func TestIncomeByProductAddsUp(t *testing.T) {
	b := setup(t)
	other := id.New()
	line := func(p *string, total int64) views.Line {
		return views.Line{ProductID: p, Name: "x", Quantity: decimal.NewFromInt(1), Total: decimal.NewFromInt(total)}
	}
	for _, lines := range [][]views.Line{
		{line(&b.gadget, 30), line(&other, 70)}, {line(&b.gadget, 50), line(nil, 50)}, nil, {line(&b.gadget, 0), line(&other, 0)},
	} {
		d := b.open(1, id.New(), b.won, b.anna, 100)
		d.State, d.Lines = views.Won, lines
		b.deal(t, d, views.Live)
	}
	groups, err := b.Groups(t.Context(), b.selection, report.ByProduct, 10)
	require.NoError(t, err)
	got := map[string]string{}
	for _, g := range groups {
		got[g.Key] = g.WonSum.Round(2).String()
	}
	require.Equal(t, map[string]string{b.gadget: "180", other: "70", "": "150"}, got)
}

// ID-1: another organisation's facts are not there.
func TestOrganisationsAreApart(t *testing.T) {
	b := setup(t)
	b.deal(t, b.open(1, id.New(), b.first, b.anna, 100), views.Live)
	sel := b.selection
	sel.Organization = id.New()
	require.Empty(t, b.counts(t, sel))
}

// ID-6: whoever observes a deal sees it in lists, and so in every group, list, sum and stage; others do not.
func TestReportsShowWhatListsShow(t *testing.T) {
	b := setup(t)
	closed := b.now.AddDate(0, 0, -1)
	for _, x := range []struct {
		observers []string
		everyone  bool
	}{{}, {observers: []string{b.anna}}, {everyone: true}, {observers: []string{id.New()}}} {
		d := b.open(1, id.New(), b.won, b.bert, 100)
		d.State, d.ClosedAt, d.ObserverIDs, d.AvailableToEveryone = views.Won, &closed, x.observers, x.everyone
		b.deal(t, d, views.Live)
	}
	unwatched := b.open(1, id.New(), b.first, b.bert, 100)
	unwatched.ObserverIDs = []string{b.anna}
	b.deal(t, unwatched, views.Live)
	unwatched.Version, unwatched.ObserverIDs, unwatched.Change = 2, nil, nil
	b.deal(t, unwatched, views.Live) // not observed any more

	sel := b.selection
	sel.Scope = authz.Of(b.anna)
	require.Equal(t, map[string]int64{b.won: 2}, b.counts(t, sel), "roll-up and what is beyond the scope")
	for by := report.ByResponsible; by <= report.ByCurrency; by++ {
		groups, err := b.Groups(t.Context(), sel, by, 10)
		require.NoError(t, err)
		var n int64
		for _, g := range groups {
			n += g.Deals
		}
		require.EqualValues(t, 2, n, "grouped by %d", by)
	}
	listed, err := b.Deals(t.Context(), sel, 10)
	require.NoError(t, err)
	require.Len(t, listed, 2)
	sel.Scope = authz.None()
	require.Empty(t, b.counts(t, sel), "who may view no deals sees none, observed or not")
}

// CAT-3: after a change of the base currency no sum mixes the old one with the new.
func TestSumsAreInOneBaseCurrency(t *testing.T) {
	b := setup(t)
	old := b.open(1, id.New(), b.first, b.anna, 100)
	b.deal(t, old, views.Live)
	next := b.open(1, id.New(), b.first, b.anna, 7)
	next.BaseCurrency = "USD"
	b.deal(t, next, views.Live)
	check := func(currency, sum string, unconverted int64) {
		t.Helper()
		for _, filter := range []string{"", `name = "Deal"`} { // the roll-up and the facts
			sel := b.selection
			sel.BaseCurrency, sel.Filter = currency, filter
			got, err := b.StageCounts(t.Context(), sel)
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.Equal(t, sum, got[0].Sum.String(), currency)
			require.Equal(t, unconverted, got[0].Unconverted, currency)
			require.EqualValues(t, 2, got[0].Deals)
		}
		sel := b.selection
		sel.BaseCurrency = currency
		groups, err := b.Groups(t.Context(), sel, report.ByResponsible, 10)
		require.NoError(t, err)
		require.Equal(t, sum, groups[0].OpenSum.String())
		require.Equal(t, unconverted, groups[0].Unconverted)
	}
	check("EUR", "100", 1)
	check("USD", "7", 1)
	worth := decimal.NewFromInt(120)
	old.Version, old.BaseCurrency, old.BaseAmount, old.Change = 2, "USD", &worth, nil // reckoned anew
	b.deal(t, old, views.Live)
	check("USD", "127", 0)
	check("EUR", "0", 2)
}

// decisions 26: every key begins with the organisation.
func TestTablesAreReadyForSharding(t *testing.T) {
	db := testkit.Postgres(t, "reporting", migrations.Files)
	testkit.AssertTenantKeys(t, db, "generations", "inbox_positions", "inbox_parked")
}
