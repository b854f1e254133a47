// Package store answers reports from the facts. It only reads; package views writes.
package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/money"
	"kontor.internal/libs/pg"
	"kontor.internal/services/reporting/internal/report"
)

// Store see [report.Store].
type Store struct {
	DB *pg.DB
	// System sees the consumers' bookkeeping.
	System *pg.DB
	// Consumer is the name of the consumer whose lag is the facts'.
	Consumer string
	Now      func() time.Time
}

var _ report.Store = (*Store)(nil)

// schema is what a report's filter may name: the fields of deals' own list that facts know, by the same names.
func schema() *aip.Schema {
	return &aip.Schema{IDColumn: "f.deal_id", Fields: map[string]aip.Field{
		"id":                 {Column: "f.deal_id", Type: aip.ID},
		"name":               {Column: "f.name", Type: aip.Text},
		"pipeline_id":        {Column: "f.pipeline_id", Type: aip.ID},
		"stage_id":           {Column: "f.stage_id", Type: aip.ID},
		"state":              {Column: "f.state", Type: aip.Enum, Cast: "smallint", Enum: map[string]any{"OPEN": 1, "WON": 2, "LOST": 3}},
		"responsible_id":     {Column: "f.responsible_id", Type: aip.ID, Nullable: true},
		"company_id":         {Column: "f.company_id", Type: aip.ID, Nullable: true},
		"contact_id":         {Column: "f.contact_id", Type: aip.ID, Nullable: true},
		"type":               {Column: "f.type", Type: aip.Text},
		"source":             {Column: "f.source", Type: aip.Text},
		"probability":        {Column: "f.probability", Type: aip.Int, Nullable: true},
		"amount":             {Column: "f.amount", Type: aip.Decimal},
		"currency":           {Column: "f.currency", Type: aip.Text},
		"base_amount":        {Column: "f.base_amount", Type: aip.Decimal, Nullable: true},
		"planned_close_date": {Column: "f.planned_close", Type: aip.Date, Nullable: true},
		"begin_time":         {Column: "f.begin_at", Type: aip.Time, Nullable: true},
		"stage_enter_time":   {Column: "f.stage_entered_at", Type: aip.Time, Nullable: true},
		"close_time":         {Column: "f.closed_at", Type: aip.Time, Nullable: true},
		"lost_reason":        {Column: "f.lost_reason", Type: aip.Text},
		"product_id": {Custom: func(c aip.Comparison, bind func(any) string) (string, error) {
			if c.Op != "=" && c.Op != ":" {
				return "", errors.New("product_id is compared with = only")
			}
			return "EXISTS (SELECT 1 FROM line_facts p WHERE p.organization_id = f.organization_id AND " +
				"p.generation = f.generation AND p.deal_id = f.deal_id AND p.product_id = " + bind(c.Value) + "::uuid)", nil
		}},
	}}
}

// serving is the generation that answers.
const serving = "(SELECT generation FROM generations WHERE state = 'serving')"

// facts are deal_facts with worth: the base amount where it is in the base currency.
func facts(s report.Selection, args *[]any) string {
	*args = append(*args, s.BaseCurrency)
	return fmt.Sprintf(`(SELECT *, CASE WHEN base_currency IN ($%d, '') THEN base_amount END AS worth FROM deal_facts)`, len(*args))
}

// visible is the predicate of what the user sees, the same as in the lists of deals.
func visible(s report.Selection, args *[]any) string {
	in := s.Scope.SQL("f.responsible_id", args)
	if s.Scope.All() || s.Scope.None() {
		return in
	}
	return "(" + in + " OR " + beyondScope(s, args) + ")"
}

// beyondScope is the predicate of what the user sees whoever is responsible.
func beyondScope(s report.Selection, args *[]any) string {
	*args = append(*args, s.UserID)
	return fmt.Sprintf("(f.available_to_everyone OR f.observer_ids <> '{}' AND f.observer_ids @> ARRAY[$%d::uuid])", len(*args))
}

// where is the selection's predicate over deal_facts f; $1 is the organisation.
func where(s report.Selection, args *[]any) (string, error) {
	bind := func(v any) string {
		*args = append(*args, v)
		return "$" + strconv.Itoa(len(*args))
	}
	filter, err := schema().In(s.Location).Where(s.Filter, args)
	if err != nil {
		return "", err
	}
	parts := []string{
		"f.organization_id = $1", "f.generation = " + serving, "NOT f.deleted", filter, visible(s, args),
	}
	if s.PipelineID != "" {
		parts = append(parts, "f.pipeline_id = "+bind(s.PipelineID)+"::uuid")
	}
	between := func(column string) []string {
		var out []string
		if !s.From.IsZero() {
			out = append(out, column+" >= "+bind(s.From))
		}
		if !s.To.IsZero() {
			out = append(out, column+" < "+bind(s.To))
		}
		return out
	}
	planned := func() []string {
		var out []string
		if !s.From.IsZero() {
			out = append(out, "f.planned_close >= "+bind(s.From.Format(time.DateOnly))+"::date")
		}
		if !s.To.IsZero() {
			out = append(out, "f.planned_close < "+bind(s.To.Format(time.DateOnly))+"::date")
		}
		return out
	}
	switch s.Only {
	case report.WonOnly:
		parts = append(parts, "f.state = 2")
	case report.LostOnly:
		parts = append(parts, "f.state = 3")
	case report.OpenOnly:
		parts = append(parts, "f.state = 1")
	case report.Overdue, report.Expected:
		return strings.Join(append(append(parts, "f.state = 1"), planned()...), " AND "), nil
	case report.Every:
	}
	if s.Mode == report.Cohort {
		parts = append(append(parts, "f.begin_at IS NOT NULL"), between("f.begin_at")...)
	} else if closed := between("f.closed_at"); len(closed) > 0 {
		parts = append(parts, "(f.state = 1 OR "+strings.Join(closed, " AND ")+")")
	}
	return strings.Join(parts, " AND "), nil
}

// keys are the expressions to group by, as text, and what they need joined.
func key(by report.By, s report.Selection, args *[]any) (expr, join string) {
	zone := func() string {
		*args = append(*args, s.Location.String())
		return "$" + strconv.Itoa(len(*args))
	}
	const lines = ` LEFT JOIN line_facts l
		ON l.organization_id = f.organization_id AND l.generation = f.generation AND l.deal_id = f.deal_id`
	switch by {
	case report.ByResponsible:
		return "f.responsible_id::text", ""
	case report.ByCompany:
		return "f.company_id::text", ""
	case report.ByCloseMonth:
		return "to_char(f.closed_at AT TIME ZONE " + zone() + ", 'YYYY-MM')", ""
	case report.ByPlannedMonth:
		return "to_char(f.planned_close, 'YYYY-MM')", ""
	case report.ByStage:
		return "f.stage_id::text", ""
	case report.ByType:
		return "f.type", ""
	case report.ByProbability:
		return "f.probability::text", ""
	case report.ByCurrency:
		return "f.currency", ""
	case report.ByProduct:
		return "l.product_id::text", lines
	case report.BySection:
		return "n.parent_id::text", lines + ` LEFT JOIN names n
			ON n.organization_id = f.organization_id AND n.kind = 'product' AND n.id = l.product_id`
	}
	return "''", ""
}

// Groups see [report.Store].
func (s *Store) Groups(ctx context.Context, sel report.Selection, by report.By, limit int) ([]report.Group, error) {
	args := []any{sel.Organization}
	cond, err := where(sel, &args)
	if err != nil {
		return nil, err
	}
	expr, join := key(by, sel, &args)
	value, quantity, deals := "f.worth", "0::numeric", "count(*)"
	switch by {
	case report.ByCurrency:
		value = "f.amount"
	case report.ByProduct, report.BySection:
		// A line's share of what the deal brought in. Deals whose lines add up to nothing count whole on their first line.
		value = `CASE WHEN l.line IS NULL THEN f.worth
			WHEN t.total <> 0 THEN f.worth * l.total / t.total
			WHEN l.line = 0 THEN f.worth ELSE 0 END`
		join += ` LEFT JOIN LATERAL (
			SELECT sum(a.total) AS total FROM line_facts a
			WHERE a.organization_id = f.organization_id AND a.generation = f.generation AND a.deal_id = f.deal_id) t ON true`
		quantity, deals = "coalesce(sum(l.quantity), 0)", "count(DISTINCT f.deal_id)"
	case report.ByResponsible, report.ByCompany, report.ByCloseMonth, report.ByPlannedMonth, report.ByStage, report.ByType,
		report.ByProbability:
	}
	from := facts(sel, &args)
	rows, err := s.DB.Query(ctx, sel.Organization, `
		SELECT coalesce(`+expr+`, ''), `+deals+`,
			count(*) FILTER (WHERE f.state = 1), count(*) FILTER (WHERE f.state = 2), count(*) FILTER (WHERE f.state = 3),
			coalesce(sum(`+value+`) FILTER (WHERE f.state = 1), 0),
			coalesce(sum(`+value+`) FILTER (WHERE f.state = 2), 0) AS won_sum,
			coalesce(sum(`+value+`) FILTER (WHERE f.state = 3), 0),
			coalesce(sum(`+value+` * coalesce(f.probability, 0) / 100) FILTER (WHERE f.state = 1), 0),
			count(*) FILTER (WHERE f.worth IS NULL), `+quantity+`
		FROM `+from+` f`+join+`
		WHERE `+cond+`
		GROUP BY 1
		ORDER BY won_sum DESC, 2 DESC, 1
		LIMIT `+strconv.Itoa(limit), args...)
	if err != nil {
		return nil, fmt.Errorf("group deals: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (g report.Group, err error) {
		err = row.Scan(&g.Key, &g.Deals, &g.Open, &g.Won, &g.Lost, &g.OpenSum, &g.WonSum, &g.LostSum, &g.Weighted,
			&g.Unconverted, &g.Quantity)
		return g, err
	})
}

// Deals see [report.Store].
func (s *Store) Deals(ctx context.Context, sel report.Selection, limit int) ([]report.Deal, error) {
	args := []any{sel.Organization}
	cond, err := where(sel, &args)
	if err != nil {
		return nil, err
	}
	order := "f.closed_at DESC NULLS LAST, f.deal_id"
	if sel.Only == report.Overdue {
		order = "f.planned_close, f.deal_id"
	}
	from := facts(sel, &args)
	rows, err := s.DB.Query(ctx, sel.Organization, `
		SELECT f.deal_id, f.name, coalesce(f.company_id::text, ''), coalesce(f.responsible_id::text, ''), f.stage_id,
			f.closed_at, f.planned_close, f.currency, f.amount, f.worth
		FROM `+from+` f
		WHERE `+cond+`
		ORDER BY `+order+`
		LIMIT `+strconv.Itoa(limit), args...)
	if err != nil {
		return nil, fmt.Errorf("list deals: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d report.Deal, err error) {
		var m money.Money
		err = row.Scan(&d.ID, &d.Name, &d.CompanyID, &d.ResponsibleID, &d.StageID, &d.ClosedAt, &d.Planned, &m.Currency,
			&m.Amount, &d.BaseAmount)
		d.Amount = m
		if d.ClosedAt != nil {
			local := d.ClosedAt.In(sel.Location)
			d.ClosedAt = &local
		}
		return d, err
	})
}

// WithoutDate see [report.Store].
func (s *Store) WithoutDate(ctx context.Context, sel report.Selection) (int64, error) {
	sel.Mode, sel.From, sel.To = report.Snapshot, time.Time{}, time.Time{}
	args := []any{sel.Organization}
	cond, err := where(sel, &args)
	if err != nil {
		return 0, err
	}
	var n int64
	err = s.DB.QueryRow(ctx, sel.Organization,
		`SELECT count(*) FROM deal_facts f WHERE `+cond+` AND f.begin_at IS NULL`, args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count deals without a day: %w", err)
	}
	return n, nil
}

// zero reads a sum that may be NULL.
func zero(d *decimal.Decimal) decimal.Decimal {
	if d == nil {
		return decimal.Zero
	}
	return *d
}
