package pg_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
)

type write func(ctx context.Context, db *pg.DB, org, thing, name string) error

func writes() map[string]write {
	return map[string]write{"read-modify-write": create, "blind": createBlind}
}

func request(ctx context.Context, requestID, hash string) context.Context {
	return idem.With(ctx, idem.Request{Method: "/kontor.things.v1.ThingsService/CreateThing", ID: requestID, Hash: []byte(hash)})
}

func TestARepeatedRequestHasOneEffectAndTheSameAnswer(t *testing.T) {
	t.Parallel()
	db := database(t)
	for name, write := range writes() {
		t.Run(name, func(t *testing.T) {
			org, user, thing, req := newID(), newID(), newID(), newID()
			ctx := as(t, org, user)
			require.NoError(t, write(request(ctx, req, "h"), db.App, org, thing, "a"))

			// The handler makes a new ID and fails on the name that the first call has taken: it must still be told.
			var replay *idem.Replay
			err := write(request(ctx, req, "h"), db.App, org, newID(), "a")
			require.ErrorAs(t, err, &replay)
			require.Equal(t, &idem.Replay{Kind: "thing", RecordID: thing, Version: 1}, replay)
			ev, err := db.App.EventAt(ctx, org, replay.Kind, replay.RecordID, replay.Version)
			require.NoError(t, err)
			require.NotEmpty(t, ev.Payload)

			require.ErrorIs(t, write(request(ctx, req, "other"), db.App, org, newID(), "b"), idem.ErrReused)
			require.Equal(t, []string{"a"}, names(t, db.App, org))

			// Others may use the same ID.
			require.NoError(t, write(request(as(t, org, newID()), req, "h"), db.App, org, newID(), "c"))
			elsewhere := newID()
			require.NoError(t, write(request(as(t, elsewhere, user), req, "h"), db.App, elsewhere, newID(), "a"))
			// And without an ID every call counts.
			require.NoError(t, write(request(ctx, "", "h"), db.App, org, newID(), "d"))
			require.NoError(t, write(request(ctx, "", "h"), db.App, org, newID(), "e"))
		})
	}
}

func TestAFailedRequestMayBeRepeated(t *testing.T) {
	t.Parallel()
	db := database(t)
	org, boom := newID(), errors.New("boom")
	ctx := request(as(t, org, newID()), newID(), "h")
	err := db.App.Write(ctx, org, func(context.Context, pgx.Tx) ([]event.Event, error) { return nil, boom })
	require.ErrorIs(t, err, boom)
	require.NoError(t, create(ctx, db.App, org, newID(), "a"))
}

func TestTheSameRequestAtTheSameTime(t *testing.T) {
	t.Parallel()
	db := database(t)
	for name, write := range writes() {
		t.Run(name, func(t *testing.T) {
			org, req := newID(), newID()
			ctx := as(t, org, newID())
			var mu sync.Mutex
			var wg sync.WaitGroup
			done, replays := "", map[string]int{}
			for i := range 8 {
				wg.Go(func() {
					thing := newID()
					// Names differ, so that nothing but the request ID can hold them apart.
					err := write(request(ctx, req, "h"), db.App, org, thing, strconv.Itoa(i))
					mu.Lock()
					defer mu.Unlock()
					var replay *idem.Replay
					switch {
					case err == nil && done == "":
						done = thing
					case errors.As(err, &replay):
						replays[replay.RecordID]++
					default:
						t.Errorf("unexpected: %v", err)
					}
				})
			}
			wg.Wait()
			require.Equal(t, map[string]int{done: 7}, replays)
			require.Len(t, names(t, db.App, org), 1)
		})
	}
}

func TestOnlyTheFirstWriteOfARequestIsRemembered(t *testing.T) {
	t.Parallel()
	db := database(t)
	org, first, req := newID(), newID(), newID()
	ctx := as(t, org, newID())
	once := request(ctx, req, "h")
	require.NoError(t, create(once, db.App, org, first, "a"))
	require.NoError(t, create(once, db.App, org, newID(), "b"), "a second write of the same call is no repetition")
	var replay *idem.Replay
	require.ErrorAs(t, create(request(ctx, req, "h"), db.App, org, newID(), "c"), &replay)
	require.Equal(t, first, replay.RecordID)
}

func TestAWriteMayNameItsAnswer(t *testing.T) {
	t.Parallel()
	db := database(t)
	org, req := newID(), newID()
	ctx := as(t, org, newID())
	start := func() error {
		return db.App.Write(request(ctx, req, "h"), org, func(ctx context.Context, _ pgx.Tx) ([]event.Event, error) {
			idem.Remember(ctx, idem.Answer{Kind: "operation", RecordID: "things.1"})
			return nil, nil
		})
	}
	require.NoError(t, start())
	var replay *idem.Replay
	require.ErrorAs(t, start(), &replay)
	require.Equal(t, "things.1", replay.RecordID)
}

func TestMaintenanceForgetsOldRequestsAndMakesPartitions(t *testing.T) {
	t.Parallel()
	db := database(t)
	org, req := newID(), newID()
	ctx := as(t, org, newID())
	require.NoError(t, create(request(ctx, req, "h"), db.App, org, newID(), "a"))

	later := clock.Fixed(time.Now().Add(idem.TTL - time.Minute))
	tidy := func(c clock.Clock) {
		system, err := pg.Open(t.Context(), pg.Config{URL: db.URL, Role: pg.RoleSystem, Clock: c})
		require.NoError(t, err)
		defer system.Close()
		require.NoError(t, (&pg.Maintenance{DB: system}).Once(t.Context()))
	}
	tidy(later)
	require.Equal(t, 1, count(t, db, "idempotency"), "not a day old")
	tidy(clock.Fixed(time.Now().Add(idem.TTL + time.Minute)))
	require.Zero(t, count(t, db, "idempotency"))
	require.NoError(t, create(request(ctx, req, "h"), db.App, org, newID(), "b"), "a new request")

	// An event that came before its partition was made moves over with it.
	owner, err := pgx.Connect(t.Context(), db.OwnerURL)
	require.NoError(t, err)
	defer func() { _ = owner.Close(context.Background()) }()
	part := "events_" + time.Now().UTC().Format("2006_01")
	_, err = owner.Exec(t.Context(), `
		ALTER TABLE events DETACH PARTITION `+part+`;
		INSERT INTO events_default SELECT * FROM `+part+`;
		DROP TABLE `+part)
	require.NoError(t, err)
	tidy(later)
	var kept, left int
	require.NoError(t, owner.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM `+part+`), (SELECT count(*) FROM events_default)`).
		Scan(&kept, &left))
	require.Equal(t, 2, kept)
	require.Zero(t, left)
	require.Equal(t, 2, count(t, db, "events"))
}
