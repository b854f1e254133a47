package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/embedded"
	"kontor.internal/libs/event"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/testkit"
)

func TestAnEventArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	db, brokers, topic := database(t), testkit.Kafka(t), testkit.Unique("kontor.things.v1")
	org, thing := newID(), newID()
	effective := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	ev := changed(topic, thing, 7)
	for _, o := range []event.Option{
		event.Effective(&effective), event.Responsible(newID(), newID()), event.Cause("import"), event.Actor("service:things"),
	} {
		o(&ev)
	}
	require.NoError(t, write(t.Context(), db.App, org, ev))
	stored, err := db.App.EventAt(t.Context(), org, "thing", thing, 7)
	require.NoError(t, err)

	reg := prometheus.NewRegistry()
	r := relay(db, brokers)
	r.Metrics, r.Topics = reg, []broker.Topic{{Name: topic, Partitions: 3}}
	start(t, r)
	drained(t, db)
	msgs := read(t, brokers, topic)
	require.Len(t, msgs, 1)
	require.Equal(t, org+"/thing/"+thing, string(msgs[0].Key))
	require.Equal(t, stored.Partition(3), msgs[0].Partition)
	got, err := broker.Decode(msgs[0])
	require.NoError(t, err)
	require.Equal(t, stored, got)
	testkit.Eventually(t, func() error { // counted after the deletion
		if n := counter(t, reg, "kontor_outbox_published_total"); n != 1 {
			return fmt.Errorf("published %v", n)
		}
		return nil
	})
}

func counter(t testing.TB, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}

// IDs are handed out at insert and become visible at commit: a reader that remembers the last ID it saw passes by what
// commits late. The relay does not.
func TestWatermarkReaderLosesRows(t *testing.T) {
	t.Parallel()
	db, brokers, topic := database(t), testkit.Kafka(t), testkit.Unique("kontor.things.v1")
	org, slow, quick := newID(), newID(), newID()
	start(t, relay(db, brokers))
	lastID := func(ctx context.Context, tx pgx.Tx) (n int64, err error) {
		err = tx.QueryRow(ctx, `SELECT max(id) FROM outbox`).Scan(&n)
		return n, err
	}

	var slowID, watermark int64
	inserted, commit, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- db.System.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			err := db.System.Append(ctx, tx, org, changed(topic, slow, 1))
			if err == nil {
				slowID, err = lastID(ctx, tx)
			}
			close(inserted)
			<-commit
			return err
		})
	}()
	<-inserted
	require.NoError(t, db.System.System(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		err := db.System.Append(ctx, tx, org, changed(topic, quick, 1))
		if err == nil {
			watermark, err = lastID(ctx, tx) // what a reader remembers that looks after this commit
		}
		return err
	}))
	drained(t, db) // the quick one is published; the slow one is not to be seen yet
	close(commit)
	require.NoError(t, <-done)
	require.Less(t, slowID, watermark, "WHERE id > watermark never selects it")

	drained(t, db)
	require.Equal(t, map[string][]int64{slow: {1}, quick: {1}}, versions(t, read(t, brokers, topic)))
}

func TestOrderPerKeyUnderSeveralRelays(t *testing.T) {
	t.Parallel()
	db, brokers, topic := database(t), testkit.Kafka(t), testkit.Unique("kontor.things.v1")
	const keys, changes = 24, 40
	org := newID()
	things := make([]string, keys)
	for i := range things {
		things[i] = newID()
	}
	// Replicas come and go while events are written.
	stops := make([]func(), 3)
	for i := range stops {
		r := relay(db, brokers)
		r.Batch = 16
		stops[i] = start(t, r)
	}
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for v := range int64(changes) {
				for i := part; i < keys; i += 4 {
					if err := write(t.Context(), db.App, org, changed(topic, things[i], v+1)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	testkit.Eventually(t, func() error { // some are published
		var n int
		err := db.System.Pool().QueryRow(t.Context(), `SELECT (SELECT count(*) FROM events) - (SELECT count(*) FROM outbox)`).Scan(&n)
		if err == nil && n < 50 {
			err = errors.New("too early")
		}
		return err
	})
	stops[0]()
	breakConnections(t, db)
	stops[1]()
	wg.Wait()
	drained(t, db)
	got := versions(t, read(t, brokers, topic))
	require.Len(t, got, keys)
	for _, thing := range things {
		require.Equal(t, upTo(changes), got[thing])
	}
}

// breakConnections ends the relays' sessions the hard way.
func breakConnections(t testing.TB, db *testkit.Database) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), testkit.PostgresURL(t))
	require.NoError(t, err)
	defer func() { _ = admin.Close(context.Background()) }()
	_, err = admin.Exec(t.Context(), `
		SELECT pg_terminate_backend(pid)
		FROM pg_locks
		WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = $1)`, db.Name)
	require.NoError(t, err)
}

func TestARelayThatLosesItsConnectionAsksForTheLockAgain(t *testing.T) {
	t.Parallel()
	db, brokers, topic := database(t), testkit.Kafka(t), testkit.Unique("kontor.things.v1")
	org, thing := newID(), newID()
	start(t, relay(db, brokers))
	require.NoError(t, write(t.Context(), db.App, org, changed(topic, thing, 1)))
	drained(t, db)
	breakConnections(t, db)
	require.NoError(t, write(t.Context(), db.App, org, changed(topic, thing, 2)))
	drained(t, db)
	require.Equal(t, map[string][]int64{thing: {1, 2}}, versions(t, read(t, brokers, topic)))
}

func TestOneRelayPublishesASliceAndAnotherTakesOver(t *testing.T) {
	t.Parallel()
	db, brokers, topic := database(t), testkit.Kafka(t), testkit.Unique("kontor.things.v1")
	holders := func() (n int) {
		require.NoError(t, db.System.Pool().QueryRow(t.Context(), `
			SELECT count(DISTINCT objid)
			FROM pg_locks
			WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = $1)`, db.Name).Scan(&n))
		return n
	}
	held := func() {
		testkit.Eventually(t, func() error {
			if n := holders(); n != event.Slices {
				return fmt.Errorf("%d slices held", n)
			}
			return nil
		})
	}
	stop := start(t, relay(db, brokers))
	held()
	start(t, relay(db, brokers))
	stop()
	held()
	thing := newID()
	require.NoError(t, write(t.Context(), db.App, newID(), changed(topic, thing, 1)))
	drained(t, db)
	require.Equal(t, map[string][]int64{thing: {1}}, versions(t, read(t, brokers, topic)))
}

func TestACrashBetweenPublishAndDeleteRepeatsAndLosesNothing(t *testing.T) {
	t.Parallel()
	db, brokers, topic := database(t), testkit.Kafka(t), testkit.Unique("kontor.things.v1")
	owner, err := pgx.Connect(t.Context(), db.OwnerURL)
	require.NoError(t, err)
	defer func() { _ = owner.Close(context.Background()) }()
	_, err = owner.Exec(t.Context(), `
		CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'crash'; END $$;
		CREATE TRIGGER crash BEFORE DELETE ON outbox EXECUTE FUNCTION crash()`)
	require.NoError(t, err)

	org, thing := newID(), newID()
	require.NoError(t, write(t.Context(), db.App, org, changed(topic, thing, 1), changed(topic, thing, 2)))
	start(t, relay(db, brokers))
	testkit.Eventually(t, func() error {
		client := broker.NewClient(brokers)
		defer client.CloseIdle()
		if _, err := client.Partitions(t.Context(), topic); err != nil {
			return err
		}
		if n := len(read(t, brokers, topic)); n < 4 {
			return fmt.Errorf("%d messages", n)
		}
		return nil
	})
	n, err := pending(t.Context(), db)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	_, err = owner.Exec(t.Context(), `DROP TRIGGER crash ON outbox`)
	require.NoError(t, err)
	drained(t, db)
	require.Equal(t, map[string][]int64{thing: {1, 2}}, versions(t, read(t, brokers, topic)))
}

func TestWritesWakeTheRelayWithoutWaitingForThePoll(t *testing.T) {
	t.Parallel()
	db, brokers, topic := database(t), testkit.Kafka(t), testkit.Unique("kontor.things.v1")
	for name, connect := range map[string]func(app *pg.DB, r *outbox.Relay){
		"another process": func(*pg.DB, *outbox.Relay) {},
		"this process":    func(app *pg.DB, r *outbox.Relay) { app.OnWrite(r.Wake) },
	} {
		t.Run(name, func(t *testing.T) {
			app, err := pg.Open(t.Context(), pg.Config{URL: db.URL, Silent: name == "this process"})
			require.NoError(t, err)
			defer app.Close()
			r := &outbox.Relay{DB: db.System, Brokers: brokers, Poll: time.Hour}
			connect(app, r)
			stop := start(t, r)
			for range 5 { // the first may be found by the relay's first look
				require.NoError(t, write(t.Context(), app, newID(), changed(topic, newID(), 1)))
				drained(t, db)
			}
			stop()
		})
	}
}

func TestNothingIsLostWhileTheBrokerIsGone(t *testing.T) {
	t.Parallel()
	db, topic := database(t), "kontor.things.v1"
	k, err := embedded.StartKafka(t.Context(), embedded.KafkaOptions{Dir: t.TempDir()})
	require.NoError(t, err)
	defer func() { _ = k.Stop() }()
	brokers := []string{k.Addr()}
	start(t, relay(db, brokers))
	org, thing := newID(), newID()
	require.NoError(t, write(t.Context(), db.App, org, changed(topic, thing, 1)))
	drained(t, db)
	require.NoError(t, k.Stop())
	for v := range int64(20) {
		require.NoError(t, write(t.Context(), db.App, org, changed(topic, thing, v+2)))
	}
	n, err := pending(t.Context(), db)
	require.NoError(t, err)
	require.Equal(t, 20, n)
	require.NoError(t, k.Start(t.Context()))
	drained(t, db)
	require.Equal(t, upTo(21), versions(t, read(t, brokers, topic))[thing])
}
