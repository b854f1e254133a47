package embedded_test

import (
	"bytes"
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/embedded"
)

const topic = "kontor.test.v1"

func TestKafkaKeepsWhatItAcknowledgedOverAKill(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	v := startVictim(t, dir)
	createTopic(t, v.kafkaAddr, kafka.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1})
	produce(t, v.kafkaAddr, "a", "b", "c")
	v.kill()

	k := startKafka(t, embedded.KafkaOptions{Dir: dir + "/kafka"})
	require.Equal(t, v.kafkaAddr, k.Addr())
	require.Equal(t, []string{"a", "b", "c"}, consume(t, k.Addr(), 0, 3))
}

func TestKafkaStopsAndStartsAtTheSameAddress(t *testing.T) {
	t.Parallel()
	k := startKafka(t, embedded.KafkaOptions{Dir: openDir(t)})
	addr := k.Addr()
	createTopic(t, addr, kafka.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1})
	produce(t, addr, "before")
	require.NoError(t, k.Stop())
	_, err := kafka.DialContext(t.Context(), "tcp", addr)
	require.Error(t, err)
	require.NoError(t, k.Start(t.Context()))
	require.Equal(t, addr, k.Addr())
	produce(t, addr, "after")
	require.Equal(t, []string{"before", "after"}, consume(t, addr, 0, 2))
}

func TestKafkaFolderIsForOneBroker(t *testing.T) {
	t.Parallel()
	opts := embedded.KafkaOptions{Dir: openDir(t)}
	startKafka(t, opts)
	_, err := embedded.StartKafka(t.Context(), opts)
	require.ErrorIs(t, err, embedded.ErrLocked)
}

func TestKafkaShortensPartitionsButKeepsWhatIsUnread(t *testing.T) {
	t.Parallel()
	opts := embedded.KafkaOptions{
		Dir: openDir(t), RetentionBytes: 32 << 10, KeepUnreadBytes: 1 << 20, Upkeep: 20 * time.Millisecond,
	}
	k := startKafka(t, opts)
	createTopic(t, k.Addr(), kafka.TopicConfig{Topic: topic, NumPartitions: 1, ReplicationFactor: 1})
	client := &kafka.Client{Addr: kafka.TCP(k.Addr()), Transport: &kafka.Transport{}}
	commit := func(offset int64) {
		res, err := client.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{
			GroupID: "reader", GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{topic: {{Offset: offset}}},
		})
		require.NoError(t, err)
		require.NoError(t, res.Topics[topic][0].Error)
	}
	firstOffset := func() int64 { return offsets(t, client).FirstOffset }

	commit(10)
	value := string(bytes.Repeat([]byte("x"), 1000))
	for range 20 {
		produce(t, k.Addr(), value, value, value, value, value)
	}
	eventually(t, "the ten that have been read are dropped", func() bool { return firstOffset() == 10 })
	commit(90)
	eventually(t, "more are dropped", func() bool { return firstOffset() > 50 })
	first := firstOffset()
	require.LessOrEqual(t, first, int64(90))

	// The offsets hold over a restart.
	require.NoError(t, k.Close())
	startKafka(t, opts)                   // at the same address
	client.Transport = &kafka.Transport{} // the old one's connections are gone
	require.Equal(t, int64(100), offsets(t, client).LastOffset)
	require.GreaterOrEqual(t, firstOffset(), first)
}

func TestKafkaCompacts(t *testing.T) {
	t.Parallel()
	k := startKafka(t, embedded.KafkaOptions{Dir: openDir(t), RetentionBytes: 32 << 10, Upkeep: 20 * time.Millisecond})
	createTopic(t, k.Addr(), kafka.TopicConfig{
		Topic: topic, NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}},
	})
	for i := range 50 {
		produce(t, k.Addr(), strconv.Itoa(i)) // all of the same key
	}
	eventually(t, "few are left", func() bool { return len(consume(t, k.Addr(), 0, 1)) == 1 && consume(t, k.Addr(), 0, 1)[0] != "0" })
}

func offsets(t *testing.T, client *kafka.Client) kafka.PartitionOffsets {
	t.Helper()
	res, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{topic: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}},
	})
	require.NoError(t, err)
	require.NoError(t, res.Topics[topic][0].Error)
	return res.Topics[topic][0]
}

func startKafka(t *testing.T, opts embedded.KafkaOptions) *embedded.Kafka {
	t.Helper()
	k, err := embedded.StartKafka(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

func createTopic(t *testing.T, addr string, tc kafka.TopicConfig) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(addr), Transport: &kafka.Transport{}}
	res, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{tc}})
	require.NoError(t, err)
	require.NoError(t, res.Errors[tc.Topic])
}

func produce(t *testing.T, addr string, values ...string) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(addr), Transport: &kafka.Transport{}}
	records := make([]kafka.Record, len(values))
	for i, v := range values {
		records[i] = kafka.Record{Key: kafka.NewBytes([]byte("key")), Value: kafka.NewBytes([]byte(v))}
	}
	res, err := client.Produce(t.Context(), &kafka.ProduceRequest{
		Topic: topic, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	require.NoError(t, err)
	require.NoError(t, res.Error)
}

func consume(t *testing.T, addr string, from int64, n int) []string {
	t.Helper()
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{addr}, Topic: topic, MaxWait: 50 * time.Millisecond})
	defer func() { require.NoError(t, r.Close()) }()
	require.NoError(t, r.SetOffset(from))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var values []string
	for range n {
		m, err := r.ReadMessage(ctx)
		require.NoError(t, err)
		values = append(values, string(m.Value))
	}
	return values
}
