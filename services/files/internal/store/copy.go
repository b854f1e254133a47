package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/publish"
)

// Copy see [file.Store.Copy].
func (s *Store) Copy(ctx context.Context, org string, from, to file.Record) error {
	return s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		from, err := settle(ctx, tx, org, from)
		if err != nil {
			return nil, err
		}
		to, err := settle(ctx, tx, org, to)
		if err != nil || from == to {
			return nil, err
		}
		// Shared locks: a source that is purged meanwhile would take its content with it.
		rows, err := tx.Query(ctx, `
			SELECT `+columns+`
			FROM files f
			WHERE f.organization_id = $1 AND f.record_kind = $2 AND f.record_id = $3 AND f.deleted_at IS NULL
			ORDER BY f.created_at, f.id
			FOR SHARE OF f`, org, from.Kind, from.ID)
		if err != nil {
			return nil, fmt.Errorf("read files to copy: %w", err)
		}
		sources, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*file.File, error) { return scan(row) })
		if err != nil {
			return nil, fmt.Errorf("read files to copy: %w", err)
		}
		copies, err := s.claim(ctx, tx, org, sources, to)
		if err != nil {
			return nil, err
		}
		evs := make([]event.Event, len(copies))
		b := &pgx.Batch{}
		for i, c := range copies {
			queueFile(b, org, c)
			queueVersion(b, org, c, c.UploaderID, c.CreatedAt)
			evs[i] = publish.Event(file.Created{File: *c})
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return nil, fmt.Errorf("insert copies: %w", err)
		}
		return evs, nil
	})
}

// claim notes which sources are copied to the record, and returns copies of those that were not before, be it to a record
// that is part of it now.
func (s *Store) claim(ctx context.Context, tx pgx.Tx, org string, sources []*file.File, to file.Record) ([]*file.File, error) {
	of, ids := make([]string, len(sources)), make([]string, len(sources))
	for i, f := range sources {
		of[i], ids[i] = f.ID, id.New()
	}
	rows, err := tx.Query(ctx, `
		INSERT INTO file_copies (organization_id, file_id, record_kind, record_id, copy_id)
		SELECT $1, n.file_id, $2, $3::uuid, n.copy_id
		FROM unnest($4::uuid[], $5::uuid[]) AS n (file_id, copy_id)
		WHERE NOT EXISTS (
			SELECT FROM file_copies c
			WHERE c.organization_id = $1 AND c.file_id = n.file_id AND c.record_kind = $2 AND c.record_id IN (`+partsOfRecord+`))
		ON CONFLICT ON CONSTRAINT file_copies_pkey DO NOTHING
		RETURNING copy_id::text`, org, to.Kind, to.ID, of, ids)
	if err != nil {
		return nil, fmt.Errorf("note copies: %w", err)
	}
	claimed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("note copies: %w", err)
	}
	made := make(map[string]bool, len(claimed))
	for _, c := range claimed {
		made[c] = true
	}
	now := s.now()
	var copies []*file.File
	for i, f := range sources {
		if made[ids[i]] {
			copies = append(copies, f.CopyTo(to, ids[i], now))
		}
	}
	return copies, nil
}

// Copies returns the copies of files of one record that hang on another, oldest first, at most limit.
func (s *Store) Copies(ctx context.Context, org string, from, to file.Record, limit int) ([]*file.File, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+columns+`
		FROM files source
		JOIN file_copies c ON c.organization_id = $1 AND c.file_id = source.id AND c.record_kind = $2 AND c.record_id IN (`+partsOfRecord+`)
		JOIN files f ON f.organization_id = $1 AND f.id = c.copy_id AND f.record_kind = $2 AND f.record_id = $3
		WHERE source.organization_id = $1 AND source.record_kind = $4 AND source.record_id = $5 AND f.deleted_at IS NULL
		ORDER BY f.created_at, f.id
		LIMIT $6`, org, to.Kind, to.ID, from.Kind, from.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("list copies: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*file.File, error) { return scan(row) })
	if err != nil {
		return nil, fmt.Errorf("list copies: %w", err)
	}
	return all, nil
}
