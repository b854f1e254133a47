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
// names of topics and groups come from [Topic] and [Group].
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

// awaitTopic waits until every partition has a leader, which with a real broker
// is a little after the creation was answered.
func awaitTopic(t testing.TB, client *kafka.Client, topic string, partitions int) {
	t.Helper()
	Eventually(t, func() error {
		meta, err := client.Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{topic}})
		switch {
		case err != nil:
			return err
		case len(meta.Topics) != 1:
			return fmt.Errorf("%d topics answered", len(meta.Topics))
		case meta.Topics[0].Error != nil:
			return meta.Topics[0].Error
		case len(meta.Topics[0].Partitions) < partitions:
			return fmt.Errorf("%d of %d partitions", len(meta.Topics[0].Partitions), partitions)
		}
		for _, p := range meta.Topics[0].Partitions {
			if p.Error != nil || p.Leader.Host == "" {
				return fmt.Errorf("partition %d has no leader: %w", p.ID, p.Error)
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
