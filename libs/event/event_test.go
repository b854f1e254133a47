package event_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
)

func TestNewEncodesTheMessageAndNamesIt(t *testing.T) {
	t.Parallel()
	record := id.New()
	e := event.New("kontor.things.v1", "thing", record, 3, wrapperspb.String("a"))
	require.Equal(t, "google.protobuf.StringValue", e.Type)
	require.NoError(t, e.Check())
	var back wrapperspb.StringValue
	require.NoError(t, proto.Unmarshal(e.Payload, &back))
	require.Equal(t, "a", back.GetValue())
	empty := event.New("kontor.things.v1", "thing", record, 3, wrapperspb.String(""))
	require.NotNil(t, empty.Payload, "an empty message is not NULL")
}

func TestCheckRefusesWhatCannotBeStored(t *testing.T) {
	t.Parallel()
	record := id.New()
	for name, e := range map[string]event.Event{
		"text that is not UTF-8": event.New("t", "thing", record, 1, wrapperspb.String("\xff")),
		"no topic":               event.New("", "thing", record, 1, wrapperspb.Bool(true)),
		"no kind":                event.New("t", "", record, 1, wrapperspb.Bool(true)),
		"a record ID like none":  event.New("t", "thing", "7", 1, wrapperspb.Bool(true)),
	} {
		require.Error(t, e.Check(), name)
	}
}

func TestKeysSpreadOverPartitionsAndEachSliceHasItsOwn(t *testing.T) {
	t.Parallel()
	const partitions = 8
	count, slices := map[int]int{}, map[int]int16{}
	for range 4000 {
		e := event.Event{Organization: id.New(), Kind: "thing", RecordID: id.New()}
		p := e.Partition(partitions)
		require.Equal(t, p, event.Partition(e.Key(), partitions))
		count[p]++
		if slice, known := slices[p]; known {
			require.Equal(t, slice, e.Slice(), "one slice publishes to a partition")
		}
		slices[p] = e.Slice()
	}
	require.Len(t, count, partitions)
	for _, n := range count {
		require.InDelta(t, 4000/partitions, n, 100)
	}
}
