package store_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
	"kontor.internal/services/contacts/internal/record"
)

// fillPoints adds what n contacts are looked up by: a name, a number and an e-mail address each, of which one in twenty shares
// its number and one in thirty its address with the one before, a name with a letter missing then.
func (b *bundle) fillPoints(t testing.TB, n int) {
	t.Helper()
	_, err := b.db.System.Pool().Exec(t.Context(), `
		WITH people AS MATERIALIZED (
			SELECT n, md5('r' || n)::uuid AS id, substr(md5('f' || n % 7919), 1, 3 + n % 5) AS first, substr(md5('l' || n / 3), 1, 5 + n % 4) AS last
			FROM generate_series(1, $2::int) AS n
		)
		INSERT INTO contact_points (organization_id, kind, value, record_kind, record_id)
		SELECT $1::uuid, 'phone', '+49' || 1000000000 + n - CASE WHEN n % 20 = 0 THEN 1 ELSE 0 END, 'contact', id FROM people
		UNION ALL
		SELECT $1::uuid, 'email', 'p' || n - CASE WHEN n % 30 = 0 THEN 1 ELSE 0 END || '@example.com', 'contact', id FROM people
		UNION ALL
		SELECT $1::uuid, 'name', translate(first, '0123456789', 'aeioumnrst') || ' ' || translate(last, '0123456789', 'aeioumnrst'), 'contact', id FROM people`, b.org, n)
	require.NoError(t, err)
	owner, err := pgx.Connect(t.Context(), b.db.OwnerURL)
	require.NoError(t, err)
	defer func() { _ = owner.Close(t.Context()) }()
	_, err = owner.Exec(t.Context(), `VACUUM ANALYZE contact_points`)
	require.NoError(t, err)
}

func (b *bundle) scan(t testing.TB) (pairs int64) {
	t.Helper()
	require.NoError(t, b.store.ScanDuplicates(b.ctx(t), b.org, record.Contact, id.New(),
		func(_ context.Context, _ pgx.Tx, found int64) error { pairs = found; return nil }))
	return pairs
}

// CON-16: what shares a number or an address is found among many, in time by the number of records.
func TestScanOfMany(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fillPoints(t, 6000)
	pairs := b.scan(t)
	require.GreaterOrEqual(t, pairs, int64(6000/60), "those that share both, whatever they are called")
	require.Equal(t, pairs, b.scan(t), "a scan finds what the one before has found")
}

// BenchmarkScan compares a whole base: KONTOR_BENCH_CONTACTS contacts, 100,000 unless another number is given.
func BenchmarkScan(t *testing.B) {
	n, err := strconv.Atoi(os.Getenv("KONTOR_BENCH_CONTACTS"))
	if err != nil {
		n = 100_000
	}
	b := setup(t)
	b.fillPoints(t, n)
	var pairs int64
	for t.Loop() {
		pairs = b.scan(t)
	}
	t.ReportMetric(float64(n)*float64(t.N)/t.Elapsed().Seconds(), "records/s")
	t.ReportMetric(float64(pairs), "pairs")
}
