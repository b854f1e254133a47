package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/deals/internal/deal"
)

// Merges makes deals follow the merges of companies, contacts and leads (CON-16): they refer to the record that stayed, and
// back to their own when the merge is undone.
type Merges struct {
	// DB is opened as the application, System with pg.RoleSystem.
	DB, System *pg.DB
	Clock      clock.Clock
}

// Merged is what contacts tells of a record: that it is part of another, or, with an empty IntoID, one of its own again.
type Merged struct {
	MergeID, Kind, ID, IntoID string
	// Version of the record.
	Version int64
}

// Apply notes it and changes the deals, within the transaction of a consumer. Told again it changes nothing.
func (s *Merges) Apply(ctx context.Context, tx pgx.Tx, org string, m Merged) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO merged_clients (organization_id, kind, id, into_id, version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (organization_id, kind, id) DO UPDATE SET into_id = excluded.into_id, version = excluded.version
		WHERE merged_clients.version < excluded.version`, org, m.Kind, m.ID, null(m.IntoID), m.Version)
	if err != nil {
		return fmt.Errorf("note merge: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	var changes []Change
	if m.IntoID != "" {
		changes, err = s.follow(ctx, tx, org, m)
	} else {
		changes, err = s.comeBack(ctx, tx, org, m.MergeID)
	}
	if err != nil {
		return err
	}
	evs, err := WriteDeals(ctx, tx, org, changes, "service:deals", event.Cause("merge/"+m.MergeID), event.Actor("service:deals"))
	if err != nil {
		return err
	}
	return s.System.Append(ctx, tx, org, evs...)
}

// follow changes the deals that refer to a record, and keeps whom they referred to.
func (s *Merges) follow(ctx context.Context, tx pgx.Tx, org string, m Merged) ([]Change, error) {
	column := map[string]string{deal.KindCompany: "company_id", deal.KindContact: "contact_id", deal.KindLead: "lead_id"}[m.Kind]
	if column == "" {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `
		SELECT `+dealColumns+` FROM deals d
		WHERE d.organization_id = $1 AND d.id IN (
			SELECT id FROM deals WHERE organization_id = $1 AND `+column+` = $2
			UNION
			SELECT id FROM deals WHERE organization_id = $1 AND parties <> '[]' AND parties @> jsonb_build_array(jsonb_build_object('kind', $3::text, 'id', $2::text)))
		ORDER BY d.id FOR UPDATE`, org, m.ID, m.Kind)
	if err != nil {
		return nil, fmt.Errorf("read deals of a merged record: %w", err)
	}
	deals, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*deal.Deal, error) { return scanDeal(row) })
	if err != nil {
		return nil, fmt.Errorf("read deals of a merged record: %w", err)
	}
	var changes []Change
	b := &pgx.Batch{}
	for _, d := range deals {
		before := *d
		evs := d.Follow(m.Kind, m.ID, m.IntoID, s.Clock.Now())
		if len(evs) == 0 {
			continue
		}
		changes = append(changes, Change{Before: &before, After: d, Events: evs})
		b.Queue(`
			INSERT INTO merge_follows (organization_id, merge_id, deal_id, before, after) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (organization_id, merge_id, deal_id) DO UPDATE SET after = excluded.after`,
			org, m.MergeID, d.ID, before.Clientele(), d.Clientele())
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("keep whom deals were with: %w", err)
	}
	return changes, nil
}

// comeBack makes the deals that followed a merge refer to whom they referred to before.
func (s *Merges) comeBack(ctx context.Context, tx pgx.Tx, org, mergeID string) ([]Change, error) {
	rows, err := tx.Query(ctx, `
		WITH was AS (
			DELETE FROM merge_follows WHERE organization_id = $1 AND merge_id = $2 RETURNING deal_id, before, after
		)
		SELECT `+dealColumns+`, was.before, was.after
		FROM was JOIN deals d ON d.organization_id = $1 AND d.id = was.deal_id
		ORDER BY d.id FOR UPDATE OF d`, org, mergeID)
	if err != nil {
		return nil, fmt.Errorf("read deals that followed a merge: %w", err)
	}
	var changes []Change
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var before, after deal.Clientele
		d, err := scanDeal(row, &before, &after)
		if err != nil {
			return struct{}{}, err
		}
		was := *d
		if evs := d.Return(before, after, s.Clock.Now()); len(evs) > 0 {
			changes = append(changes, Change{Before: &was, After: d, Events: evs})
		}
		return struct{}{}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read deals that followed a merge: %w", err)
	}
	return changes, nil
}

// Current returns the records that some are part of now, by the ID of those that are part of another.
func (s *Merges) Current(ctx context.Context, org string, ids []string) (map[string]string, error) {
	rows, err := s.DB.Query(ctx, org, `
		WITH RECURSIVE up (id, into_id, depth) AS (
			SELECT id, into_id, 1 FROM merged_clients
			WHERE organization_id = $1 AND kind IN ('company', 'contact', 'lead') AND id = ANY($2::text[]::uuid[]) AND into_id IS NOT NULL
			UNION ALL
			SELECT up.id, m.into_id, up.depth + 1
			FROM up JOIN merged_clients m ON m.organization_id = $1 AND m.kind IN ('company', 'contact', 'lead') AND m.id = up.into_id
			WHERE m.into_id IS NOT NULL AND up.depth < 1000
		)
		SELECT DISTINCT ON (id) id::text, into_id::text FROM up ORDER BY id, depth DESC`, org, ids)
	if err != nil {
		return nil, fmt.Errorf("follow merges: %w", err)
	}
	out := map[string]string{}
	var id, into string
	if _, err := pgx.ForEachRow(rows, []any{&id, &into}, func() error { out[id] = into; return nil }); err != nil {
		return nil, fmt.Errorf("follow merges: %w", err)
	}
	return out, nil
}
