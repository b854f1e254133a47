package embedded_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/embedded"
)

func TestPostgresKeepsDataAndAddressOverARestart(t *testing.T) {
	t.Parallel()
	opts := embedded.PostgresOptions{Dir: openDir(t)}
	p := startPostgres(t, opts)
	run(t, p.URL(), `CREATE TABLE kept (n int)`, `INSERT INTO kept VALUES (7)`)
	first := p.URL()
	require.NoError(t, p.Close())
	require.Zero(t, p.PID())

	p = startPostgres(t, opts)
	require.Equal(t, first, p.URL())
	require.Equal(t, 7, queryInt(t, p.URL(), `SELECT n FROM kept`))
}

func TestPostgresIsReachedByASocketWhereThePathAllows(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, embedded.PostgresOptions{Dir: filepath.Join(openDir(t), "pg")})
	require.NotEqual(t, p.URL(), p.SocketURL())
	require.Equal(t, 1, queryInt(t, p.SocketURL(), `SELECT 1`))

	long := filepath.Join(openDir(t), strings.Repeat("long", 30))
	p = startPostgres(t, embedded.PostgresOptions{Dir: long})
	require.Equal(t, p.URL(), p.SocketURL())
	require.Equal(t, 1, queryInt(t, p.SocketURL(), `SELECT 1`))
}

func TestPostgresTakesAnotherPortIfItsOwnIsTaken(t *testing.T) {
	t.Parallel()
	a, b := openDir(t), openDir(t)
	p := startPostgres(t, embedded.PostgresOptions{Dir: a})
	port, err := os.ReadFile(filepath.Join(a, "port"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(b, "port"), port, 0o600))
	q := startPostgres(t, embedded.PostgresOptions{Dir: b})
	require.NotEqual(t, p.URL(), q.URL())
	require.Equal(t, 1, queryInt(t, q.URL(), `SELECT 1`))
}

func TestPostgresOfAKilledProcessIsRecovered(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	v := startVictim(t, dir)
	run(t, v.postgresURL, `CREATE TABLE kept (n int)`, `INSERT INTO kept VALUES (7)`)
	v.kill()

	p := startPostgres(t, embedded.PostgresOptions{Dir: dir + "/postgres"})
	require.Equal(t, 7, queryInt(t, p.URL(), `SELECT n FROM kept`))
}

// The kernel tells the server when its parent dies, but a server that hangs does not listen: here it is stopped by
// SIGSTOP before that.
func TestPostgresThatOutlivedItsProcessIsEnded(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	v := startVictim(t, dir)
	run(t, v.postgresURL, `CREATE TABLE kept (n int)`, `INSERT INTO kept VALUES (7)`)
	require.NoError(t, syscall.Kill(v.postgresPID, syscall.SIGSTOP))
	v.kill()
	t.Cleanup(func() { _ = syscall.Kill(v.postgresPID, syscall.SIGKILL) })
	require.NoError(t, syscall.Kill(v.postgresPID, 0), "still there")

	p := startPostgres(t, embedded.PostgresOptions{Dir: dir + "/postgres"})
	require.Equal(t, 7, queryInt(t, p.URL(), `SELECT n FROM kept`))
	require.NotEqual(t, v.postgresPID, p.PID())
}

func TestPostgresStartsOverALockFileOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	p := startPostgres(t, embedded.PostgresOptions{Dir: dir})
	lock := filepath.Join(dir, "data", "postmaster.pid")
	text, err := os.ReadFile(lock)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	// As after a kill -9 and a reboot: the process ID is somebody else's by now.
	_, rest, _ := strings.Cut(string(text), "\n")
	require.NoError(t, os.WriteFile(lock, []byte(strconv.Itoa(os.Getppid())+"\n"+rest), 0o600))

	p = startPostgres(t, embedded.PostgresOptions{Dir: dir})
	require.Equal(t, 1, queryInt(t, p.URL(), `SELECT 1`))
}

func TestPostgresThatEndsUnaskedIsStartedAgain(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, embedded.PostgresOptions{Dir: openDir(t)})
	before := p.PID()
	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	eventually(t, "a new server", func() bool { return p.PID() != 0 && p.PID() != before })
	require.Equal(t, 1, queryInt(t, p.URL(), `SELECT 1`))
}

func TestPostgresThatEndedUnaskedStaysStoppedOnceStopped(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, embedded.PostgresOptions{Dir: openDir(t)})
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGKILL))
	require.NoError(t, p.Stop(), "whether or not it is being started again just now")
	require.Zero(t, p.PID())
	_, err := pgx.Connect(t.Context(), p.URL())
	require.Error(t, err)
}

func TestPostgresStopsAndStartsAtTheSameAddress(t *testing.T) {
	t.Parallel()
	p := startPostgres(t, embedded.PostgresOptions{Dir: openDir(t)})
	url := p.URL()
	require.NoError(t, p.Stop())
	_, err := pgx.Connect(t.Context(), url)
	require.Error(t, err)
	require.NoError(t, p.Start(t.Context()))
	require.Equal(t, url, p.URL())
	require.Equal(t, 1, queryInt(t, url, `SELECT 1`))
}

func TestPostgresSaysWhichVersionMadeTheData(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("12\n"), 0o600))
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresOptions{Dir: dir})
	require.ErrorContains(t, err, "made by PostgreSQL 12")
	require.ErrorContains(t, err, "install postgresql-12")
}

func TestPostgresSaysWhyItDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresOptions{
		Dir: openDir(t), Settings: map[string]string{"shared_buffers": "never"},
	})
	require.ErrorContains(t, err, "shared_buffers")
}

// As root the server is another user, who cannot pass through a private folder; as anybody else it is ourselves.
func TestPostgresDataBelowAPrivateFolder(t *testing.T) {
	t.Parallel()
	private := filepath.Join(openDir(t), "private")
	require.NoError(t, os.Mkdir(private, 0o700))
	dir := filepath.Join(private, "postgres")
	t.Cleanup(func() {
		if moved, err := os.Readlink(filepath.Join(dir, "moved-to")); err == nil {
			require.NoError(t, os.RemoveAll(moved))
		}
	})
	p := startPostgres(t, embedded.PostgresOptions{Dir: dir})
	run(t, p.URL(), `CREATE TABLE kept (n int)`, `INSERT INTO kept VALUES (7)`)
	require.NoError(t, p.Close())
	p = startPostgres(t, embedded.PostgresOptions{Dir: dir})
	require.Equal(t, 7, queryInt(t, p.URL(), `SELECT n FROM kept`))
}

// The fallback for machines without a server.
func TestPostgresFetched(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatal("npm is missing: install it (Debian: apt-get install npm)")
	}
	cache := openDir(t)
	p := startPostgres(t, embedded.PostgresOptions{Dir: openDir(t), CacheDir: cache, BinDir: "/nonexistent"})
	run(t, p.URL(), `CREATE EXTENSION pg_trgm`, `CREATE EXTENSION btree_gin`, `CREATE EXTENSION unaccent`)
	require.Contains(t, p.Version(), "18")
}

// openDir is a folder that everybody can pass through, which that of t.TempDir is not.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	return dir
}

func startPostgres(t *testing.T, opts embedded.PostgresOptions) *embedded.Postgres {
	t.Helper()
	p, err := embedded.StartPostgres(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func run(t *testing.T, url string, statements ...string) {
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
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
