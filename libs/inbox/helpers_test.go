package inbox_test

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
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/pg/schema"
	"kontor.internal/libs/testkit"
)

// tallies is a projection without any protection of its own: an event applied twice, or not at all, shows in its sum.
const tallies = `
CREATE TABLE tallies (
    organization_id uuid NOT NULL,
    thing_id        uuid NOT NULL,
    versions        bigint[] NOT NULL,
    CONSTRAINT tallies_pkey PRIMARY KEY (organization_id, thing_id)
);
SELECT kontor_tenant('tallies');
`

func database(t testing.TB) *testkit.Database {
	t.Helper()
	sql, err := schema.All()
	require.NoError(t, err)
	return testkit.Postgres(t, "libs_inbox", fstest.MapFS{"0001_create_tables.sql": {Data: []byte(sql + tallies)}})
}

// tally applies an event, with no WHERE on the organisation: row-level security has to keep it apart.
func tally(ctx context.Context, tx pgx.Tx, ev event.Event) error {
	tag, err := tx.Exec(ctx, `UPDATE tallies SET versions = versions || $2::bigint WHERE thing_id = $1`, ev.RecordID, ev.Version)
	if err == nil && tag.RowsAffected() == 0 {
		_, err = tx.Exec(ctx, `INSERT INTO tallies (organization_id, thing_id, versions) VALUES ($1, $2, ARRAY[$3::bigint])`,
			ev.Organization, ev.RecordID, ev.Version)
	}
	return err
}

// stream is a topic to publish to, as the relay does.
type stream struct {
	t          testing.TB
	brokers    []string
	topic      string
	partitions int
	client     *broker.Client
}

const partitions = 3

func newStream(t testing.TB, brokers []string) *stream {
	t.Helper()
	client := broker.NewClient(brokers)
	t.Cleanup(client.CloseIdle)
	topic := testkit.Unique("kontor.things.v1")
	testkit.CreateTopic(t, brokers, topic, partitions)
	return &stream{t: t, brokers: brokers, topic: topic, partitions: partitions, client: client}
}

func (s *stream) event(org, thing string, version int64) event.Event {
	ev := event.New(s.topic, "thing", thing, version, wrapperspb.Int64(version), event.Actor("0198c0de-0000-7000-8000-000000000001"))
	ev.Organization, ev.HappenedAt = org, time.Date(2026, 11, 21, 10, 0, int(version%60), 0, time.UTC)
	return ev
}

func (s *stream) publish(evs ...event.Event) {
	s.t.Helper()
	by := make([][]kafka.Message, s.partitions)
	for i := range evs {
		p := evs[i].Partition(s.partitions)
		by[p] = append(by[p], broker.Message(&evs[i]))
	}
	for p, msgs := range by {
		if len(msgs) > 0 {
			require.NoError(s.t, s.client.Produce(s.t.Context(), s.topic, p, msgs))
		}
	}
}

func (s *stream) consumer(db *testkit.Database, handlers map[string]inbox.Handler) *inbox.Consumer {
	return &inbox.Consumer{
		Name: "things." + s.topic, Topics: []string{s.topic}, Brokers: s.brokers, DB: db.System, Handlers: handlers,
		Check: 50 * time.Millisecond,
	}
}

// start runs a consumer until the test ends or stop is called.
func start(t testing.TB, c *inbox.Consumer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("consumer: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// applied returns the versions applied to each thing, in the order they were.
func applied(ctx context.Context, db *testkit.Database) (map[string][]int64, error) {
	rows, err := db.System.Pool().Query(ctx, `SELECT thing_id::text, versions FROM tallies`)
	if err != nil {
		return nil, err
	}
	got := map[string][]int64{}
	var thing string
	var versions []int64
	_, err = pgx.ForEachRow(rows, []any{&thing, &versions}, func() error {
		got[thing] = append([]int64{}, versions...)
		versions = nil
		return nil
	})
	return got, err
}

// reaches waits until exactly want is applied.
func reaches(t testing.TB, db *testkit.Database, want map[string][]int64) {
	t.Helper()
	testkit.Eventually(t, func() error {
		got, err := applied(t.Context(), db)
		if err != nil {
			return err
		}
		for thing, versions := range want {
			if fmt.Sprint(got[thing]) != fmt.Sprint(versions) {
				return fmt.Errorf("%s: %v, want %v", thing, got[thing], versions)
			}
		}
		return nil
	})
}

func parked(t testing.TB, db *testkit.Database, consumer string) []inbox.Parked {
	t.Helper()
	p, err := inbox.ListParked(t.Context(), db.System, consumer, 100)
	require.NoError(t, err)
	return p
}

func upTo(n int64) []int64 {
	all := []int64{}
	for v := range n {
		all = append(all, v+1)
	}
	return all
}

func newID() string { return id.New() }

// caughtUp waits until the stored positions of a consumer say that it is at the end of all partitions.
func caughtUp(t testing.TB, db *testkit.Database, consumer string, partitions int) {
	t.Helper()
	testkit.Eventually(t, func() error {
		var read, behind int
		var last *time.Time
		err := db.System.Pool().QueryRow(t.Context(), `
			SELECT count(*), coalesce(sum(end_offset - next_offset), 0), max(last_event_at)
			FROM inbox_positions
			WHERE consumer = $1`, consumer).Scan(&read, &behind, &last)
		if err == nil && (read != partitions || behind != 0 || last == nil) {
			err = fmt.Errorf("%d partitions, %d behind, last event at %v", read, behind, last)
		}
		return err
	})
}
