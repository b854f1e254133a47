package jobs

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// migrateLock keeps processes that migrate at once from doing so at once.
const migrateLock = `SELECT pg_advisory_lock(hashtext('kontor jobs migrate'))`

// Migrate makes River's schema, or brings it up to date, as the owner role. It is part of a service's migrate step.
func Migrate(ctx context.Context, ownerURL string) error {
	pool, err := pgxpool.New(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, migrateLock); err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	if _, err := conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+Schema); err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: Schema})
	if err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	// kontor_app inserts, which River does with ON CONFLICT … RETURNING; kontor_system works the jobs.
	_, err = conn.Exec(ctx, `
		GRANT USAGE ON SCHEMA `+Schema+` TO kontor_app, kontor_system;
		GRANT SELECT, INSERT, UPDATE ON `+Schema+`.river_job TO kontor_app;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA `+Schema+` TO kontor_system;
		REVOKE INSERT, UPDATE, DELETE ON `+Schema+`.river_migration FROM kontor_system;
		GRANT USAGE ON ALL SEQUENCES IN SCHEMA `+Schema+` TO kontor_app, kontor_system`)
	if err != nil {
		return fmt.Errorf("jobs: grants: %w", err)
	}
	return nil
}
