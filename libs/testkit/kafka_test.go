package testkit_test

import (
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
)

func TestTopicIsReadyWhenItReturns(t *testing.T) {
	t.Parallel()
	brokers := testkit.Kafka(t)
	topic := testkit.Topic(t, brokers, "kontor.test.v1", 3)
	w := &kafka.Writer{Addr: kafka.TCP(brokers...), Topic: topic, RequiredAcks: kafka.RequireAll, BatchSize: 1}
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.NoError(t, w.WriteMessages(t.Context(), kafka.Message{Key: []byte("k"), Value: []byte("v")}))
}
