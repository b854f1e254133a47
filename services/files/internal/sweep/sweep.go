// Package sweep clears away what nobody can use any more: files that have been in the bin for 30 days, contents that
// nothing refers to, bytes that a crash has left behind.
//
//	referred to ──last reference gone──► doomed ──a day later──► bytes deleted, row deleted
//	     ▲                                  │
//	     └────────uploaded once more────────┘
package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/blob"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/services/files/internal/file"
	"kontor.internal/services/files/internal/publish"
)

const (
	every = time.Hour
	// grace is how long contents without a reference are kept: an upload may be under way.
	grace = 24 * time.Hour
	// listEvery is how often all bytes are looked at.
	listEvery = 24 * time.Hour
	some      = 200
)

// Sweeper clears away. Replicas may do so at the same time.
type Sweeper struct {
	// DB works as kontor_app, System as kontor_system.
	DB, System *pg.DB
	Blobs      *blob.Store
	Clock      clock.Clock
	Log        *slog.Logger
}

// Run sweeps until ctx is done.
func (s *Sweeper) Run(ctx context.Context) error {
	t := time.NewTicker(every)
	defer t.Stop()
	var listed time.Time
	for {
		err := s.Once(ctx)
		if now := s.Clock.Now(); err == nil && now.Sub(listed) >= listEvery {
			listed = now
			err = s.Strays(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "clearing away files; trying again later", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Once purges the bin, marks contents that nothing refers to, and deletes those marked long enough.
func (s *Sweeper) Once(ctx context.Context) error {
	if err := s.purge(ctx); err != nil {
		return fmt.Errorf("purge the bin: %w", err)
	}
	if err := s.doom(ctx); err != nil {
		return fmt.Errorf("mark contents: %w", err)
	}
	if err := s.clear(ctx); err != nil {
		return fmt.Errorf("delete contents: %w", err)
	}
	return nil
}

// old is a file that has been in the bin long enough.
type old struct{ org, id string }

func (s *Sweeper) purge(ctx context.Context) error {
	for {
		rows, err := s.System.Pool().Query(ctx, `
			SELECT organization_id::text, id::text FROM files WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2`,
			s.Clock.Now().UTC().Add(-file.BinTime), some)
		if err != nil {
			return err
		}
		olds, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (old, error) {
			var o old
			return o, row.Scan(&o.org, &o.id)
		})
		if err != nil || len(olds) == 0 {
			return err
		}
		for _, o := range olds {
			if err := s.purgeOne(ctx, o); err != nil {
				return err
			}
		}
	}
}

func (s *Sweeper) purgeOne(ctx context.Context, o old) error {
	return s.DB.Write(ctx, o.org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		f := file.File{ID: o.id}
		var deleted time.Time
		err := tx.QueryRow(ctx, `
			DELETE FROM files
			WHERE organization_id = $1 AND id = $2 AND deleted_at < $3
			RETURNING name, coalesce(record_kind, ''), coalesce(record_id::text, ''), uploader_id::text, content_version, content_type, size,
				sha256, version + 1, created_at, updated_at, deleted_at`,
			o.org, o.id, s.Clock.Now().UTC().Add(-file.BinTime)).Scan(&f.Name, &f.Record.Kind, &f.Record.ID, &f.UploaderID,
			&f.ContentVersion, &f.Content.Type, &f.Content.Size, &f.Content.SHA256, &f.Version, &f.CreatedAt, &f.UpdatedAt, &deleted)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil // restored, or purged by a replica
		}
		if err != nil {
			return nil, err
		}
		f.DeletedAt = deleted
		return []event.Event{publish.Event(file.Purged{File: f})}, nil
	})
}

// doom marks contents that nothing refers to.
func (s *Sweeper) doom(ctx context.Context) error {
	_, err := s.System.Pool().Exec(ctx, `
		UPDATE contents c SET doomed_at = $1
		WHERE doomed_at IS NULL AND NOT EXISTS (
			SELECT FROM file_versions v WHERE v.organization_id = c.organization_id AND v.sha256 = c.sha256)`, s.Clock.Now().UTC())
	return err
}

// clear deletes contents that were marked long enough ago. The row is held while the bytes go: who refers to the content
// meanwhile waits, finds the row gone, and then the bytes, and says so to the uploader.
func (s *Sweeper) clear(ctx context.Context) error {
	for {
		var found bool
		err := s.System.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
			found = false
			var org, sum, key string
			err := tx.QueryRow(ctx, `
				SELECT organization_id::text, sha256, key
				FROM contents c
				WHERE doomed_at < $1 AND NOT EXISTS (
					SELECT FROM file_versions v WHERE v.organization_id = c.organization_id AND v.sha256 = c.sha256)
				LIMIT 1
				FOR UPDATE SKIP LOCKED`, s.Clock.Now().UTC().Add(-grace)).Scan(&org, &sum, &key)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			found = true
			if err := s.Blobs.Delete(ctx, key); err != nil && !errors.Is(err, blob.ErrNotFound) {
				return err
			}
			_, err = tx.Exec(ctx, `DELETE FROM contents WHERE organization_id = $1 AND sha256 = $2`, org, sum)
			return err
		})
		if err != nil || !found {
			return err
		}
	}
}

// Strays finds bytes that no content knows of, left by a crash between upload and commit, and makes them doomed contents.
func (s *Sweeper) Strays(ctx context.Context) error {
	var batch []blob.Object
	flush := func() error {
		defer func() { batch = batch[:0] }()
		return s.adopt(ctx, batch)
	}
	limit := s.Clock.Now().Add(-grace)
	err := s.Blobs.List(ctx, func(o blob.Object) error {
		if o.ModTime.After(limit) {
			return nil
		}
		if batch = append(batch, o); len(batch) == some {
			return flush()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for stray contents: %w", err)
	}
	return flush()
}

func (s *Sweeper) adopt(ctx context.Context, batch []blob.Object) error {
	var orgs, sums, keys []string
	var sizes []int64
	for _, o := range batch {
		parts := strings.Split(o.Key, "/")
		if len(parts) != 3 || !id.Valid(parts[0]) {
			continue // not ours
		}
		orgs, sums, keys, sizes = append(orgs, parts[0]), append(sums, parts[2]), append(keys, o.Key), append(sizes, o.Size)
	}
	if len(orgs) == 0 {
		return nil
	}
	_, err := s.System.Pool().Exec(ctx, `
		INSERT INTO contents (organization_id, sha256, key, size, doomed_at)
		SELECT org, sum, key, size, $5
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[]) AS n (org, sum, key, size)
		ON CONFLICT DO NOTHING`, orgs, sums, keys, sizes, s.Clock.Now().UTC())
	if err != nil {
		return fmt.Errorf("adopt stray contents: %w", err)
	}
	return nil
}
