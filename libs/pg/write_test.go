package pg_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/testkit"
)

func TestAWriteStoresEventAndOutboxWithTheRows(t *testing.T) {
	t.Parallel()
	db := database(t)
	org, user, responsible := newID(), newID(), newID()
	now := time.Date(2026, 11, 21, 10, 0, 0, 123000, time.UTC)
	effective := now.AddDate(-2, 0, 0)
	app, err := pg.Open(t.Context(), pg.Config{URL: db.URL, Clock: clock.Fixed(now)})
	require.NoError(t, err)
	defer app.Close()
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	ctx := trace.ContextWithSpanContext(authn.WithAddress(as(t, org, user), "203.0.113.7"), span)

	for name, write := range map[string]func(ctx context.Context, evs ...event.Event) error{
		"read-modify-write": func(ctx context.Context, evs ...event.Event) error {
			return app.Write(ctx, org, func(context.Context, pgx.Tx) ([]event.Event, error) { return evs, nil })
		},
		"blind": func(ctx context.Context, evs ...event.Event) error {
			return app.WriteBatch(ctx, org, &pgx.Batch{}, evs...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := idem.With(ctx, idem.Request{Method: name, ID: "key-1", Hash: []byte{1}})
			thing, others := newID(), []event.Event{}
			full := created(thing, 3, event.Effective(&effective), event.Responsible(responsible, user), event.Cause("import"))
			for range 3 {
				others = append(others, created(newID(), 1))
			}
			require.NoError(t, write(ctx, full)) // one event has a statement of its own
			require.NoError(t, write(ctx, append([]event.Event{created(thing, 4)}, others...)...))

			got, err := app.EventAt(ctx, org, "thing", thing, 3)
			require.NoError(t, err)
			want := full
			want.Organization, want.Actor, want.HappenedAt = org, user, now
			want.Address, want.RequestID = "203.0.113.7", "key-1"
			want.TraceParent = "00-01000000000000000000000000000000-0200000000000000-01"
			require.Equal(t, want, got)

			history, err := app.History(ctx, org, "thing", thing, 0, 10)
			require.NoError(t, err)
			require.Len(t, history, 2)
			require.Equal(t, int64(4), history[0].Version)
			// ID-10: every write of a request is told to be the request's, not only the one that answers it.
			require.Equal(t, "key-1", history[0].RequestID)
			history, err = app.History(ctx, org, "thing", thing, 4, 10)
			require.NoError(t, err)
			require.Len(t, history, 1)
			_, err = app.EventAt(ctx, org, "thing", thing, 9)
			require.ErrorIs(t, err, event.ErrNotFound)
			_, err = app.EventAt(ctx, newID(), "thing", thing, 3)
			require.ErrorIs(t, err, event.ErrNotFound)
		})
	}
	require.Equal(t, 10, count(t, db, "outbox"))
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	db := database(t)
	org, boom := newID(), errors.New("boom")
	insert := func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO things (organization_id, id, name) VALUES ($1, $2, $3)`, org, newID(), newID())
		return err
	}
	badEvent := created("not a uuid", 1)

	err := db.App.Write(t.Context(), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		require.NoError(t, insert(ctx, tx))
		return nil, boom
	})
	require.ErrorIs(t, err, boom)

	err = db.App.Write(t.Context(), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		require.NoError(t, insert(ctx, tx))
		return []event.Event{badEvent}, nil
	})
	require.ErrorContains(t, err, "not a UUID")

	// The version is taken: the event, and with it the rows, must not be there.
	thing := newID()
	at := event.Happened(time.Now())
	require.NoError(t, db.App.WriteBatch(t.Context(), org, &pgx.Batch{}, created(thing, 1, at)))
	err = db.App.Write(t.Context(), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		return []event.Event{created(thing, 1, at)}, insert(ctx, tx)
	})
	require.Equal(t, "23505", pg.State(err))

	// A function that has swallowed an error has not been committed.
	err = db.App.Write(t.Context(), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		require.NoError(t, insert(ctx, tx))
		_, err := tx.Exec(ctx, `SELECT 1/0`)
		require.Error(t, err)
		return nil, nil
	})
	require.ErrorIs(t, err, pgx.ErrTxCommitRollback)

	// A constraint that is checked at commit.
	b := &pgx.Batch{}
	b.Queue(`SET CONSTRAINTS things_name DEFERRED`)
	b.Queue(`INSERT INTO things (organization_id, id, name) VALUES ($1, $2, 'same'), ($1, $3, 'same')`, org, newID(), newID())
	err = db.App.WriteBatch(t.Context(), org, b, created(newID(), 1))
	require.True(t, pg.IsUnique(err, "things_name"), "%v", err)

	require.Zero(t, count(t, db, "things"))
	require.Equal(t, 1, count(t, db, "events"))
	require.Equal(t, 1, count(t, db, "outbox"))
	require.Zero(t, db.App.Pool().Stat().AcquiredConns())
}

func TestAWriteThatLostAgainstAnotherIsRunAgain(t *testing.T) {
	t.Parallel()
	db := database(t)
	org, thing := newID(), newID()
	runs := 0
	require.NoError(t, db.App.Write(t.Context(), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		if runs++; runs < 3 {
			_, err := tx.Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$`)
			return nil, fmt.Errorf("some layer: %w", err)
		}
		return []event.Event{created(thing, 1)}, nil
	}))
	require.Equal(t, 3, runs)
	require.Equal(t, 1, count(t, db, "events"))

	runs = 0
	err := db.App.Write(t.Context(), org, func(context.Context, pgx.Tx) ([]event.Event, error) {
		runs++
		return nil, &pgconn.PgError{Code: "40P01"}
	})
	require.ErrorContains(t, err, "giving up")
	require.Equal(t, 5, runs)
}

func TestTwentyWritersOfOneRowLoseNoUpdate(t *testing.T) {
	t.Parallel()
	db := database(t)
	org, thing := newID(), newID()
	require.NoError(t, create(t.Context(), db.App, org, thing, "a"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := db.App.Write(t.Context(), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
				var v int64
				err := tx.QueryRow(ctx, `
					UPDATE things SET version = version + 1
					WHERE organization_id = $1 AND id = $2 RETURNING version`, org, thing).Scan(&v)
				return []event.Event{created(thing, v)}, err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// The outbox has them in the order of their versions.
	rows, err := db.System.Pool().Query(t.Context(), `SELECT version FROM outbox ORDER BY id`)
	require.NoError(t, err)
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(t, err)
	require.Len(t, versions, 21)
	require.IsIncreasing(t, versions)
}

func TestAReaderGivesItsConnectionBack(t *testing.T) {
	t.Parallel()
	db := database(t)
	org := newID()
	app, err := pg.Open(t.Context(), pg.Config{URL: db.URL, MaxConns: 1})
	require.NoError(t, err)
	defer app.Close()
	require.NoError(t, create(t.Context(), app, org, newID(), "a"))
	require.NoError(t, create(t.Context(), app, org, newID(), "b"))
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for range 3 {
		require.Len(t, names(t, app, org), 2)
		var name string
		require.NoError(t, app.QueryRow(ctx, org, `SELECT name FROM things ORDER BY name`).Scan(&name))
		require.Equal(t, "a", name)
		require.ErrorIs(t, app.QueryRow(ctx, org, `SELECT name FROM things WHERE false`).Scan(&name), pgx.ErrNoRows)
		require.Error(t, app.QueryRow(ctx, org, `SELECT 1/0`).Scan(&name))
		_, err := app.Query(ctx, org, `SELECT nonsense`)
		require.Equal(t, "42703", pg.State(err))
		require.Equal(t, "22P02", pg.State(app.QueryRow(ctx, "no uuid", `SELECT name FROM things`).Scan(&name)))
		rows, err := app.Query(ctx, org, `SELECT name FROM things`)
		require.NoError(t, err)
		require.True(t, rows.Next())
		rows.Close() // in the middle
		require.NoError(t, rows.Err())
		err = app.Read(ctx, org, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM things`)
			return err
		})
		require.Equal(t, "25006", pg.State(err), "read-only")
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, create(gone, app, org, newID(), "c"), context.Canceled)
	require.Len(t, names(t, app, org), 2)
}

func TestAnOutageIsCalledOne(t *testing.T) {
	t.Parallel()
	db, err := pg.Open(t.Context(), pg.Config{URL: "postgres://nobody@127.0.0.1:1/none?sslmode=disable"})
	require.NoError(t, err)
	defer db.Close()
	org := newID()
	_, err = db.Query(t.Context(), org, `SELECT 1`)
	require.ErrorIs(t, err, pg.ErrUnavailable)
	require.ErrorIs(t, db.Ping(t.Context()), pg.ErrUnavailable)
	require.ErrorIs(t, create(t.Context(), db, org, newID(), "a"), pg.ErrUnavailable)
	require.ErrorIs(t, createBlind(t.Context(), db, org, newID(), "a"), pg.ErrUnavailable)
}

func TestAConnectionThatBreaksIsAnOutageAndTheNextWorks(t *testing.T) {
	t.Parallel()
	db := database(t)
	org := newID()
	admin, err := pgx.Connect(t.Context(), testkit.PostgresURL(t))
	require.NoError(t, err)
	defer func() { _ = admin.Close(context.Background()) }()
	err = db.App.Write(t.Context(), org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		_, err := admin.Exec(ctx, `SELECT pg_terminate_backend($1, 5000)`, tx.Conn().PgConn().PID())
		require.NoError(t, err)
		return []event.Event{created(newID(), 1)}, nil
	})
	require.ErrorIs(t, err, pg.ErrUnavailable)
	require.NoError(t, create(t.Context(), db.App, org, newID(), "a"))
}

func TestCommitWakesTheRelays(t *testing.T) {
	t.Parallel()
	db := database(t)
	listener, err := db.System.Connect(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = listener.Close(context.Background()) }()
	_, err = listener.Exec(t.Context(), "LISTEN "+pg.NotifyChannel)
	require.NoError(t, err)
	woken := make(chan struct{}, 10)
	db.App.OnWrite(func() { woken <- struct{}{} })
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for _, write := range []func() error{
		func() error { return create(ctx, db.App, newID(), newID(), "a") },
		func() error { return createBlind(ctx, db.App, newID(), newID(), "a") },
	} {
		require.NoError(t, write())
		require.Len(t, woken, 1)
		<-woken
		_, err = listener.WaitForNotification(ctx)
		require.NoError(t, err)
	}
	// What leaves no event wakes nobody.
	require.NoError(t, db.App.WriteBatch(ctx, newID(), &pgx.Batch{}))
	require.Empty(t, woken)
}
