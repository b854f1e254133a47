package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/services/reporting/internal/report"
)

// StageCounts see [report.Store]. Where nothing but pipeline and scope narrows the selection, the roll-up answers, at a
// cost that does not grow with the history; else the facts do.
func (s *Store) StageCounts(ctx context.Context, sel report.Selection) ([]report.StageCount, error) {
	args := []any{sel.Organization}
	var parts []string
	rolled := rolledUp(sel)
	if rolled {
		parts = append(parts, rollUp(sel, &args))
	}
	if !rolled || !sel.Scope.All() && !sel.Scope.None() {
		cond, err := where(sel, &args)
		if err != nil {
			return nil, err
		}
		if rolled { // of the facts only what the roll-up, which goes by responsible users, does not tell of
			cond += " AND NOT (" + sel.Scope.SQL("f.responsible_id", &args) + ")"
		}
		parts = append(parts, `
			SELECT f.stage_id, f.currency, 1 AS deals, f.amount, f.worth AS base_amount, (f.worth IS NULL)::int AS unconverted
			FROM `+facts(sel, &args)+` f
			WHERE `+cond)
	}
	sql := `
		SELECT stage_id, currency, sum(deals)::bigint, sum(amount), sum(base_amount), sum(unconverted)::bigint
		FROM (` + strings.Join(parts, " UNION ALL ") + `) counted
		GROUP BY stage_id, currency
		HAVING sum(deals) <> 0
		ORDER BY stage_id, currency`
	rows, err := s.DB.Query(ctx, sel.Organization, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("count deals by stage: %w", err)
	}
	var out []report.StageCount
	var stage, currency string
	var deals, unconverted int64
	var amount decimal.Decimal
	var base *decimal.Decimal
	_, err = pgx.ForEachRow(rows, []any{&stage, &currency, &deals, &amount, &base, &unconverted}, func() error {
		if len(out) == 0 || out[len(out)-1].StageID != stage {
			out = append(out, report.StageCount{StageID: stage, ByCurrency: map[string]decimal.Decimal{}})
		}
		c := &out[len(out)-1]
		c.Deals += deals
		c.Unconverted += unconverted
		c.Sum = c.Sum.Add(zero(base))
		c.ByCurrency[currency] = amount
		base = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count deals by stage: %w", err)
	}
	return out, nil
}

// rollUp reads the roll-up, to be added to the facts. Amounts in a base currency that is not the organisation's any more count
// as not converted.
func rollUp(sel report.Selection, args *[]any) string {
	cond := "f.organization_id = $1 AND f.generation = " + serving + " AND " + sel.Scope.SQL("f.responsible_id", args)
	if sel.PipelineID != "" {
		*args = append(*args, sel.PipelineID)
		cond += fmt.Sprintf(" AND f.pipeline_id = $%d::uuid", len(*args))
	}
	*args = append(*args, sel.BaseCurrency)
	return fmt.Sprintf(`
			SELECT f.stage_id, f.currency, f.deals, f.amount,
				CASE WHEN f.base_currency IN ($%[1]d, '') THEN f.base_amount ELSE 0 END AS base_amount,
				CASE WHEN f.base_currency IN ($%[1]d, '') THEN f.unconverted ELSE f.deals END AS unconverted
			FROM stage_totals f
			WHERE `, len(*args)) + cond
}

// rolledUp reports whether the roll-up by stage can answer. Whether only open deals are asked for is the reader's to
// tell from the stage.
func rolledUp(sel report.Selection) bool {
	return sel.Mode == report.Snapshot && sel.From.IsZero() && sel.To.IsZero() && strings.TrimSpace(sel.Filter) == "" &&
		(sel.Only == report.Every || sel.Only == report.OpenOnly)
}

// Reached see [report.Store]. Won deals are left out: they have come all the way.
func (s *Store) Reached(ctx context.Context, sel report.Selection) ([]report.Reached, error) {
	args := []any{sel.Organization}
	cond, err := where(sel, &args)
	if err != nil {
		return nil, err
	}
	rows, err := s.DB.Query(ctx, sel.Organization, `
		WITH came AS (
			SELECT f.deal_id, max(s.position) AS position
			FROM deal_facts f
			JOIN stage_changes c ON c.organization_id = f.organization_id AND c.generation = f.generation AND c.deal_id = f.deal_id
			JOIN stages s ON s.organization_id = f.organization_id AND s.pipeline_id = f.pipeline_id
				AND s.id IN (c.to_stage_id, c.from_stage_id) AND s.kind = 1 AND NOT s.retired
			WHERE f.state <> 2 AND `+cond+`
			GROUP BY f.deal_id
		), counted AS (
			SELECT position, count(*) AS deals FROM came GROUP BY position
		)
		SELECT s.id, c.deals
		FROM counted c
		JOIN stages s ON s.organization_id = $1 AND s.position = c.position AND s.kind = 1 AND NOT s.retired
			AND s.pipeline_id = `+fmt.Sprintf("$%d::uuid", len(args)+1), append(args, sel.PipelineID)...)
	if err != nil {
		return nil, fmt.Errorf("count how far deals came: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[report.Reached])
}

// TimeInStage see [report.Store]. It adds up decimals: a sum of floats depends on the order of its rows.
func (s *Store) TimeInStage(ctx context.Context, sel report.Selection) (map[string]float64, error) {
	args := []any{sel.Organization}
	cond, err := where(sel, &args)
	if err != nil {
		return nil, err
	}
	rows, err := s.DB.Query(ctx, sel.Organization, `
		SELECT c.from_stage_id, avg(c.seconds::numeric)::double precision
		FROM deal_facts f
		JOIN stage_changes c ON c.organization_id = f.organization_id AND c.generation = f.generation AND c.deal_id = f.deal_id
		WHERE c.seconds IS NOT NULL AND c.from_stage_id IS NOT NULL AND `+cond+`
		GROUP BY c.from_stage_id`, args...)
	if err != nil {
		return nil, fmt.Errorf("average time in stage: %w", err)
	}
	out := map[string]float64{}
	var stage string
	var seconds float64
	_, err = pgx.ForEachRow(rows, []any{&stage, &seconds}, func() error {
		out[stage] = seconds
		return nil
	})
	return out, err
}

// LostBy see [report.Store].
func (s *Store) LostBy(ctx context.Context, sel report.Selection) ([]report.LostCount, error) {
	args := []any{sel.Organization}
	cond, err := where(sel, &args)
	if err != nil {
		return nil, err
	}
	from := facts(sel, &args)
	rows, err := s.DB.Query(ctx, sel.Organization, `
		SELECT coalesce(f.lost_stage_id::text, ''), f.lost_reason, count(*), coalesce(sum(f.worth), 0)
		FROM `+from+` f
		WHERE `+cond+`
		GROUP BY 1, 2
		ORDER BY 3 DESC, 1, 2
		LIMIT 200`, args...)
	if err != nil {
		return nil, fmt.Errorf("count lost deals: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[report.LostCount])
}

// Pipelines see [report.Store].
func (s *Store) Pipelines(ctx context.Context, org string) (map[string]string, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT n.id, n.name FROM names n
		WHERE n.organization_id = $1 AND n.kind = 'pipeline'
			AND EXISTS (SELECT 1 FROM stages s WHERE s.organization_id = $1 AND s.pipeline_id = n.id AND NOT s.retired)`, org)
	if err != nil {
		return nil, fmt.Errorf("read pipelines: %w", err)
	}
	return collectNames(rows)
}

// Stages see [report.Store].
func (s *Store) Stages(ctx context.Context, org, pipelineID string) ([]report.Stage, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT id, name, kind, retired FROM stages
		WHERE organization_id = $1 AND ($2 = '' OR pipeline_id = NULLIF($2, '')::uuid)
		ORDER BY pipeline_id, retired, position, id`, org, pipelineID)
	if err != nil {
		return nil, fmt.Errorf("read stages: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (st report.Stage, err error) {
		var kind int16
		err = row.Scan(&st.ID, &st.Name, &kind, &st.Retired)
		st.Kind = report.StageKind(kind)
		return st, err
	})
}

// Names see [report.Store].
func (s *Store) Names(ctx context.Context, org, kind string, ids []string) (map[string]string, error) {
	rows, err := s.DB.Query(ctx, org,
		`SELECT id, name FROM names WHERE organization_id = $1 AND kind = $2 AND id = ANY($3::uuid[])`, org, kind, ids)
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	return collectNames(rows)
}

// ProductsOf see [report.Store].
func (s *Store) ProductsOf(ctx context.Context, sel report.Selection, sectionID string, limit int) ([]string, error) {
	args := []any{sel.Organization}
	cond, err := where(sel, &args)
	if err != nil {
		return nil, err
	}
	args = append(args, optional(sectionID))
	rows, err := s.DB.Query(ctx, sel.Organization, `
		SELECT DISTINCT l.product_id::text
		FROM deal_facts f
		JOIN line_facts l ON l.organization_id = f.organization_id AND l.generation = f.generation AND l.deal_id = f.deal_id
		LEFT JOIN names n ON n.organization_id = f.organization_id AND n.kind = 'product' AND n.id = l.product_id
		WHERE l.product_id IS NOT NULL AND n.parent_id IS NOT DISTINCT FROM $`+strconv.Itoa(len(args))+`::uuid AND `+cond+`
		ORDER BY 1
		LIMIT `+strconv.Itoa(limit), args...)
	if err != nil {
		return nil, fmt.Errorf("read products of a section: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// optional is NULL for an empty ID.
func optional(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

func collectNames(rows pgx.Rows) (map[string]string, error) {
	out := map[string]string{}
	var id, name string
	_, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		out[id] = name
		return nil
	})
	return out, err
}

// Freshness see [report.Store]. Facts that have caught up are as of now: nothing that has been published is missing. What
// the outboxes of other services still hold is not known here.
func (s *Store) Freshness(ctx context.Context) (report.Freshness, error) {
	now := s.Now()
	f := report.Freshness{AsOf: now}
	var behind bool
	var last *time.Time
	err := s.System.Pool().QueryRow(ctx, `
		SELECT coalesce(bool_or(next_offset < end_offset), false), min(last_event_at) FILTER (WHERE next_offset < end_offset),
			(SELECT count(*) FROM inbox_parked WHERE consumer = $1),
			EXISTS (SELECT 1 FROM generations WHERE state = 'building')
		FROM inbox_positions WHERE consumer = $1`, s.Consumer).Scan(&behind, &last, &f.Parked, &f.Rebuilding)
	if err != nil {
		return f, fmt.Errorf("read freshness: %w", err)
	}
	if behind && last != nil {
		f.AsOf, f.Lag = *last, now.Sub(*last)
	}
	return f, nil
}
