package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/aip"
	"kontor.internal/services/reporting/internal/report"
)

// leadSchema is what a filter over leads may name: fields of leads' own list that facts know, by the same names.
func leadSchema() *aip.Schema {
	return &aip.Schema{IDColumn: "f.lead_id", Fields: map[string]aip.Field{
		"id":                    {Column: "f.lead_id", Type: aip.ID},
		"status_id":             {Column: "f.status_id", Type: aip.ID},
		"responsible_id":        {Column: "f.responsible_id", Type: aip.ID, Nullable: true},
		"source":                {Column: "f.source", Type: aip.Text},
		"available_to_everyone": {Column: "f.available_to_everyone", Type: aip.Bool},
		"create_time":           {Column: "f.created_at", Type: aip.Time},
	}}
}

// leadsWhere is the selection's predicate over lead_facts f; $1 is the organisation.
func leadsWhere(s report.Selection, args *[]any) (string, error) {
	filter, err := leadSchema().In(s.Location).Where(s.Filter, args)
	if err != nil {
		return "", err
	}
	parts := []string{"f.organization_id = $1", "f.generation = " + serving, "NOT f.deleted", filter, visible(s, args)}
	if !s.From.IsZero() {
		*args = append(*args, s.From)
		parts = append(parts, "f.created_at >= $"+strconv.Itoa(len(*args)))
	}
	if !s.To.IsZero() {
		*args = append(*args, s.To)
		parts = append(parts, "f.created_at < $"+strconv.Itoa(len(*args)))
	}
	return strings.Join(parts, " AND "), nil
}

// LeadStatuses see [report.Store].
func (s *Store) LeadStatuses(ctx context.Context, org string) ([]report.LeadStatus, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT id::text, name, kind, retired FROM lead_statuses WHERE organization_id = $1 ORDER BY position, id`, org)
	if err != nil {
		return nil, fmt.Errorf("read lead statuses: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (st report.LeadStatus, err error) {
		var kind int16
		err = row.Scan(&st.ID, &st.Name, &kind, &st.Retired)
		st.Kind = report.LeadKind(kind)
		return st, err
	})
}

// LeadGroups see [report.Store].
func (s *Store) LeadGroups(ctx context.Context, sel report.Selection, by report.LeadBy, limit int) ([]report.LeadGroup, error) {
	args := []any{sel.Organization}
	cond, err := leadsWhere(sel, &args)
	if err != nil {
		return nil, err
	}
	expr := "f.status_id::text"
	switch by {
	case report.LeadsBySource:
		expr = "f.source"
	case report.LeadsByResponsible:
		expr = "f.responsible_id::text"
	case report.LeadsByMonth:
		args = append(args, sel.Location.String())
		expr = fmt.Sprintf("to_char(f.created_at AT TIME ZONE $%d, 'YYYY-MM')", len(args))
	case report.LeadsByStatus:
	}
	rows, err := s.DB.Query(ctx, sel.Organization, `
		SELECT coalesce(`+expr+`, ''), count(*), count(*) FILTER (WHERE s.kind IN (1, 2)), count(*) FILTER (WHERE s.kind = 3),
			count(*) FILTER (WHERE s.kind = 4)
		FROM lead_facts f
		LEFT JOIN lead_statuses s ON s.organization_id = f.organization_id AND s.id = f.status_id
		WHERE `+cond+`
		GROUP BY 1
		ORDER BY 2 DESC, 1
		LIMIT `+strconv.Itoa(limit), args...)
	if err != nil {
		return nil, fmt.Errorf("group leads: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[report.LeadGroup])
}

// LeadsReached see [report.Store]. Converted leads are left out: they have come all the way.
func (s *Store) LeadsReached(ctx context.Context, sel report.Selection) (map[string]int64, error) {
	args := []any{sel.Organization}
	cond, err := leadsWhere(sel, &args)
	if err != nil {
		return nil, err
	}
	rows, err := s.DB.Query(ctx, sel.Organization, `
		WITH came AS (
			SELECT f.lead_id, max(s.position) AS position
			FROM lead_facts f
			JOIN lead_statuses now ON now.organization_id = f.organization_id AND now.id = f.status_id AND now.kind <> 3
			JOIN lead_changes c ON c.organization_id = f.organization_id AND c.generation = f.generation AND c.lead_id = f.lead_id
			JOIN lead_statuses s ON s.organization_id = f.organization_id AND s.id = c.to_status_id AND s.kind IN (1, 2)
			WHERE `+cond+`
			GROUP BY f.lead_id
		)
		SELECT s.id::text, count(*)
		FROM came
		JOIN lead_statuses s ON s.organization_id = $1 AND s.position = came.position
		GROUP BY 1`, args...)
	if err != nil {
		return nil, fmt.Errorf("count how far leads came: %w", err)
	}
	out := map[string]int64{}
	var id string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&id, &n}, func() error {
		out[id] = n
		return nil
	})
	return out, err
}

// LeadTimeInStatus see [report.Store].
func (s *Store) LeadTimeInStatus(ctx context.Context, sel report.Selection) (map[string]float64, error) {
	args := []any{sel.Organization}
	cond, err := leadsWhere(sel, &args)
	if err != nil {
		return nil, err
	}
	rows, err := s.DB.Query(ctx, sel.Organization, `
		SELECT x.status, avg(extract(epoch FROM greatest(x.until - x.at, interval '0')))::double precision
		FROM (
			SELECT c.to_status_id::text AS status, c.at, lead(c.at) OVER (PARTITION BY c.lead_id ORDER BY c.version) AS until
			FROM lead_facts f
			JOIN lead_changes c ON c.organization_id = f.organization_id AND c.generation = f.generation AND c.lead_id = f.lead_id
			WHERE `+cond+`
		) x
		WHERE x.until IS NOT NULL
		GROUP BY x.status`, args...)
	if err != nil {
		return nil, fmt.Errorf("average time in status: %w", err)
	}
	out := map[string]float64{}
	var id string
	var seconds float64
	_, err = pgx.ForEachRow(rows, []any{&id, &seconds}, func() error {
		out[id] = seconds
		return nil
	})
	return out, err
}
