package testkit

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// AssertTenantKeys checks that the database could be spread over machines by
// organisation, and that no organisation sees another's rows: the primary key,
// every unique index and every foreign key of every table begins with
// organization_id, and row-level security is enabled and forced on it. global
// lists the tables that belong to no organisation; one that is missing or has
// become a tenant's fails as well.
func AssertTenantKeys(t testing.TB, db *Database, global ...string) {
	t.Helper()
	conn := admin(t, db.Name)
	global = append(slices.Clone(global), "goose_db_version")

	type table struct {
		Name          string
		Tenant, Rowed bool
		Keyed         bool
	}
	rows, err := conn.Query(t.Context(), `
		SELECT c.relname::text AS name,
			EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id') AS tenant,
			c.relrowsecurity AND c.relforcerowsecurity AS rowed,
			EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS keyed
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public'
		ORDER BY 1`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByName[table])
	require.NoError(t, err)

	seen := map[string]bool{}
	for _, tab := range tables {
		seen[tab.Name] = true
		if slices.Contains(global, tab.Name) {
			continue
		}
		assert.True(t, tab.Tenant, "table %s has no organization_id and is not listed as global", tab.Name)
		assert.True(t, tab.Rowed, "table %s: row-level security is not enabled and forced", tab.Name)
		assert.True(t, tab.Keyed, "table %s has no primary key", tab.Name)
	}
	for _, g := range global {
		assert.True(t, seen[g], "table %s is listed as global and does not exist", g)
	}

	// Constraints (primary keys, foreign keys) and unique indexes by their first column.
	rows, err = conn.Query(t.Context(), `
		SELECT c.relname::text, x.name, a.attname::text
		FROM (
			SELECT indrelid AS rel, indexrelid::regclass::text AS name, indkey[0] AS first
			FROM pg_index WHERE indisunique
			UNION ALL
			SELECT conrelid, conname::text, conkey[1] FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
		) x
		JOIN pg_class c ON c.oid = x.rel
		JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attribute a ON a.attrelid = x.rel AND a.attnum = x.first
		WHERE n.nspname = 'public' AND NOT c.relispartition AND c.relkind IN ('r', 'p')`)
	require.NoError(t, err)
	type key struct {
		Table, Name string
		Column      *string
	}
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
	require.NoError(t, err)
	for _, k := range keys {
		if slices.Contains(global, k.Table) {
			continue
		}
		assert.True(t, k.Column != nil && *k.Column == "organization_id",
			"%s of table %s does not begin with organization_id", k.Name, k.Table)
	}
}
