package pg_test

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
)

// things is a tenant table as a service has them.
const things = `
CREATE TABLE things (
    organization_id uuid NOT NULL,
    id              uuid NOT NULL,
    name            text NOT NULL,
    version         bigint NOT NULL DEFAULT 1,
    CONSTRAINT things_pkey PRIMARY KEY (organization_id, id),
    CONSTRAINT things_name UNIQUE (organization_id, name) DEFERRABLE INITIALLY IMMEDIATE
);
SELECT kontor_tenant('things');
`

func database(t testing.TB) *testkit.Database {
	t.Helper()
	sql, err := schema.All()
	require.NoError(t, err)
	return testkit.Postgres(t, "libs_pg", fstest.MapFS{"0001_create_tables.sql": {Data: []byte(sql + things)}})
}

func as(t testing.TB, org, user string) context.Context {
	t.Helper()
	return authn.With(t.Context(), authn.Principal{OrganizationID: org, UserID: user})
}

func created(thing string, version int64, opts ...event.Option) event.Event {
	return event.New("kontor.things.v1", "thing", thing, version, wrapperspb.String(thing), opts...)
}

// create adds a thing the way stores do.
func create(ctx context.Context, db *pg.DB, org, thing, name string) error {
	return db.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		_, err := tx.Exec(ctx, `INSERT INTO things (organization_id, id, name) VALUES ($1, $2, $3)`, org, thing, name)
		return []event.Event{created(thing, 1)}, err
	})
}

// createBlind adds a thing in one round trip.
func createBlind(ctx context.Context, db *pg.DB, org, thing, name string) error {
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO things (organization_id, id, name) VALUES ($1, $2, $3)`, org, thing, name)
	return db.WriteBatch(ctx, org, b, created(thing, 1))
}

// count sees all organisations.
func count(t testing.TB, db *testkit.Database, table string) int {
	t.Helper()
	var n int
	require.NoError(t, db.System.Pool().QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n))
	return n
}

func names(t testing.TB, db *pg.DB, org string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), org, `SELECT name FROM things ORDER BY name`)
	require.NoError(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return got
}

func newID() string { return id.New() }

const soon = 10 * time.Second
