package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/services/identity/internal/publish"
)

// OrganizationsBefore returns the IDs of the organisations that were made before a time.
func (s *Store) OrganizationsBefore(ctx context.Context, t time.Time) ([]string, error) {
	rows, err := s.System.Pool().Query(ctx, `SELECT organization_id::text FROM organizations WHERE created_at < $1`, t.UTC())
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	return ids, nil
}

// RepublishDirectory has the relay publish the newest directory entry of everything in the organisation once more, and
// returns how many there are. Readers that know them are not disturbed: they go by the version.
func (s *Store) RepublishDirectory(ctx context.Context, org string) (int, error) {
	var n int
	err := s.System.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT DISTINCT ON (kind, record_id) `+event.Columns+`
			FROM events
			WHERE organization_id = $1 AND kind = ANY($2)
			ORDER BY kind, record_id, version DESC`, org, publish.DirectoryKinds())
		if err != nil {
			return err
		}
		evs, err := pgx.CollectRows(rows, event.Scan)
		if err != nil {
			return err
		}
		n = len(evs)
		b := &pgx.Batch{}
		for i := range evs {
			e := &evs[i]
			b.Queue(`
				INSERT INTO outbox (slice, organization_id, kind, record_id, version, happened_at)
				VALUES ($1, $2, $3, $4, $5, $6)`, e.Slice(), org, e.Kind, e.RecordID, e.Version, e.HappenedAt)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return 0, fmt.Errorf("republish the directory: %w", err)
	}
	return n, nil
}
