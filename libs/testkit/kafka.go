package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"kontor.internal/libs/embedded"
)

// kafkaServer is one per test process.
var kafkaServer shared[[]string]

// Kafka returns the addresses of a broker: Apache Kafka if
// KONTOR_TEST_KAFKA_BROKERS names one, else the embedded one. Tests share it, so
// topics come from [Topic] and names of groups from [Unique].
func Kafka(t testing.TB) []string {
	t.Helper()
	if brokers := os.Getenv("KONTOR_TEST_KAFKA_BROKERS"); brokers != "" {
		return strings.Split(brokers, ",")
	}
	requireReal(t, "Apache Kafka", "KONTOR_TEST_KAFKA_BROKERS", "`make test` starts one and sets it")
	return kafkaServer.get(t, func() ([]string, error) {
		k, err := embedded.StartKafka(context.Background(), embedded.KafkaOptions{})
		if err != nil {
			return nil, err
		}
		return []string{k.Addr()}, nil
	})
}

// Topic makes a topic with the given number of partitions for this test alone
// and returns its name. configs are "name=value".
func Topic(t testing.TB, brokers []string, name string, partitions int, configs ...string) string {
	t.Helper()
	topic := Unique(name)
	CreateTopic(t, brokers, topic, partitions, configs...)
	return topic
}

// CreateTopic makes a topic with exactly this name. That it exists is not an
// error.
func CreateTopic(t testing.TB, brokers []string, topic string, partitions int, configs ...string) {
	t.Helper()
	tc := kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}
	for _, c := range configs {
		k, v, _ := strings.Cut(c, "=")
		tc.ConfigEntries = append(tc.ConfigEntries, kafka.ConfigEntry{ConfigName: k, ConfigValue: v})
	}
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Transport: &kafka.Transport{}, Timeout: 10 * time.Second}
	var last error
	for range 20 { // the first admin call after a broker's start may end in an EOF
		res, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{tc}})
		if err == nil {
			err = res.Errors[topic]
		}
		if last = err; err == nil || errors.Is(err, kafka.TopicAlreadyExists) {
			awaitTopic(t, client, topic, partitions)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("testkit: create topic %s: %v", topic, last)
}

// awaitTopic waits until the leader of every partition serves it. A real broker
// names the leaders a little before they do.
func awaitTopic(t testing.TB, client *kafka.Client, topic string, partitions int) {
	t.Helper()
	ask := make([]kafka.OffsetRequest, partitions)
	for p := range ask {
		ask[p] = kafka.LastOffsetOf(p)
	}
	Eventually(t, func() error {
		res, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}})
		if err != nil {
			return err
		}
		if n := len(res.Topics[topic]); n < partitions {
			return fmt.Errorf("%d of %d partitions", n, partitions)
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return fmt.Errorf("partition %d: %w", p.Partition, p.Error)
			}
		}
		return nil
	})
}

// Unique returns the name with something random behind it: for topics, consumer
// groups, Redis keys.
func Unique(name string) string {
	return name + "." + strings.ToLower(rand.Text()[:10])
}
