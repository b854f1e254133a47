package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
)

// The ways that lists take into the table, by the shape of their plans: every sort order and the search for a part of a
// name go by an index, also under row-level security.
func TestListsGoByIndexes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner, err := pgx.Connect(t.Context(), b.db.OwnerURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = owner.Close(t.Context()) })
	_, err = b.db.System.Pool().Exec(t.Context(), `
		INSERT INTO contacts (organization_id, id, version, responsible_id, observer_ids, everyone, external_ids, origin_kind, origin_id,
			created_at, updated_at, phones, emails, links, honorific, first_name, middle_name, last_name, name_key, position, birthday,
			type, addresses, employments, source, language, preferred_channel, consents, vip, comment)
		SELECT $1, gen_random_uuid(), 1, $2, '{}', false, '[]', '', '', now() - n * interval '1 s', now(), '[]', '[]', '[]', '',
			'First' || n, '', 'Last', 'first' || n || ' last', '', '', '', '[]', '[]', '', '', '', '[]', false, repeat('x', 200)
		FROM generate_series(1, 20000) AS n`, b.org, id.New())
	require.NoError(t, err)
	_, err = owner.Exec(t.Context(), `ANALYZE contacts`)
	require.NoError(t, err)

	plan := func(sql string, args ...any) string {
		rows, err := b.db.App.Query(t.Context(), b.org, "EXPLAIN "+sql, args...)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return strings.Join(lines, "\n")
	}
	for order, index := range map[string]string{
		"id DESC": "contacts_pkey", "name_key, id": "contacts_name", "created_at DESC, id DESC": "contacts_created",
		"updated_at, id": "contacts_updated",
	} {
		p := plan(fmt.Sprintf(`SELECT * FROM contacts WHERE organization_id = $1 AND deleted_at IS NULL ORDER BY %s LIMIT 51`, order), b.org)
		require.Contains(t, p, index+" on contacts", order)
		require.NotContains(t, p, "Sort", order)
	}

	// Within the functions, as their owner with their settings.
	tx, err := owner.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	_, err = tx.Exec(t.Context(), `SELECT set_config('kontor.organization', $1, true), set_config('plan_cache_mode', 'force_generic_plan', true)`, b.org)
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `PREPARE named (text, bigint, text) AS WITH hits AS MATERIALIZED (
			SELECT id FROM contacts
			WHERE organization_id = current_setting('kontor.organization')::uuid AND coalesce(search_key, name_key) LIKE $3
				AND name_key LIKE $1
		)
		SELECT id FROM hits LIMIT $2`)
	require.NoError(t, err)
	rows, err := tx.Query(t.Context(), `EXPLAIN EXECUTE named ('%first1234%', 2001, '%first1234%')`)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, strings.Join(lines, "\n"), "Bitmap Index Scan on contacts_search")
}
