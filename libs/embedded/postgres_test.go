package embedded_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/embedded"
)

func TestPostgresKeepsDataAndAddressOverARestart(t *testing.T) {
	dir := t.TempDir()
	opts := embedded.PostgresOptions{Dir: dir}
	start := time.Now()
	p, err := embedded.StartPostgres(t.Context(), opts)
	require.NoError(t, err)
	t.Log("first start", time.Since(start))
	exec(t, p.URL(), `CREATE TABLE kept (n int)`, `INSERT INTO kept VALUES (7)`)
	first := p.URL()
	require.NoError(t, p.Close())
	require.Zero(t, p.PID())

	start = time.Now()
	p, err = embedded.StartPostgres(t.Context(), opts)
	require.NoError(t, err)
	t.Log("second start", time.Since(start))
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	require.Equal(t, first, p.URL())
	require.Equal(t, 7, queryInt(t, p.URL(), `SELECT n FROM kept`))
}

func exec(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn := connect(t, url)
	for _, s := range statements {
		_, err := conn.Exec(t.Context(), s)
		require.NoError(t, err)
	}
}

func queryInt(t *testing.T, url, sql string) (n int) {
	t.Helper()
	require.NoError(t, connect(t, url).QueryRow(t.Context(), sql).Scan(&n))
	return n
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
