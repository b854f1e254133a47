package store_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/id"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/store"
	"kontor.internal/services/deals/internal/views"
)

// fill makes n open deals over the open stages, the users and a year, with their sums.
func (w *world) fill(n int, users []string) {
	w.t.Helper()
	stages := []string{w.stage("New"), w.stage("Information"), w.stage("Proposal"), w.stage("Negotiation")}
	tx, err := w.db.App.Pool().Begin(w.t.Context())
	require.NoError(w.t, err)
	defer func() { _ = tx.Rollback(w.t.Context()) }()
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`SELECT set_config('kontor.organization', $1, true)`, []any{w.org}},
		{
			`
			INSERT INTO deals (organization_id, id, version, name, pipeline_id, stage_id, state, amount, currency, amount_source,
				base_amount, base_currency, base_date, responsible_id, observer_ids, type, probability, probability_by_hand,
				planned_close_date, company_id, parties, source, comment, lines, product_ids, available_to_everyone, lost_reason,
				external_ids, origin_kind, origin_id, begun_at, stage_entered_at, created_at, updated_at)
			SELECT $1, gen_random_uuid(), 1, 'Deal ' || i, $2, ($3::uuid[])[1 + i % 4], 1, (i * 7919) % 100000, 'EUR', 1,
				(i * 7919) % 100000, 'EUR', '2026-11-01', ($4::uuid[])[1 + i % $5::int], '{}', 'sale', 50, false,
				'2026-11-01'::date + i % 365, gen_random_uuid(), '[]', '', '', '[]', '{}', false, '',
				'[]', 'user', '', t, t, t, t
			FROM generate_series(1, $6::int) i, LATERAL (SELECT $7::timestamptz + (i * 613) % 2600000 * interval '1 second' AS t) x`,
			[]any{w.org, w.pipeline.ID, stages, users, len(users), n, now.AddDate(0, -2, 0)},
		},
		{`
			INSERT INTO board_deltas (organization_id, pipeline_id, stage_id, responsible_id, month, currency, base_currency, deals, amount,
				base_amount, unrated)
			SELECT organization_id, pipeline_id, stage_id, responsible_id, to_char(planned_close_date, 'YYYY-MM'), currency, base_currency, 1, amount, base_amount, 0
			FROM deals`, nil},
	} {
		_, err := tx.Exec(w.t.Context(), q.sql, q.args...)
		require.NoError(w.t, err)
	}
	require.NoError(w.t, tx.Commit(w.t.Context()))
	require.NoError(w.t, (&views.Folder{DB: w.db.System}).Fold(w.t.Context()))
	for _, table := range []string{"deals", "board_totals", "board_deltas"} {
		w.analyze(table)
	}
}

// TestBoardOfFiftyThousandDeals measures what the board and lists cost, on a machine that does nothing else. The figures
// are in docs/benchmarks.md.
func TestBoardOfFiftyThousandDeals(t *testing.T) {
	if os.Getenv("KONTOR_BENCH") == "" {
		t.Skip("measures; set KONTOR_BENCH=1 on a quiet machine")
	}
	w := newWorld(t)
	users := make([]string, 35)
	for i := range users {
		users[i] = id.New()
	}
	w.fill(50000, users)
	seller := w.seller(users[0])
	team := deal.Caller{OrganizationID: w.org, UserID: users[0], View: authz.Of(users[:6]...), Act: authz.Of(users[:6]...)}
	for _, c := range []struct {
		name   string
		caller deal.Caller
		group  views.Group
		filter string
		// budget is for the 99th percentile.
		budget time.Duration
	}{
		{"by stage", w.boss(), views.ByStage, "", 40 * time.Millisecond},
		{"by stage, a seller's", seller, views.ByStage, "", 40 * time.Millisecond},
		{"by stage, a team's", team, views.ByStage, "", 40 * time.Millisecond},
		{"by responsible", w.boss(), views.ByResponsible, "", 40 * time.Millisecond},
		{"by month", w.boss(), views.ByMonth, "", 40 * time.Millisecond},
		{"of one user", w.boss(), views.ByStage, fmt.Sprintf("responsible_id = %q", users[3]), 40 * time.Millisecond},
		{"by a filter of rows", w.boss(), views.ByStage, "amount >= 50000", 200 * time.Millisecond},
	} {
		took := measure(t, 100, func() {
			columns, err := w.deals.Board(w.ctx(), store.BoardQuery{Query: w.query(c.caller), Pipeline: w.pipeline, Group: c.group, Filter: c.filter})
			require.NoError(t, err)
			require.NotEmpty(t, columns)
		})
		t.Logf("board %-22s p50 %v p99 %v", c.name, took[50], took[98])
		assert.Less(t, took[98], c.budget, c.name)
	}
	for _, l := range []struct{ filter, order string }{
		{"", ""},
		{"state = OPEN AND amount >= 50000", "amount desc"},
		{"", "planned_close_date"},
		{"", "stage_enter_time desc"},
		{`name:"499"`, "name"},
		{"", "close_time desc"},
		{fmt.Sprintf("responsible_id = %q", users[1]), "create_time desc"},
	} {
		took := measure(t, 50, func() {
			_, _, err := w.deals.List(w.ctx(), w.query(w.boss()), request{filter: l.filter, order: l.order})
			require.NoError(t, err)
		})
		t.Logf("list %-40s %-22s p50 %v p99 %v", l.filter, l.order, took[25], took[48])
	}
}

func measure(t *testing.T, n int, fn func()) []time.Duration {
	t.Helper()
	took := make([]time.Duration, n)
	for i := range n {
		start := time.Now()
		fn()
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took
}

// analyze counts every row of up to 300,000, so that what is rare is known to be rare.
func (w *world) analyze(table string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.db.OwnerURL)
	require.NoError(w.t, err)
	defer func() { _ = conn.Close(w.t.Context()) }()
	_, err = conn.Exec(w.t.Context(), "SET default_statistics_target = 1000; ANALYZE "+table)
	require.NoError(w.t, err)
}
