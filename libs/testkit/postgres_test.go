package testkit_test

import (
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
)

func migrations(t *testing.T) fstest.MapFS {
	t.Helper()
	shared, err := schema.All()
	require.NoError(t, err)
	return fstest.MapFS{
		"migrations/0001_make_shared_tables.sql": {Data: []byte(shared)},
		"migrations/0002_make_things.sql": {Data: []byte(`-- +goose Up
			CREATE TABLE things (
				organization_id uuid NOT NULL,
				id uuid NOT NULL,
				CONSTRAINT things_pkey PRIMARY KEY (organization_id, id)
			);
			SELECT kontor_tenant('things');
		`)},
	}
}

const (
	orgA = "0198f000-0000-7000-8000-00000000000a"
	orgB = "0198f000-0000-7000-8000-00000000000b"
)

func TestEveryTestHasItsOwnDatabase(t *testing.T) {
	for _, name := range []string{"first", "second", "third"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t, "testkit", migrations(t))
			_, err := db.System.Pool().Exec(t.Context(), `INSERT INTO things VALUES ($1, $1)`, orgA)
			require.NoError(t, err, "the same row in each")
		})
	}
}

func TestAppRoleSeesOneOrganizationAndSystemRoleAll(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, "testkit", migrations(t))
	for _, org := range []string{orgA, orgB} {
		_, err := db.System.Pool().Exec(t.Context(), `INSERT INTO things VALUES ($1, $1)`, org)
		require.NoError(t, err)
	}
	var n int
	require.NoError(t, db.System.Pool().QueryRow(t.Context(), `SELECT count(*) FROM things`).Scan(&n))
	require.Equal(t, 2, n)
	require.NoError(t, db.App.QueryRow(t.Context(), orgA, `SELECT count(*) FROM things`).Scan(&n))
	require.Equal(t, 1, n)

	_, err := db.App.Pool().Exec(t.Context(), `SELECT * FROM things`)
	require.Error(t, err, "no organisation set")
	_, err = db.App.Pool().Exec(t.Context(), `CREATE TABLE mine (n int)`)
	require.ErrorContains(t, err, "permission denied", "the service owns nothing")
}

func TestAssertTenantKeys(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, "testkit", migrations(t))
	testkit.AssertTenantKeys(t, db, "outbox", "inbox_positions", "inbox_parked")

	ctx := t.Context()
	owner, err := pgx.Connect(ctx, db.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = owner.Close(ctx) })
	_, err = owner.Exec(ctx, `CREATE UNIQUE INDEX things_wrong ON things (id, organization_id)`)
	require.NoError(t, err)
	failing := &recorder{TB: t}
	testkit.AssertTenantKeys(failing, db, "outbox", "inbox_positions", "inbox_parked")
	require.Contains(t, failing.said, "things_wrong")
}
