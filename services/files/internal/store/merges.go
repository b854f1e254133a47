package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/publish"
)

// Merges makes files follow the merges of companies, contacts and leads (CON-16).
//
// Nothing is known of the order in which records tell of merges. So where a file hangs is not moved step by step but
// follows from two things: the record that it was put on, its home, and which records are part of which now.
type Merges struct {
	// System is opened with pg.RoleSystem.
	System *pg.DB
	Clock  clock.Clock
}

// Merged is what contacts tells of a record: that it is part of another, or, with an empty IntoID, one of its own again.
type Merged struct {
	MergeID string
	Record  file.Record
	IntoID  string
	// Version of the record.
	Version int64
}

// The merges of an organisation, held by who changes them, shared by who puts files on records: nobody puts one on a
// record just when its files leave. It is taken before any row.
const (
	holdMerges  = `SELECT pg_advisory_xact_lock(hashtextextended('files merges ' || $1::text, 0))`
	shareMerges = `SELECT pg_advisory_xact_lock_shared(hashtextextended('files merges ' || $1::text, 0))`
)

// Apply notes it and moves the files, within the transaction of a consumer. Told again it changes nothing.
func (s *Merges) Apply(ctx context.Context, tx pgx.Tx, org string, m Merged) error {
	if _, err := tx.Exec(ctx, holdMerges, org); err != nil {
		return fmt.Errorf("hold merges: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO merged_records AS r (organization_id, kind, id, into_id, version) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT ON CONSTRAINT merged_records_pkey DO UPDATE SET into_id = excluded.into_id, version = excluded.version
		WHERE r.version < excluded.version`, org, m.Record.Kind, m.Record.ID, null(m.IntoID), m.Version)
	if err != nil {
		return fmt.Errorf("note merge: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	var to file.Record
	switch to, err = scanCurrent(tx.QueryRow(ctx, currentRecord, org, m.Record.Kind, m.Record.ID), m.Record); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil // in a circle until an undo is told: what is in it waits
	case err != nil:
		return err
	}
	evs, err := s.move(ctx, tx, org, m, to)
	if err != nil {
		return err
	}
	return s.System.Append(ctx, tx, org, evs...)
}

// move hangs all files that were put on a record or on one that is part of it on another.
func (s *Merges) move(ctx context.Context, tx pgx.Tx, org string, m Merged, to file.Record) ([]event.Event, error) {
	parts, err := partsOf(ctx, tx, org, m.Record)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT `+columns+`, home.record_id::text
		FROM (
			SELECT id, record_id FROM files
			WHERE organization_id = $1 AND record_kind = $2 AND record_id = ANY($3::text[]::uuid[])
				AND NOT EXISTS (SELECT FROM file_homes h WHERE h.organization_id = $1 AND h.file_id = files.id)
			UNION ALL
			SELECT file_id, record_id FROM file_homes
			WHERE organization_id = $1 AND record_kind = $2 AND record_id = ANY($3::text[]::uuid[])
		) AS home (file_id, record_id)
		JOIN files f ON f.organization_id = $1 AND f.id = home.file_id
		WHERE f.record_id <> $4
		ORDER BY f.id
		FOR UPDATE OF f`, org, to.Kind, parts, to.ID)
	if err != nil {
		return nil, fmt.Errorf("read files of a merged record: %w", err)
	}
	var evs []event.Event
	b := &pgx.Batch{}
	now := s.Clock.Now().UTC()
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var home string
		f, err := scan(row, &home)
		if err != nil {
			return struct{}{}, err
		}
		queueHome(b, org, f.ID, file.Record{Kind: to.Kind, ID: home}, to)
		ev := f.Follow(to, now)
		b.Queue(`UPDATE files SET record_id = $3, version = $4, updated_at = $5 WHERE organization_id = $1 AND id = $2`,
			org, f.ID, f.Record.ID, f.Version, f.UpdatedAt)
		evs = append(evs, publish.Event(ev, event.Cause("merge/"+m.MergeID), event.Actor("service:files")))
		return struct{}{}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read files of a merged record: %w", err)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("move files of a merged record: %w", err)
	}
	return evs, nil
}

// queueHome remembers what a file was put on unless it hangs there.
func queueHome(b *pgx.Batch, org, id string, home, on file.Record) {
	if home == on {
		b.Queue(`DELETE FROM file_homes WHERE organization_id = $1 AND file_id = $2`, org, id)
		return
	}
	b.Queue(`
		INSERT INTO file_homes (organization_id, file_id, record_kind, record_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT ON CONSTRAINT file_homes_pkey DO NOTHING`, org, id, home.Kind, home.ID)
}

// partsOfRecord finds a record and all that are part of it.
const partsOfRecord = `
	WITH RECURSIVE part (id) AS (
		SELECT $3::uuid
		UNION
		SELECT m.id FROM part JOIN merged_records m ON m.organization_id = $1 AND m.kind = $2 AND m.into_id = part.id
	)
	SELECT id FROM part`

func partsOf(ctx context.Context, tx pgx.Tx, org string, rec file.Record) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT id::text FROM (`+partsOfRecord+`) AS parts`, org, rec.Kind, rec.ID)
	if err != nil {
		return nil, fmt.Errorf("read parts of a record: %w", err)
	}
	parts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read parts of a record: %w", err)
	}
	return parts, nil
}

// currentRecord finds the record that one is part of now, itself if of none; no row if there is no such in a circle.
const currentRecord = `
	WITH RECURSIVE up (id) AS (
		SELECT $3::uuid
		UNION
		SELECT m.into_id
		FROM up JOIN merged_records m ON m.organization_id = $1 AND m.kind = $2 AND m.id = up.id
		WHERE m.into_id IS NOT NULL
	)
	SELECT id::text FROM up
	WHERE NOT EXISTS (
		SELECT FROM merged_records m
		WHERE m.organization_id = $1 AND m.kind = $2 AND m.id = up.id AND m.into_id IS NOT NULL)`

func scanCurrent(row pgx.Row, rec file.Record) (file.Record, error) {
	if err := row.Scan(&rec.ID); err != nil {
		return rec, fmt.Errorf("follow merges: %w", err)
	}
	return rec, nil
}

// Current returns the record that one is part of now: itself unless it was merged into another.
func (s *Store) Current(ctx context.Context, org string, rec file.Record) (file.Record, error) {
	if !rec.Merges() {
		return rec, nil
	}
	to, err := scanCurrent(s.DB.QueryRow(ctx, org, currentRecord, org, rec.Kind, rec.ID), rec)
	if errors.Is(err, pgx.ErrNoRows) {
		return rec, nil
	}
	return to, err
}

// settle returns the record that a file is hung on which is to be put on rec, and keeps that true until the transaction
// ends.
func settle(ctx context.Context, tx pgx.Tx, org string, rec file.Record) (file.Record, error) {
	if !rec.Merges() {
		return rec, nil
	}
	if _, err := tx.Exec(ctx, shareMerges, org); err != nil {
		return rec, fmt.Errorf("share merges: %w", err)
	}
	to, err := scanCurrent(tx.QueryRow(ctx, currentRecord, org, rec.Kind, rec.ID), rec)
	if errors.Is(err, pgx.ErrNoRows) {
		return rec, nil
	}
	return to, err
}
