// Package broker is what our services agree upon when they talk through Kafka: how an event looks as a message, and that
// topics exist.
//
// Headers are CloudEvents in binary mode. The topic of an event is the package of its message, kontor.deals.v1; a replay
// carries the same events on kontor.replay.<consumer>.
package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"kontor.internal/libs/event"
)

// DefaultPartitions is how many partitions a topic gets. More can be added later, but keys then move: not while events
// are on their way.
const DefaultPartitions = 8

// DirectoryTopic is the compacted topic of users, departments and roles.
const DirectoryTopic = "kontor.directory.v1"

// replayPrefix begins the names of topics that carry events once more.
const replayPrefix = "kontor.replay."

// ReplayTopic is where the events go that are published once more for one consumer.
func ReplayTopic(consumer string) string { return replayPrefix + consumer }

// EndType is the type of the last message of a replay on each partition. Its RecordID names the replay, its Version is
// the number of partitions, its ID ends with "/" and the partition's number. Its Topic, once decoded, is that of whose
// replay has ended, without the version, such as kontor.deals. It belongs to no organisation.
const EndType = "kontor.replay.End"

// Names of headers.
const (
	HeaderID                  = "ce_id"
	HeaderType                = "ce_type"
	HeaderSource              = "ce_source"
	HeaderSubject             = "ce_subject"
	HeaderTime                = "ce_time"
	HeaderSpec                = "ce_specversion"
	HeaderOrganization        = "organization"
	HeaderActor               = "actor"
	HeaderVersion             = "version"
	HeaderEffective           = "effective"
	HeaderResponsible         = "responsible"
	HeaderPreviousResponsible = "previous_responsible"
	HeaderCause               = "cause"
	HeaderTraceParent         = "traceparent"
	HeaderAddress             = "address"
	HeaderRequestID           = "request_id"
)

// Headers are the headers of an event.
func Headers(e *event.Event) []kafka.Header {
	h := make([]kafka.Header, 0, 16)
	add := func(key, value string) { h = append(h, kafka.Header{Key: key, Value: []byte(value)}) }
	add(HeaderSpec, "1.0")
	add(HeaderID, e.ID)
	add(HeaderType, e.Type)
	add(HeaderSource, Source(e.Topic))
	add(HeaderSubject, e.Kind+"/"+e.RecordID)
	add(HeaderTime, e.HappenedAt.UTC().Format(time.RFC3339Nano))
	add(HeaderOrganization, e.Organization)
	add(HeaderActor, e.Actor)
	add(HeaderVersion, strconv.FormatInt(e.Version, 10))
	if e.EffectiveAt != nil {
		add(HeaderEffective, e.EffectiveAt.UTC().Format(time.RFC3339Nano))
	}
	for _, o := range []struct{ key, value string }{
		{HeaderResponsible, e.Responsible},
		{HeaderPreviousResponsible, e.PreviousResponsible},
		{HeaderCause, e.Cause},
		{HeaderTraceParent, e.TraceParent},
		{HeaderAddress, e.Address},
		{HeaderRequestID, e.RequestID},
	} {
		if o.value != "" {
			add(o.key, o.value)
		}
	}
	return h
}

// Source is the CloudEvents source of a topic: kontor/deals for kontor.deals.v1.
func Source(topic string) string {
	parts := strings.Split(topic, ".")
	if len(parts) > 2 {
		parts = parts[:len(parts)-1] // the version
	}
	return strings.Join(parts, "/")
}

// Message is the event as a message to its topic.
func Message(e *event.Event) kafka.Message {
	return kafka.Message{Topic: e.Topic, Key: []byte(e.Key()), Value: e.Payload, Headers: Headers(e)}
}

// Decode reads an event from a message. An error means that it is not one of ours.
func Decode(m kafka.Message) (event.Event, error) {
	e := event.Event{Topic: m.Topic, Payload: m.Value}
	var source, subject, happened, effective, version string
	for _, h := range m.Headers {
		v := string(h.Value)
		switch h.Key {
		case HeaderID:
			e.ID = v
		case HeaderType:
			e.Type = v
		case HeaderSource:
			source = v
		case HeaderSubject:
			subject = v
		case HeaderTime:
			happened = v
		case HeaderOrganization:
			e.Organization = v
		case HeaderActor:
			e.Actor = v
		case HeaderVersion:
			version = v
		case HeaderEffective:
			effective = v
		case HeaderResponsible:
			e.Responsible = v
		case HeaderPreviousResponsible:
			e.PreviousResponsible = v
		case HeaderCause:
			e.Cause = v
		case HeaderTraceParent:
			e.TraceParent = v
		case HeaderAddress:
			e.Address = v
		case HeaderRequestID:
			e.RequestID = v
		}
	}
	if e.ID == "" || e.Type == "" {
		return e, errors.New("message without " + HeaderID + " or " + HeaderType)
	}
	if e.Type == EndType {
		e.Topic = strings.ReplaceAll(source, "/", ".") // of whom it is the end, without the version
	} else if strings.HasPrefix(m.Topic, replayPrefix) {
		// Replayed: it says where it was published first.
		if i := strings.LastIndexByte(e.Type, '.'); i > 0 {
			e.Topic = e.Type[:i]
		}
	}
	var ok bool
	if e.Kind, e.RecordID, ok = strings.Cut(subject, "/"); !ok {
		return e, fmt.Errorf("%s %q is not kind/id", HeaderSubject, subject)
	}
	var err error
	if e.Version, err = strconv.ParseInt(version, 10, 64); err != nil {
		return e, fmt.Errorf("header %s: %w", HeaderVersion, err)
	}
	if e.HappenedAt, err = time.Parse(time.RFC3339Nano, happened); err != nil {
		return e, fmt.Errorf("header %s: %w", HeaderTime, err)
	}
	if effective != "" {
		at, err := time.Parse(time.RFC3339Nano, effective)
		if err != nil {
			return e, fmt.Errorf("header %s: %w", HeaderEffective, err)
		}
		e.EffectiveAt = &at
	}
	return e, nil
}

// Topic is a topic to have.
type Topic struct {
	Name string
	// Partitions of a topic that is made; DefaultPartitions if zero. An existing topic keeps what it has.
	Partitions int
	// Compacted keeps the last message of each key for ever.
	Compacted bool
}

// attempts at an admin call: the first after a broker's restart ends in an unexpected EOF.
const attempts = 5

// Ensure makes the topics that do not exist.
func Ensure(ctx context.Context, client *kafka.Client, topics ...Topic) error {
	if len(topics) == 0 {
		return nil
	}
	req := &kafka.CreateTopicsRequest{}
	for _, t := range topics {
		tc := kafka.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: -1} // the broker's default
		if tc.NumPartitions <= 0 {
			tc.NumPartitions = DefaultPartitions
		}
		if t.Compacted {
			tc.ConfigEntries = []kafka.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}}
		}
		req.Topics = append(req.Topics, tc)
	}
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			if werr := Wait(ctx, 100*time.Millisecond<<attempt); werr != nil {
				return werr
			}
		}
		var res *kafka.CreateTopicsResponse
		if res, err = client.CreateTopics(ctx, req); err != nil {
			continue
		}
		err = nil
		for name, terr := range res.Errors {
			if terr != nil && !errors.Is(terr, kafka.TopicAlreadyExists) {
				err = fmt.Errorf("topic %s: %w", name, terr)
			}
		}
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("make topics: %w", err)
}

// NewClient returns a client with connections of its own; close them with its CloseIdle.
func NewClient(brokers []string) *Client {
	t := &kafka.Transport{ClientID: "kontor", DialTimeout: 5 * time.Second, MetadataTTL: 10 * time.Second}
	return &Client{Client: &kafka.Client{Addr: kafka.TCP(brokers...), Transport: t, Timeout: 30 * time.Second}, transport: t}
}

// Client is a kafka.Client that can give its connections back.
type Client struct {
	*kafka.Client

	transport *kafka.Transport
}

// CloseIdle closes the connections.
func (c *Client) CloseIdle() { c.transport.CloseIdleConnections() }

// Partitions is the number of partitions of a topic.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	res, err := c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, fmt.Errorf("partitions of %s: %w", topic, err)
	}
	for _, t := range res.Topics {
		if t.Name != topic {
			continue
		}
		if t.Error != nil {
			return 0, fmt.Errorf("partitions of %s: %w", topic, t.Error)
		}
		if len(t.Partitions) > 0 {
			return len(t.Partitions), nil
		}
	}
	return 0, fmt.Errorf("partitions of %s: %w", topic, kafka.UnknownTopicOrPartition)
}

// Ends are the first offset that a partition still has and the one that it will give next.
func (c *Client) Ends(ctx context.Context, topic string, partition int) (first, next int64, err error) {
	res, err := c.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition)},
	}})
	if err != nil {
		return 0, 0, fmt.Errorf("offsets of %s: %w", topic, err)
	}
	for _, p := range res.Topics[topic] {
		if p.Partition == partition {
			if p.Error != nil {
				return 0, 0, fmt.Errorf("offsets of %s: %w", topic, p.Error)
			}
			return p.FirstOffset, p.LastOffset, nil
		}
	}
	return 0, 0, fmt.Errorf("offsets of %s: %w", topic, kafka.UnknownTopicOrPartition)
}

// Produce appends messages to one partition, all or none, and waits until they are safe.
func (c *Client) Produce(ctx context.Context, topic string, partition int, msgs []kafka.Message) error {
	records := make([]kafka.Record, len(msgs))
	for i, m := range msgs {
		records[i] = kafka.Record{Key: kafka.NewBytes(m.Key), Value: kafka.NewBytes(m.Value), Headers: m.Headers, Time: m.Time}
	}
	res, err := c.Client.Produce(ctx, &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = res.Error
	}
	if err == nil && len(res.RecordErrors) > 0 {
		err = fmt.Errorf("%d records refused", len(res.RecordErrors))
	}
	if err != nil {
		return fmt.Errorf("produce to %s/%d: %w", topic, partition, err)
	}
	return nil
}

// Wait sleeps unless ctx ends first.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
