package pg_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
)

// Row-level security holds back every operator that PostgreSQL does not know to be leakproof until the policy has been
// checked row by row, unless pg.Provision has marked it: then an index can serve it.
func TestIndexesServeTenantQueries(t *testing.T) {
	t.Parallel()
	tenant, err := schema.Text("tenant")
	require.NoError(t, err)
	db := testkit.Postgres(t, "libs_pg", fstest.MapFS{"0001_create_things.sql": {Data: []byte("-- +goose Up\n" + tenant + `
		CREATE EXTENSION IF NOT EXISTS pg_trgm;
		CREATE TABLE things (organization_id uuid, id uuid, name text, amount numeric, tags text[], PRIMARY KEY (organization_id, id));
		CREATE INDEX things_name ON things USING gin (name gin_trgm_ops);
		CREATE INDEX things_amount ON things (organization_id, amount, id);
		CREATE INDEX things_tags ON things USING gin (tags);
		SELECT kontor_tenant('things');`)}})
	org := newID()
	_, err = db.System.Pool().Exec(t.Context(), `
		INSERT INTO things
		SELECT $1, gen_random_uuid(), md5(n::text), n, ARRAY['t' || n]
		FROM generate_series(1, 20000) n`, org)
	require.NoError(t, err)
	owner, err := pgx.Connect(t.Context(), db.OwnerURL)
	require.NoError(t, err)
	defer func() { _ = owner.Close(context.Background()) }()
	_, err = owner.Exec(t.Context(), `VACUUM ANALYZE things`)
	require.NoError(t, err)

	for sql, index := range map[string]string{
		`SELECT id FROM things WHERE name ILIKE '%acmeco%'`:                                                 "things_name",
		`SELECT id FROM things WHERE name LIKE '%acmeco%'`:                                                  "things_name",
		`SELECT id FROM things WHERE name % 'acmecorporation'`:                                              "things_name",
		`SELECT id FROM things WHERE amount > 19990`:                                                        "things_amount",
		`SELECT id FROM things WHERE (amount, id) > (19990, '0198c0de-0000-7000-8000-000000000001')`:        "things_amount",
		`SELECT id FROM things WHERE organization_id = '` + org + `' ORDER BY amount DESC, id DESC LIMIT 5`: "things_amount",
		`SELECT id FROM things WHERE tags @> '{t7}'`:                                                        "things_tags",
	} {
		rows, err := db.App.Query(t.Context(), org, `EXPLAIN `+sql)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Contains(t, strings.Join(lines, "\n"), index, sql)
	}
}
