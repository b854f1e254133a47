package broker_test

import (
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
)

func full() event.Event {
	at := time.Date(2024, 2, 29, 12, 0, 0, 1000, time.UTC)
	e := event.New("kontor.deals.v1", "deal", id.New(), 9, wrapperspb.String("x"), event.Effective(&at), event.Responsible("a", "b"),
		event.Cause("import"), event.Actor("service:deals"), event.Address("203.0.113.7"), event.Happened(at.AddDate(2, 0, 0)))
	e.RequestID = "key-1"
	e.Organization, e.TraceParent = id.New(), "00-01000000000000000000000000000000-0200000000000000-01"
	return e
}

func TestAnEventSurvivesTheTransport(t *testing.T) {
	t.Parallel()
	e := full()
	m := broker.Message(&e)
	got, err := broker.Decode(m)
	require.NoError(t, err)
	require.Equal(t, e, got)
	headers := map[string]string{}
	for _, h := range m.Headers {
		headers[h.Key] = string(h.Value)
	}
	require.Equal(t, "kontor/deals", headers["ce_source"])
	require.Equal(t, "deal/"+e.RecordID, headers["ce_subject"])
	require.Equal(t, "1.0", headers["ce_specversion"])

	bare := event.New("kontor.deals.v1", "deal", id.New(), 1, wrapperspb.String("x"), event.Happened(time.Now().UTC()))
	got, err = broker.Decode(broker.Message(&bare))
	require.NoError(t, err)
	require.Equal(t, bare, got)
}

func TestAMessageThatIsNoneOfOursIsAnError(t *testing.T) {
	t.Parallel()
	e := full()
	for header, bad := range map[string]string{
		broker.HeaderID: "", broker.HeaderType: "", broker.HeaderSubject: "deal", broker.HeaderVersion: "first", broker.HeaderTime: "noon",
		broker.HeaderEffective: "yesterday",
	} {
		m := broker.Message(&e)
		for i := range m.Headers {
			if m.Headers[i].Key == header {
				m.Headers[i].Value = []byte(bad)
			}
		}
		_, err := broker.Decode(m)
		require.ErrorContains(t, err, header)
	}
	_, err := broker.Decode(kafka.Message{Value: []byte("hello")})
	require.Error(t, err)
}

func TestTopicsAreMadeOnceAndKeepWhatTheyHave(t *testing.T) {
	t.Parallel()
	brokers := testkit.Kafka(t)
	client := broker.NewClient(brokers)
	defer client.CloseIdle()
	plain, compacted := testkit.Unique("plain"), testkit.Unique("compacted")
	for _, partitions := range []int{3, 5} {
		require.NoError(t, broker.Ensure(t.Context(), client.Client, broker.Topic{Name: plain, Partitions: partitions},
			broker.Topic{Name: compacted, Partitions: 1, Compacted: true}))
	}
	testkit.Eventually(t, func() error { _, err := client.Partitions(t.Context(), plain); return err })
	n, err := client.Partitions(t.Context(), plain)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	res, err := client.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
		{ResourceType: kafka.ResourceTypeTopic, ResourceName: compacted, ConfigNames: []string{"cleanup.policy"}},
	}})
	require.NoError(t, err)
	require.Equal(t, "compact", res.Resources[0].ConfigEntries[0].ConfigValue)

	e := full()
	require.NoError(t, client.Produce(t.Context(), plain, 2, []kafka.Message{broker.Message(&e), broker.Message(&e)}))
	first, next, err := client.Ends(t.Context(), plain, 2)
	require.NoError(t, err)
	require.Equal(t, []int64{0, 2}, []int64{first, next})
	require.Error(t, client.Produce(t.Context(), plain, 99, []kafka.Message{broker.Message(&e)}))
	_, _, err = client.Ends(t.Context(), plain, 99)
	require.Error(t, err)
	_, err = client.Partitions(t.Context(), testkit.Unique("none"))
	require.ErrorIs(t, err, kafka.UnknownTopicOrPartition)
}
