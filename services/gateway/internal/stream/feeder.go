package stream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"

	"kontor.internal/libs/broker"
)

// Feeder copies what changed from Kafka to the streams in Redis. All replicas of the gateway share the work: each
// change is copied by one of them, or twice after a crash, which does no harm.
type Feeder struct {
	Brokers []string
	Topics  []string
	Redis   redis.UniversalClient
	Log     *slog.Logger
}

// group is the Kafka consumer group of the feeders.
const group = "gateway.stream"

// Run copies until ctx is done. While Kafka or Redis is gone it waits and goes on after.
func (f *Feeder) Run(ctx context.Context) error {
	if !f.ensureTopics(ctx) {
		return nil
	}
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: f.Brokers, GroupTopics: f.Topics, GroupID: group,
		MinBytes: 1, MaxBytes: 4 << 20, MaxWait: time.Second,
		// Who connects first sees what comes from now on.
		StartOffset:      kafka.LastOffset,
		CommitInterval:   time.Second,
		JoinGroupBackoff: 200 * time.Millisecond,

		WatchPartitionChanges: true,
		ErrorLogger: kafka.LoggerFunc(func(msg string, args ...any) {
			f.Log.DebugContext(ctx, "change feed reader", "message", msg)
		}),
	})
	defer func() { _ = r.Close() }() // what it has read is read again
	fetched := make(chan kafka.Message, atOnce)
	go func() {
		defer close(fetched)
		f.fetch(ctx, r, fetched)
	}()
	for m := range fetched {
		batch := fill(append(make([]kafka.Message, 0, atOnce), m), fetched)
		f.copy(ctx, batch)
		if err := r.CommitMessages(ctx, batch...); err != nil && ctx.Err() == nil {
			f.Log.WarnContext(ctx, "change feed position not kept", "error", err)
		}
	}
	return nil
}

// atOnce is how many changes go to Redis in one round trip at most.
const atOnce = 256

// fetch hands on what the reader has until ctx is done.
func (f *Feeder) fetch(ctx context.Context, r *kafka.Reader, to chan<- kafka.Message) {
	for {
		m, err := r.FetchMessage(ctx)
		switch {
		case ctx.Err() != nil, errors.Is(err, io.EOF):
			return
		case err != nil:
			f.Log.WarnContext(ctx, "change feed interrupted", "error", err)
			wait(ctx)
			continue
		}
		select {
		case to <- m:
		case <-ctx.Done():
			return
		}
	}
}

// fill takes what is there already, without waiting.
func fill(batch []kafka.Message, from <-chan kafka.Message) []kafka.Message {
	for len(batch) < atOnce {
		select {
		case m, ok := <-from:
			if !ok {
				return batch
			}
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// ensureTopics makes the topics: a group over one that does not exist would be given nothing, in silence. It reports
// false if ctx has ended first.
func (f *Feeder) ensureTopics(ctx context.Context) bool {
	client := broker.NewClient(f.Brokers)
	defer client.CloseIdle()
	topics := make([]broker.Topic, len(f.Topics))
	for i, t := range f.Topics {
		topics[i] = broker.Topic{Name: t}
	}
	for ctx.Err() == nil {
		err := broker.Ensure(ctx, client.Client, topics...)
		if err == nil {
			return true
		}
		f.Log.WarnContext(ctx, "change feed waits for Kafka", "error", err)
		wait(ctx)
	}
	return false
}

// copy puts changes into their organisations' streams, in their order. After a failure all are put in again: a browser
// that is told twice asks twice.
func (f *Feeder) copy(ctx context.Context, batch []kafka.Message) {
	adds := make([]*redis.XAddArgs, 0, len(batch))
	for _, m := range batch {
		if org, msg, ok := parse(m); ok {
			adds = append(adds, &redis.XAddArgs{Stream: streamKey(org), MaxLen: keep, Approx: true, Values: msg.values()})
		}
	}
	for len(adds) > 0 && ctx.Err() == nil {
		_, err := f.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, a := range adds {
				p.XAdd(ctx, a)
			}
			return nil
		})
		if err == nil {
			return
		}
		f.Log.WarnContext(ctx, "changes not handed on; retrying", "changes", len(adds), "error", err)
		wait(ctx)
	}
}

func wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// parse reads the headers of an event, and from its value only who sees the record: the browser asks for the record if
// it shows it.
func parse(m kafka.Message) (org string, msg Message, ok bool) {
	var responsible, previous string
	for _, h := range m.Headers {
		v := string(h.Value)
		switch h.Key {
		case broker.HeaderType:
			msg.Type = v
		case broker.HeaderSubject:
			msg.Kind, msg.RecordID, _ = strings.Cut(v, "/")
		case broker.HeaderTime:
			msg.Time = v
		case broker.HeaderOrganization:
			org = v
		case broker.HeaderActor:
			msg.Actor = v
		case broker.HeaderVersion:
			msg.Version = v
		case broker.HeaderResponsible:
			responsible = v
		case broker.HeaderPreviousResponsible:
			previous = v
		}
	}
	msg.Now, msg.Before = audiences(msg.Type, responsible, previous, m.Value)
	return org, msg, org != "" && msg.Type != "" && msg.Kind != ""
}
