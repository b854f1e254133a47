package customfields_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// A page of 100,000 records filtered and sorted by custom fields, against a bare select with a column and an index for it.
func BenchmarkPage(b *testing.B) {
	w := setup(b)
	f := w.define("contact", &customfieldsv1.CustomField{Label: "Word", Type: customfieldsv1.Type_TYPE_STRING})
	g := w.define("contact", &customfieldsv1.CustomField{Label: "Area", Type: customfieldsv1.Type_TYPE_NUMBER})
	owner, err := pgx.Connect(b.Context(), w.db.OwnerURL)
	require.NoError(b, err)
	b.Cleanup(func() { _ = owner.Close(b.Context()) })
	fill := func(sql string, args ...any) {
		_, err := w.db.System.Pool().Exec(b.Context(), sql, args...)
		require.NoError(b, err)
	}
	fill(`INSERT INTO records SELECT $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'name' || (n * 7919 % 100000), '{}'
		FROM generate_series(1, 100000) n`, w.org)
	fill(`INSERT INTO custom_values (organization_id, record_id, field_id, value, searchable, live, is_unique)
		SELECT $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, f, v, f = $2, true, false
		FROM generate_series(1, 100000) n, LATERAL (VALUES ($2::uuid, 'word ' || (n % 20)), ($3::uuid, '25005' || lpad((n * 31 % 100000)::text, 5, '0'))) x (f, v)`,
		w.org, f.GetId(), g.GetId())
	_, err = owner.Exec(b.Context(), `ALTER TABLE records ADD COLUMN word text, ADD COLUMN area int`)
	require.NoError(b, err)
	_, err = w.db.System.Pool().Exec(b.Context(), `UPDATE records SET word = 'word ' || (right(id::text, 12)::int % 20), area = right(id::text, 12)::int * 31 % 100000`)
	require.NoError(b, err)
	_, err = owner.Exec(b.Context(), `CREATE INDEX records_area ON records (organization_id, area, id); VACUUM`)
	if err != nil {
		_, err = owner.Exec(b.Context(), `CREATE INDEX IF NOT EXISTS records_area ON records (organization_id, area, id)`)
	}
	require.NoError(b, err)
	_, err = owner.Exec(b.Context(), `ANALYZE records; ANALYZE custom_values`)
	require.NoError(b, err)

	req := listRequest{filter: `custom_fields.word = "word 7"`, orderBy: "custom_fields.area", size: 50}
	deep := req
	for range 20 {
		deep.size = 200
		_, next, err := w.page(deep)
		require.NoError(b, err)
		deep.token = next
	}
	deep.size = 50
	for name, r := range map[string]listRequest{"first": req, "deep": deep, "sorted": {orderBy: "custom_fields.area", size: 50}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _, err := w.page(r)
				require.NoError(b, err)
			}
		})
	}
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			rows, err := w.db.App.Query(b.Context(), w.org, `SELECT name FROM records WHERE organization_id = $1 AND word = $2 ORDER BY area, id LIMIT 51`, w.org, "word 7")
			require.NoError(b, err)
			_, err = pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(b, err)
		}
	})
}
