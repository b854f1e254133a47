package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/broker"
	"kontor.internal/libs/embedded"
	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/testkit"
)

func TestEventsAreAppliedAsTheirOrganizationWithTheirEffects(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	one, two, thing, other := newID(), newID(), newID(), newID()
	ev := s.event(one, thing, 1)
	seen := make(chan authn.Principal, 10)
	start(t, s.consumer(db, map[string]inbox.Handler{
		"google.protobuf.Int64Value": func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
			who, _ := authn.From(ctx)
			seen <- who
			var visible int
			if err := tx.QueryRow(ctx, `SELECT count(*) FROM tallies WHERE organization_id <> $1`, ev.Organization).Scan(&visible); err != nil {
				return err
			}
			if visible > 0 {
				return fmt.Errorf("%w: sees another organisation", inbox.ErrPermanent)
			}
			if err := tally(ctx, tx, ev); err != nil {
				return err
			}
			// What it causes goes out with the same commit.
			return db.System.Append(ctx, tx, ev.Organization,
				event.New("kontor.answers.v1", "answer", newID(), 1, wrapperspb.String("ok"), event.Cause(ev.ID)))
		},
	}))
	s.publish(ev, s.event(two, other, 1))
	reaches(t, db, map[string][]int64{thing: {1}, other: {1}})
	var causes, orgs int
	require.NoError(t, db.System.Pool().QueryRow(t.Context(), `
		SELECT count(*) FILTER (WHERE cause = $1 AND organization_id = $2 AND actor = $3), count(DISTINCT organization_id)
		FROM events JOIN outbox USING (organization_id, kind, record_id, version)`, ev.ID, one, ev.Actor).Scan(&causes, &orgs))
	require.Equal(t, 1, causes)
	require.Equal(t, 2, orgs)
	who := <-seen
	require.Equal(t, ev.Actor, who.UserID)
	require.NotEmpty(t, who.Service)
	require.Empty(t, parked(t, db, ""))
}

func TestOneTraceLeadsFromTheWriteToTheProjection(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	org, thing := newID(), newID()
	c := s.consumer(db, map[string]inbox.Handler{
		"google.protobuf.Int64Value": func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
			var n wrapperspb.Int64Value
			if err := proto.Unmarshal(ev.Payload, &n); err != nil || n.GetValue() != ev.Version {
				return fmt.Errorf("%w: decode %s: %w", inbox.ErrPermanent, ev.Type, err)
			}
			if err := tally(ctx, tx, ev); err != nil {
				return err
			}
			return db.System.Append(ctx, tx, org, event.New("kontor.answers.v1", "answer", newID(), 1, &n))
		},
	})
	c.Tracer = provider.Tracer("test")
	start(t, c)
	ev, broken := s.event(org, thing, 1), s.event(org, newID(), 1)
	ev.TraceParent = "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01"
	broken.Payload = []byte{0xff}
	s.publish(ev, broken)
	reaches(t, db, map[string][]int64{thing: {1}})
	var parent string
	require.NoError(t, db.System.Pool().QueryRow(t.Context(), `SELECT trace_parent FROM events WHERE kind = 'answer'`).Scan(&parent))
	require.Contains(t, parent, "0102030405060708090a0b0c0d0e0f10")
	testkit.Eventually(t, func() error {
		for _, span := range spans.Ended() {
			if span.SpanContext().TraceID().String() == "0102030405060708090a0b0c0d0e0f10" {
				return nil
			}
		}
		return errors.New("no span")
	})
	testkit.Eventually(t, func() error { // what cannot be decoded is parked
		if n := len(parked(t, db, c.Name)); n != 1 {
			return fmt.Errorf("%d parked", n)
		}
		return nil
	})
}

func TestWildcardAndUnknownTypes(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	org, thing, note := newID(), newID(), newID()
	all := s.consumer(db, map[string]inbox.Handler{inbox.Any: tally})
	start(t, all)
	text := event.New(s.topic, "note", note, 1, wrapperspb.String("x"))
	text.Organization, text.HappenedAt = org, time.Now()
	some := s.consumer(db, map[string]inbox.Handler{"another.Type": tally})
	some.Name += ".some"
	start(t, some)
	s.publish(s.event(org, thing, 1), text)
	reaches(t, db, map[string][]int64{thing: {1}, note: {1}})
	caughtUp(t, db, some.Name, s.partitions) // lets pass what it has no handler for
}

// Every way of stopping: in the middle of a handler, between events, between commits, during a rebalance. The projection
// counts each application, so that one too many or too few shows.
func TestEventsAreAppliedExactlyOnceHoweverConsumersStop(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	const keys, changes = 12, 60
	org := newID()
	want := map[string][]int64{}
	things := make([]string, keys)
	for i := range things {
		things[i] = newID()
		want[things[i]] = upTo(changes)
	}
	var failures atomic.Int64
	clumsy := func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		if err := tally(ctx, tx, ev); err != nil {
			return err
		}
		if rand.IntN(40) == 0 {
			failures.Add(1)
			return errors.New("after the effect")
		}
		select { // stays long enough to be stopped in the middle
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(rand.IntN(500)) * time.Microsecond):
			return nil
		}
	}
	published := make(chan struct{})
	go func() {
		defer close(published)
		for v := range int64(changes) {
			for _, thing := range things {
				s.publish(s.event(org, thing, v+1))
			}
		}
	}()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 4 {
				c := s.consumer(db, map[string]inbox.Handler{inbox.Any: clumsy})
				c.Batch = 7
				stop := start(t, c)
				time.Sleep(time.Duration(200+rand.IntN(600)) * time.Millisecond) // any moment will do
				stop()
			}
		})
	}
	wg.Wait()
	<-published
	start(t, s.consumer(db, map[string]inbox.Handler{inbox.Any: tally}))
	reaches(t, db, want)
	require.Empty(t, parked(t, db, ""))
	require.Positive(t, failures.Load())
}

func TestTheStoredPositionWinsOverTheGroups(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	org, thing := newID(), newID()
	c := s.consumer(db, map[string]inbox.Handler{inbox.Any: tally})
	stop := start(t, c)
	s.publish(s.event(org, thing, 1), s.event(org, thing, 2))
	reaches(t, db, map[string][]int64{thing: {1, 2}})
	stop()
	// The database is restored from before the second event: the group's offset knows nothing of that.
	_, err := db.System.Pool().Exec(t.Context(), `UPDATE inbox_positions SET next_offset = next_offset - 1 WHERE next_offset > 0`)
	require.NoError(t, err)
	_, err = db.System.Pool().Exec(t.Context(), `UPDATE tallies SET versions = '{1}'`)
	require.NoError(t, err)
	s.publish(s.event(org, thing, 3))
	start(t, s.consumer(db, map[string]inbox.Handler{inbox.Any: tally}))
	reaches(t, db, map[string][]int64{thing: {1, 2, 3}})

	offsets, err := s.client.OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{
		GroupID: c.Name, Topics: map[string][]int{s.topic: {0, 1, 2}},
	})
	require.NoError(t, err)
	var committed int64
	for _, p := range offsets.Topics[s.topic] {
		committed += max(p.CommittedOffset, 0)
	}
	require.Positive(t, committed, "tools that watch a group's lag see something")
}

func TestATransientFailureIsTriedUntilItIsOver(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	org, thing := newID(), newID()
	var calls atomic.Int64
	start(t, s.consumer(db, map[string]inbox.Handler{inbox.Any: func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		if ev.Version == 2 && calls.Add(1) <= 4 {
			return errors.New("a neighbour does not answer")
		}
		return tally(ctx, tx, ev)
	}}))
	s.publish(s.event(org, thing, 1), s.event(org, thing, 2), s.event(org, thing, 3))
	reaches(t, db, map[string][]int64{thing: {1}}) // does not wait for the second
	reaches(t, db, map[string][]int64{thing: {1, 2, 3}})
	require.Equal(t, int64(5), calls.Load())
	require.Empty(t, parked(t, db, ""))
}

func TestConsumersBearABrokerAndADatabaseThatComeAndGo(t *testing.T) {
	t.Parallel()
	db := database(t)
	k, err := embedded.StartKafka(t.Context(), embedded.KafkaOptions{Dir: t.TempDir()})
	require.NoError(t, err)
	defer func() { _ = k.Stop() }()
	s := newStream(t, []string{k.Addr()})
	org, thing := newID(), newID()
	start(t, s.consumer(db, map[string]inbox.Handler{inbox.Any: tally}))
	s.publish(s.event(org, thing, 1))
	reaches(t, db, map[string][]int64{thing: {1}})

	require.NoError(t, k.Stop())
	admin, err := pgx.Connect(t.Context(), testkit.PostgresURL(t))
	require.NoError(t, err)
	defer func() { _ = admin.Close(context.Background()) }()
	_, err = admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, db.Name)
	require.NoError(t, err)
	require.NoError(t, k.Start(t.Context()))
	testkit.Eventually(t, func() error { _, err := s.client.Partitions(t.Context(), s.topic); return err })
	s.client.CloseIdle() // the test's own
	s.publish(s.event(org, thing, 2))
	reaches(t, db, map[string][]int64{thing: {1, 2}})
}

func TestAReplayedTopicIsReadBesideTheLiveOne(t *testing.T) {
	t.Parallel()
	// Decisions 2: a consumer is rebuilt from the owner's event table while live events go on.
	db, brokers := database(t), testkit.Kafka(t)
	live, replay := testkit.Unique("kontor.things.v1"), testkit.Unique("kontor.replay.tallies")
	org, thing := newID(), newID()
	var evs []event.Event
	for v := range int64(10) {
		evs = append(evs, event.New(live, "thing", thing, v+1, wrapperspb.Int64(v+1)))
	}
	require.NoError(t, db.App.WriteBatch(t.Context(), org, &pgx.Batch{}, evs...))
	// A handler as it should be: by version.
	newer := func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO tallies (organization_id, thing_id, versions) VALUES ($1, $2, ARRAY[$3::bigint])
			ON CONFLICT ON CONSTRAINT tallies_pkey DO UPDATE SET versions = tallies.versions || excluded.versions
			WHERE tallies.versions[cardinality(tallies.versions)] < $3`, ev.Organization, ev.RecordID, ev.Version)
		return err
	}
	ends := make(chan event.Event, 10)
	c := &inbox.Consumer{
		Name: testkit.Unique("tallies"), Topics: []string{live, replay}, Brokers: brokers, DB: db.System, Partitions: 2,
		Handlers: map[string]inbox.Handler{
			"google.protobuf.Int64Value": newer,
			broker.EndType: func(_ context.Context, _ pgx.Tx, ev event.Event) error {
				ends <- ev
				return nil
			},
		},
	}
	start(t, c)
	n, err := outbox.Replay(t.Context(), outbox.ReplayOptions{DB: db.System, Brokers: brokers, Source: live, Topic: replay, Partitions: 2})
	require.NoError(t, err)
	require.Equal(t, int64(10), n)
	reaches(t, db, map[string][]int64{thing: upTo(10)})
	first, second := <-ends, <-ends
	require.Equal(t, int64(2), first.Version, "of so many partitions")
	require.Equal(t, first.RecordID, second.RecordID)
	require.NotEqual(t, first.ID, second.ID)

	// The relay comes with the same events, and once more.
	require.NoError(t, db.App.WriteBatch(t.Context(), org, &pgx.Batch{}, event.New(live, "thing", thing, 11, wrapperspb.Int64(11))))
	ctx, cancel := context.WithCancel(t.Context())
	relayed := make(chan error, 1)
	go func() { relayed <- (&outbox.Relay{DB: db.System, Brokers: brokers}).Run(ctx) }()
	reaches(t, db, map[string][]int64{thing: upTo(11)})
	cancel()
	require.NoError(t, <-relayed)
	caughtUp(t, db, c.Name, 4)
}

func TestAPositionOutsideTheTopicIsMendedLoudly(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	org, thing := newID(), newID()
	c := s.consumer(db, map[string]inbox.Handler{inbox.Any: tally})
	for p := range s.partitions { // as of a topic that was longer, before it was made anew
		_, err := db.System.Pool().Exec(t.Context(), `
			INSERT INTO inbox_positions (consumer, topic, partition, next_offset, end_offset)
			VALUES ($1, $2, $3, 1000, 1000)`, c.Name, s.topic, p)
		require.NoError(t, err)
	}
	s.publish(s.event(org, thing, 1))
	start(t, c)
	reaches(t, db, map[string][]int64{thing: {1}})
}
