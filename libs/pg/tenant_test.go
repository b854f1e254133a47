package pg_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/testkit"
)

func TestRowsOfAnotherOrganizationAreInvisibleEvenWithAForgottenWhere(t *testing.T) {
	t.Parallel()
	db := database(t)
	mine, theirs := newID(), newID()
	require.NoError(t, create(t.Context(), db.App, mine, newID(), "mine"))
	require.NoError(t, createBlind(t.Context(), db.App, theirs, newID(), "theirs"))

	require.Equal(t, []string{"mine"}, names(t, db.App, mine))
	require.Equal(t, []string{"theirs"}, names(t, db.App, theirs))
	require.Empty(t, names(t, db.App, newID()))

	require.NoError(t, db.App.Read(t.Context(), mine, func(ctx context.Context, tx pgx.Tx) error {
		var n int
		require.NoError(t, tx.QueryRow(ctx, `SELECT count(*) FROM events`).Scan(&n))
		require.Equal(t, 1, n)
		return nil
	}))
	require.NoError(t, db.App.Write(t.Context(), mine, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		tag, err := tx.Exec(ctx, `UPDATE things SET name = 'seized'`)
		require.Equal(t, int64(1), tag.RowsAffected())
		return nil, err
	}))
	require.Equal(t, []string{"theirs"}, names(t, db.App, theirs))
	require.Equal(t, 2, count(t, db, "things"), "the system role sees all")
}

func TestRowsCannotBeWrittenForAnotherOrganization(t *testing.T) {
	t.Parallel()
	db := database(t)
	mine, theirs := newID(), newID()
	err := db.App.Write(t.Context(), mine, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		_, err := tx.Exec(ctx, `INSERT INTO things (organization_id, id, name) VALUES ($1, $2, 'planted')`, theirs, newID())
		return nil, err
	})
	require.Equal(t, "42501", pg.State(err))
	require.Zero(t, count(t, db, "things"))
}

func TestAStatementWithoutOrganizationFails(t *testing.T) {
	t.Parallel()
	db := database(t)
	require.NoError(t, create(t.Context(), db.App, newID(), newID(), "a"))
	// The connection has had an organisation before: it must be gone with its transaction.
	var n int
	err := db.App.Pool().QueryRow(t.Context(), `SELECT count(*) FROM things`).Scan(&n)
	require.Error(t, err)
}

func TestTheApplicationCannotChangeHistoryOrReadTheOutbox(t *testing.T) {
	t.Parallel()
	db := database(t)
	org := newID()
	require.NoError(t, create(t.Context(), db.App, org, newID(), "a"))
	for _, sql := range []string{
		`UPDATE events SET actor = 'me'`,
		`DELETE FROM events`,
		`TRUNCATE events`,
		`SELECT count(*) FROM events_default`,
		`SELECT count(*) FROM outbox`,
		`DELETE FROM outbox`,
		`UPDATE idempotency SET version = 2`,
		`DELETE FROM inbox_positions`,
		`SELECT count(*) FROM inbox_parked`,
		`DELETE FROM goose_db_version`,
		`SET ROLE kontor_accounts`,
	} {
		rows, err := db.App.Query(t.Context(), org, sql)
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		require.Equal(t, "42501", pg.State(err), sql)
	}
}

func TestSharedTablesAreKeyedByOrganization(t *testing.T) {
	t.Parallel()
	// Decisions 26.
	testkit.AssertTenantKeys(t, database(t), "outbox", "inbox_positions", "inbox_parked")
}

func TestAServiceCannotReachAnotherServicesDatabase(t *testing.T) {
	t.Parallel()
	db := database(t)
	admin := testkit.PostgresURL(t)
	other, err := pg.Provision(t.Context(), admin, "libs_other", pg.ProvisionOptions{Secret: "test"})
	require.NoError(t, err)
	again, err := pg.Provision(t.Context(), admin, "libs_other", pg.ProvisionOptions{Secret: "test"})
	require.NoError(t, err, "provisioning what is there")
	require.Equal(t, other, again)

	cfg, err := pgx.ParseConfig(other.Service)
	require.NoError(t, err)
	cfg.Database = db.Name
	_, err = pgx.ConnectConfig(t.Context(), cfg)
	require.Equal(t, "42501", pg.State(err))
}
