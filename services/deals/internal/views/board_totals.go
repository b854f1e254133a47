package views

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/pg"
)

// Group says what the columns of a board are.
type Group int

// The groupings.
const (
	ByStage Group = iota + 1
	ByResponsible
	ByMonth
)

// NoMonth is the key of the column of deals without a planned close.
const NoMonth = "none"

// Key is the expression of a column's key over rows that have the columns named as in board_totals.
func (g Group) Key() string {
	switch g {
	case ByResponsible:
		return "responsible_id::text"
	case ByMonth:
		return "coalesce(nullif(month, ''), '" + NoMonth + "')"
	case ByStage:
	}
	return "stage_id::text"
}

// Sum is what one column holds in one currency.
type Sum struct {
	Key      string
	Currency string
	Deals    int64
	Amount   decimal.Decimal
	// Base is the sum in the base currency, of all deals but the Unrated ones: those without a rate, and those that are still to be
	// reckoned in a new base currency.
	Base    decimal.Decimal
	Unrated int64
}

// ScanSum reads key, currency, deals, amount, base amount, unrated.
func ScanSum(r pgx.CollectableRow) (Sum, error) {
	var s Sum
	return s, r.Scan(&s.Key, &s.Currency, &s.Deals, &s.Amount, &s.Base, &s.Unrated)
}

// Totals sums up the deals in some stages of a pipeline without looking at any: totals as folded plus the deltas since.
// base is the organisation's base currency. where is a condition on responsible_id, numbered from $5, which args holds.
func Totals(ctx context.Context, tx pgx.Tx, org, base, pipelineID string, stages []string, g Group, where string, args ...any) ([]Sum, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+g.Key()+`, currency, sum(deals), sum(amount), coalesce(sum(base_amount) FILTER (WHERE base_currency = $4), 0),
			coalesce(sum(deals) FILTER (WHERE base_currency <> $4), 0)
		FROM (
			SELECT stage_id, responsible_id, month, currency, deals, amount, base_amount, base_currency
			FROM board_totals
			WHERE organization_id = $1 AND pipeline_id = $2 AND stage_id = ANY($3)
			UNION ALL
			SELECT stage_id, responsible_id, month, currency, deals, amount, base_amount, base_currency
			FROM board_deltas
			WHERE organization_id = $1 AND pipeline_id = $2 AND stage_id = ANY($3)
		) t
		WHERE `+where+`
		GROUP BY 1, 2
		HAVING sum(deals) <> 0`, append([]any{org, pipelineID, stages, base}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read board totals: %w", err)
	}
	sums, err := pgx.CollectRows(rows, ScanSum)
	if err != nil {
		return nil, fmt.Errorf("read board totals: %w", err)
	}
	return sums, nil
}

// Folder takes the deltas of all organisations into the totals, so that a reader has few of them to add up.
type Folder struct {
	// DB is opened with pg.RoleSystem.
	DB *pg.DB
	// Every is the pause between two rounds.
	Every time.Duration
	Log   *slog.Logger
}

// foldAtOnce bounds the deltas that one transaction takes.
const foldAtOnce = 5000

// Run folds until ctx is done. A round that fails is logged and tried again with the next.
func (f *Folder) Run(ctx context.Context) error {
	t := time.NewTicker(f.Every)
	defer t.Stop()
	for {
		if err := f.Fold(ctx); err != nil && ctx.Err() == nil {
			f.Log.ErrorContext(ctx, "board sums are not folded; readers add up more", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Fold takes in what is there. Processes may do so at the same time: the rows one has locked are left to it.
func (f *Folder) Fold(ctx context.Context) error {
	for {
		var n int64
		err := f.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
			// One at a time: two that meet in the same totals would only wait for each other.
			var mine bool
			if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtext('kontor fold board'))`).Scan(&mine); err != nil || !mine {
				return err
			}
			return tx.QueryRow(ctx, `
				WITH gone AS (
					DELETE FROM board_deltas
					WHERE ctid = ANY (ARRAY (SELECT ctid FROM board_deltas LIMIT $1))
					RETURNING *
				), folded AS (
					INSERT INTO board_totals AS t (organization_id, pipeline_id, stage_id, responsible_id, month, currency,
						base_currency, deals, amount, base_amount, unrated)
					SELECT organization_id, pipeline_id, stage_id, responsible_id, month, currency, base_currency,
						sum(deals), sum(amount), sum(base_amount), sum(unrated)
					FROM gone
					GROUP BY 1, 2, 3, 4, 5, 6, 7
					ON CONFLICT (organization_id, pipeline_id, stage_id, responsible_id, month, currency, base_currency) DO UPDATE
					SET deals = t.deals + excluded.deals, amount = t.amount + excluded.amount,
						base_amount = t.base_amount + excluded.base_amount, unrated = t.unrated + excluded.unrated
				)
				SELECT count(*) FROM gone`, foldAtOnce).Scan(&n)
		})
		if err != nil {
			return fmt.Errorf("fold board: %w", err)
		}
		if n < foldAtOnce {
			return nil
		}
	}
}
