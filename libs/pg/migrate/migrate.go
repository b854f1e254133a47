// Package migrate brings a service's schema up to date with the files embedded in its binary (goose, forward only).
//
// Migrations are a step of their own, run by the owner role before the new version starts; a service only checks that
// the schema is not older than it needs.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver goose works through
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"kontor.internal/libs/pg"
)

// ErrOutdated says that migrations have not been run for this version of the service.
var ErrOutdated = errors.New("the database schema is older than this binary; run its migrate command first")

// Up applies what is missing. It may run in several processes at once: one does the work.
func Up(ctx context.Context, ownerURL string, files fs.FS) (err error) {
	files, err = folder(files)
	if err != nil {
		return err
	}
	db, err := sql.Open("pgx", ownerURL)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return after(ctx, db)
}

// after is what does not depend on a version.
func after(ctx context.Context, db *sql.DB) error {
	// The version is for the owner to change; services read it.
	if _, err := db.ExecContext(ctx, `REVOKE INSERT, UPDATE, DELETE ON goose_db_version FROM kontor_app, kontor_system`); err != nil {
		return fmt.Errorf("migrate: protect versions: %w", err)
	}
	var partitioned bool
	const known = `SELECT to_regprocedure('kontor_event_partitions(int)') IS NOT NULL`
	if err := db.QueryRowContext(ctx, known).Scan(&partitioned); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if !partitioned {
		return nil
	}
	if _, err := db.ExecContext(ctx, `SELECT kontor_event_partitions($1)`, pg.PartitionsAhead); err != nil {
		return fmt.Errorf("migrate: make partitions: %w", err)
	}
	return nil
}

// Check returns ErrOutdated unless all files have been applied. A newer schema is fine: two versions of a service run
// side by side during an upgrade.
func Check(ctx context.Context, db *pg.DB, files fs.FS) error {
	want, err := Latest(files)
	if err != nil {
		return err
	}
	var have int64
	err = db.Pool().QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have)
	switch {
	case pg.State(err) == undefinedTable:
		return ErrOutdated
	case errors.Is(err, pgx.ErrNoRows) || (err == nil && have < want):
		return fmt.Errorf("%w: version %d, need %d", ErrOutdated, have, want)
	case err != nil:
		return fmt.Errorf("schema version: %w", err)
	}
	return nil
}

const undefinedTable = "42P01"

// Latest is the highest version among files.
func Latest(files fs.FS) (int64, error) {
	files, err := folder(files)
	if err != nil {
		return 0, err
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("migrations: %w", err)
	}
	var last int64
	for _, n := range names {
		v, err := goose.NumericComponent(n)
		if err != nil {
			return 0, fmt.Errorf("migration %s: %w", n, err)
		}
		last = max(last, v)
	}
	return last, nil
}

// folder finds the files at the root or, as go:embed leaves them, in migrations/.
func folder(files fs.FS) (fs.FS, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	if len(names) > 0 {
		return files, nil
	}
	if names, err = fs.Glob(files, "migrations/*.sql"); err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("migrations: no .sql files")
	}
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return sub, nil
}
