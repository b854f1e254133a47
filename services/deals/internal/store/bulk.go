package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/services/deals/internal/deal"
)

// Select returns a query of the IDs of all deals that the caller sees and the filter selects, and its arguments.
func (s *Deals) Select(ctx context.Context, q Query, filter string) (sql string, args []any, err error) {
	schema, err := s.schema(ctx, &q, filter, "", true)
	if err != nil {
		return "", nil, err
	}
	from := q.from(&args)
	where, err := schema.Where(filter, &args)
	if err != nil {
		return "", nil, err
	}
	return "SELECT d.id " + from + " AND " + where, args, nil
}

// LockDeals reads deals so that nobody else changes them before the transaction ends, in the order of their IDs.
func LockDeals(ctx context.Context, tx pgx.Tx, org string, ids []string) (map[string]*deal.Deal, error) {
	rows, err := tx.Query(ctx, `
		SELECT `+dealColumns+` FROM deals d WHERE d.organization_id = $1 AND d.id = ANY($2::uuid[]) ORDER BY d.id FOR UPDATE`, org, ids)
	if err != nil {
		return nil, fmt.Errorf("lock deals: %w", err)
	}
	deals, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (*deal.Deal, error) { return scanDeal(r) })
	if err != nil {
		return nil, fmt.Errorf("lock deals: %w", err)
	}
	out := make(map[string]*deal.Deal, len(deals))
	for _, d := range deals {
		out[d.ID] = d
	}
	return out, nil
}

// ClosedFrom returns the stages that deals were taken from when they last went to another one before a version, by deal.
func ClosedFrom(ctx context.Context, tx pgx.Tx, org string, ids []string, before []int64) (map[string]string, error) {
	rows, err := tx.Query(ctx, `
		SELECT n.id::text, coalesce(c.from_stage_id::text, '')
		FROM unnest($2::uuid[], $3::bigint[]) AS n (id, version)
		CROSS JOIN LATERAL (
			SELECT from_stage_id FROM deal_stage_changes
			WHERE organization_id = $1 AND deal_id = n.id AND version < n.version
			ORDER BY version DESC LIMIT 1
		) AS c`, org, ids, before)
	if err != nil {
		return nil, fmt.Errorf("read stages of deals: %w", err)
	}
	out := make(map[string]string, len(ids))
	var id, stage string
	if _, err := pgx.ForEachRow(rows, []any{&id, &stage}, func() error { out[id] = stage; return nil }); err != nil {
		return nil, fmt.Errorf("read stages of deals: %w", err)
	}
	return out, nil
}
