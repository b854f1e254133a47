package testkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/embedded"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/pg/migrate"
)

// secret derives the passwords of test roles: the same in all processes that
// share a server.
const secret = "test"

// postgresServer is one per test process.
var postgresServer shared[string]

// Database is a database of one test's own.
type Database struct {
	// App works as kontor_app: row-level security shows it one organisation.
	App *pg.DB
	// System works as kontor_system: it sees all organisations.
	System *pg.DB
	// URL is the login role's address and OwnerURL that of the tables' owner.
	URL, OwnerURL string
	// Name of the database.
	Name string
}

// Postgres returns a new database with the service's migrations run. name is the
// service's, from which its roles are named; migrations are those it embeds.
//
// The migrations run once, into a template that every test's database is copied
// from and that stays as long as the server; their content names it. groups are
// roles the service may take on besides kontor_app and kontor_system.
func Postgres(t testing.TB, name string, migrations fs.FS, groups ...string) *Database {
	t.Helper()
	admin := PostgresURL(t)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	template, err := template(ctx, admin, name, migrations, groups)
	if err != nil {
		t.Fatalf("testkit: template database of %s: %v", name, err)
	}
	db := &Database{Name: strings.ReplaceAll(Unique("t_"+name), ".", "_")}
	urls, err := pg.Provision(ctx, admin, name, pg.ProvisionOptions{
		Database: db.Name, Template: template, Secret: secret, Groups: groups,
	})
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() { drop(t, admin, db.Name) })
	db.URL, db.OwnerURL = urls.Service, urls.Owner
	db.App = db.Open(t, pg.RoleApp)
	db.System = db.Open(t, pg.RoleSystem)
	return db
}

// EmptyDatabase returns a new database as an operator makes it for a service: with its roles and without a table. It is
// for tests of migrations and of whole processes; App and System are nil.
func EmptyDatabase(t testing.TB, name string, groups ...string) *Database {
	t.Helper()
	admin := PostgresURL(t)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	db := &Database{Name: strings.ReplaceAll(Unique("t_"+name), ".", "_")}
	urls, err := pg.Provision(ctx, admin, name, pg.ProvisionOptions{Database: db.Name, Secret: secret, Groups: groups})
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() { drop(t, admin, db.Name) })
	db.URL, db.OwnerURL = urls.Service, urls.Owner
	return db
}

// Open returns another pool of the database, in that role, closed with the test.
func (d *Database) Open(t testing.TB, role string) *pg.DB {
	t.Helper()
	db, err := pg.Open(t.Context(), pg.Config{URL: d.URL, Role: role, MaxConns: 8})
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// PostgresURL is the administrator's URL of the server that tests run on: the
// one KONTOR_TEST_POSTGRES_URL names, else one that this process starts.
func PostgresURL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("KONTOR_TEST_POSTGRES_URL"); url != "" {
		return url
	}
	return postgresServer.get(t, func() (string, error) {
		dir, err := os.MkdirTemp("", "kontor-test-pg-*") //nolint:usetesting // outlives the test that asks first
		if err != nil {
			return "", err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // the server may be another user
			return "", err
		}
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = dir
		}
		p, err := embedded.StartPostgres(context.Background(), embedded.PostgresOptions{
			Dir: dir, CacheDir: cache + "/kontor", Throwaway: true,
		})
		if err != nil {
			return "", err
		}
		return p.URL(), removeAfterExit(dir, p.PID())
	})
}

// template makes the migrated database that others are copied from, unless it is
// there, and returns its name.
func template(ctx context.Context, admin, name string, migrations fs.FS, groups []string) (string, error) {
	hash, err := contentHash(migrations)
	if err != nil {
		return "", err
	}
	db := "tmpl_" + name + "_" + hash
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()

	// Several processes test at once. The lock goes with the connection.
	lock := fnv.New32a()
	_, _ = lock.Write([]byte(db))
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(lock.Sum32())); err != nil {
		return "", err
	}
	var ready bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND NOT datallowconn)`, db).Scan(&ready)
	if err != nil || ready {
		return db, err
	}
	quoted := pgx.Identifier{db}.Sanitize()
	if _, err := conn.Exec(ctx, `DROP DATABASE IF EXISTS `+quoted+` WITH (FORCE)`); err != nil { // half made
		return "", err
	}
	urls, err := pg.Provision(ctx, admin, name, pg.ProvisionOptions{Database: db, Secret: secret, Groups: groups})
	if err != nil {
		return "", err
	}
	if err := migrate.Up(ctx, urls.Owner, migrations); err != nil {
		return "", err
	}
	// Nobody can be connected to it from now on, which copying demands; and it
	// marks the template as complete.
	if _, err := conn.Exec(ctx, `ALTER DATABASE `+quoted+` ALLOW_CONNECTIONS false`); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, db)
	return db, err
}

// contentHash covers the names and texts of all files.
func contentHash(files fs.FS) (string, error) {
	sum := sha256.New()
	n := 0
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		n++
		_, err = fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err == nil && n == 0 {
		err = errors.New("no migrations: the embedded files are empty")
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], err
}

func drop(t testing.TB, admin, db string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		t.Logf("testkit: drop %s: %v", db, err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	// FORCE: a test may leave a connection, and that is not what it tests.
	if _, err := conn.Exec(ctx, `DROP DATABASE IF EXISTS `+pgx.Identifier{db}.Sanitize()+` WITH (FORCE)`); err != nil {
		t.Logf("testkit: drop %s: %v", db, err)
	}
}

// admin connects to a database as the server's administrator.
func admin(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	u, err := url.Parse(PostgresURL(t))
	if err != nil {
		t.Fatal("testkit: the administrator's URL is not one")
	}
	u.Path = "/" + database
	conn, err := pgx.Connect(t.Context(), u.String())
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
