package outbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/outbox"
	"kontor.internal/libs/testkit"
)

func TestReplayPublishesAllEventsInOrderPerRecordAndEnds(t *testing.T) {
	t.Parallel()
	db, brokers, target := database(t), testkit.Kafka(t), testkit.Unique("kontor.replay.reporting")
	const records, changes = 30, 50 // more than one fetch
	want := map[string][]int64{}
	for range records {
		thing, org := newID(), newID()
		var evs []event.Event
		for v := range int64(changes) {
			// Over several monthly partitions of the table, and the default.
			at := event.Happened(time.Now().AddDate(0, int(v)%5, 0))
			evs = append(evs, event.New("kontor.things.v1", "thing", thing, v+1, wrapperspb.Int64(v+1), at))
		}
		require.NoError(t, write(t.Context(), db.App, org, evs...))
		want[thing] = upTo(changes)
	}
	require.NoError(t, write(t.Context(), db.App, newID(), event.New("kontor.things.v1", "other", newID(), 1, wrapperspb.Int64(1))))

	var told int64
	n, err := outbox.Replay(t.Context(), outbox.ReplayOptions{
		DB: db.System, Brokers: brokers, Source: "kontor.things.v1", Kinds: []string{"thing"}, Topic: target, Partitions: 3,
		Progress: func(n int64) { told = n },
	})
	require.NoError(t, err)
	require.Equal(t, int64(records*changes), n)
	require.Equal(t, n, told)

	msgs := read(t, brokers, target)
	require.Len(t, msgs, records*changes+3)
	got, ends := map[string][]int64{}, map[int]bool{}
	for _, m := range msgs {
		ev, err := broker.Decode(m)
		require.NoError(t, err)
		require.False(t, ends[m.Partition], "nothing comes after the end")
		if ev.Type == broker.EndType {
			ends[m.Partition] = true
			require.Equal(t, int64(3), ev.Version)
			require.Equal(t, "replay", ev.Kind)
			continue
		}
		require.Equal(t, "google.protobuf", ev.Topic, "where it was published first: the package of its message")
		got[ev.RecordID] = append(got[ev.RecordID], ev.Version)
	}
	require.Equal(t, want, got)
	require.Len(t, ends, 3)
	left, err := pending(t.Context(), db)
	require.NoError(t, err)
	require.Equal(t, records*changes+1, left, "a replay does not touch the outbox")
}
