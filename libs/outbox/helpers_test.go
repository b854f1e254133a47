package outbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
)

func database(t testing.TB) *testkit.Database {
	t.Helper()
	sql, err := schema.All()
	require.NoError(t, err)
	return testkit.Postgres(t, "libs_outbox", fstest.MapFS{"0001_create_tables.sql": {Data: []byte(sql)}})
}

// changed is the event of a thing's version, whose payload names both.
func changed(topic, thing string, version int64) event.Event {
	return event.New(topic, "thing", thing, version, wrapperspb.String(fmt.Sprintf("%s v%d", thing, version)))
}

func write(ctx context.Context, db *pg.DB, org string, evs ...event.Event) error {
	return db.WriteBatch(ctx, org, &pgx.Batch{}, evs...)
}

// start runs a relay until the test ends or stop is called.
func start(t testing.TB, r *outbox.Relay) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("relay: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func relay(db *testkit.Database, brokers []string) *outbox.Relay {
	return &outbox.Relay{DB: db.System, Brokers: brokers, Poll: 50 * time.Millisecond}
}

func pending(ctx context.Context, db *testkit.Database) (int, error) {
	var n int
	err := db.System.Pool().QueryRow(ctx, `SELECT count(*) FROM outbox`).Scan(&n)
	return n, err
}

// drained waits until everything is published.
func drained(t testing.TB, db *testkit.Database) {
	t.Helper()
	testkit.Eventually(t, func() error {
		n, err := pending(t.Context(), db)
		if err == nil && n > 0 {
			err = fmt.Errorf("%d events in the outbox", n)
		}
		return err
	})
}

// read returns everything that is in the topic, partition by partition.
func read(t testing.TB, brokers []string, topic string) []kafka.Message {
	t.Helper()
	client := broker.NewClient(brokers)
	defer client.CloseIdle()
	n, err := client.Partitions(t.Context(), topic)
	require.NoError(t, err)
	var all []kafka.Message
	for p := range n {
		var first, next int64
		testkit.Eventually(t, func() (err error) { // a broker names the leaders of a new topic before they serve
			first, next, err = client.Ends(t.Context(), topic, p)
			return err
		})
		if first == next {
			continue
		}
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: topic, Partition: p, MaxWait: 100 * time.Millisecond})
		for range next - first {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			m, err := r.ReadMessage(ctx)
			cancel()
			require.NoError(t, err)
			all = append(all, m)
		}
		require.NoError(t, r.Close())
	}
	return all
}

// versions returns the versions of each record as they were first published, and how many messages there were.
func versions(t testing.TB, msgs []kafka.Message) map[string][]int64 {
	t.Helper()
	got, seen := map[string][]int64{}, map[string]bool{}
	for _, m := range msgs {
		ev, err := broker.Decode(m)
		require.NoError(t, err)
		if !seen[ev.ID] {
			seen[ev.ID] = true
			got[ev.RecordID] = append(got[ev.RecordID], ev.Version)
		}
	}
	return got
}

func upTo(n int64) []int64 {
	var all []int64
	for v := range n {
		all = append(all, v+1)
	}
	return all
}

func newID() string { return id.New() }
