package migrate_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/pg/migrate"
	"kontor.internal/libs/testkit"
)

func TestCheckWantsAllMigrationsAndAllowsNewer(t *testing.T) {
	t.Parallel()
	first := &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE a (organization_id uuid PRIMARY KEY);")}
	second := &fstest.MapFile{Data: []byte("-- +goose Up\nALTER TABLE a ADD b int;")}
	old := fstest.MapFS{"migrations/0001_create_a.sql": first}
	current := fstest.MapFS{"migrations/0001_create_a.sql": first, "migrations/0002_add_b.sql": second}
	db := testkit.Postgres(t, "libs_migrate", old)

	require.NoError(t, migrate.Check(t.Context(), db.App, old))
	require.ErrorIs(t, migrate.Check(t.Context(), db.App, current), migrate.ErrOutdated)

	done := make(chan error)
	for range 2 { // two replicas deploy at once
		go func() { done <- migrate.Up(t.Context(), db.OwnerURL, current) }()
	}
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.NoError(t, migrate.Check(t.Context(), db.App, current))
	require.NoError(t, migrate.Check(t.Context(), db.App, old), "the previous version runs on beside the new one")

	latest, err := migrate.Latest(current)
	require.NoError(t, err)
	require.Equal(t, int64(2), latest)
	require.Error(t, migrate.Up(t.Context(), db.OwnerURL, fstest.MapFS{}), "a binary without migrations is a broken build")
}
