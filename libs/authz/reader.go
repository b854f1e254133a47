package authz

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/clock"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
)

const (
	// fetchWait is how long the broker holds a fetch that finds nothing new.
	fetchWait = 5 * time.Second
	// fetchTimeout bounds a fetch whose broker has gone without a word.
	fetchTimeout = fetchWait + 10*time.Second
	fetchBytes   = 4 << 20
	// Pauses between attempts while the broker or the topic is not there.
	firstPause = 100 * time.Millisecond
	lastPause  = 3 * time.Second
	// emptyPause keeps a fetch that is answered at once with nothing from turning into a busy loop: behind the last
	// message of a compacted topic there may be offsets without one.
	emptyPause = 100 * time.Millisecond
)

// Reader fills a Directory from the topic: from its beginning to where it ended at the start, and then with what comes.
type Reader struct {
	// Brokers are the addresses "host:port".
	Brokers []string
	// Topic is the compacted topic; the constant Topic if empty.
	Topic string
	// Directory is filled.
	Directory *Directory
	// Log gets what cannot be read; discarded if nil.
	Log *slog.Logger
	// Clock stamps the directory as level with the topic; the machine's if nil.
	Clock clock.Clock
}

// Run reads until ctx is done, through outages of the broker, during which the directory answers from what it knows.
func (r *Reader) Run(ctx context.Context) error {
	if r.Topic == "" {
		r.Topic = Topic
	}
	if r.Log == nil {
		r.Log = slog.New(slog.DiscardHandler)
	}
	transport := &kafka.Transport{DialTimeout: 5 * time.Second}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(r.Brokers...), Transport: transport}

	partitions := r.partitions(ctx, client)
	var (
		wg      sync.WaitGroup
		lagging atomic.Int64
	)
	lagging.Store(int64(len(partitions)))
	for _, p := range partitions {
		wg.Go(func() {
			first := true
			r.follow(ctx, client, p, func() {
				if first {
					first = false
					lagging.Add(-1)
				}
				if lagging.Load() == 0 {
					r.Directory.SetReady(r.Clock.Now())
				}
			})
		})
	}
	wg.Wait()
	return nil
}

// partitions waits until the topic exists and returns its partitions; none if ctx ends first.
func (r *Reader) partitions(ctx context.Context, client *kafka.Client) []int {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		ids, err := partitionsOf(ctx, client, r.Topic)
		if err == nil {
			return ids
		}
		r.Log.DebugContext(ctx, "directory topic not there yet", "topic", r.Topic, "error", err)
		if !sleep(ctx, pause) {
			return nil
		}
	}
}

func partitionsOf(ctx context.Context, client *kafka.Client, topic string) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	m, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	for _, t := range m.Topics {
		if t.Name != topic {
			continue
		}
		if t.Error != nil {
			return nil, t.Error
		}
		ids := make([]int, 0, len(t.Partitions))
		for _, p := range t.Partitions {
			ids = append(ids, p.ID)
		}
		if len(ids) > 0 {
			return ids, nil
		}
	}
	return nil, errors.New("the topic does not exist")
}

// follow reads one partition until ctx is done. It calls level whenever all that is in the partition has been applied.
func (r *Reader) follow(ctx context.Context, client *kafka.Client, partition int, level func()) {
	offset := kafka.FirstOffset
	pause := firstPause
	for ctx.Err() == nil {
		next, end, err := r.fetch(ctx, client, partition, offset)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, kafka.OffsetOutOfRange):
			offset = kafka.FirstOffset // the topic was made anew; entries have versions, so reading twice is harmless
		case err != nil:
			r.Log.WarnContext(ctx, "directory topic cannot be read; trying again",
				"topic", r.Topic, "partition", partition, "offset", offset, "error", err)
		}
		if err != nil {
			if !sleep(ctx, pause) {
				return
			}
			pause = min(2*pause, lastPause)
			continue
		}
		pause = firstPause
		empty := next == offset
		offset = next
		if offset >= end || empty {
			level()
		}
		if empty && !sleep(ctx, emptyPause) {
			return
		}
	}
}

// fetch applies the next messages of a partition. It returns the offset to go on from, and the partition's end.
func (r *Reader) fetch(ctx context.Context, client *kafka.Client, partition int, offset int64,
) (next, end int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	wait := fetchWait
	if offset == kafka.FirstOffset {
		wait = emptyPause // an empty topic must not hold up the start
	}
	res, err := client.Fetch(ctx, &kafka.FetchRequest{
		Topic: r.Topic, Partition: partition, Offset: offset, MinBytes: 1, MaxBytes: fetchBytes, MaxWait: wait,
	})
	if err != nil {
		return offset, 0, fmt.Errorf("fetch: %w", err)
	}
	if res.Error != nil {
		return offset, 0, fmt.Errorf("fetch: %w", res.Error)
	}
	next = offset
	for {
		rec, err := res.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return next, res.HighWatermark, nil
		}
		if err != nil {
			return offset, 0, fmt.Errorf("read: %w", err)
		}
		if err := r.apply(ctx, rec, partition, offset); err != nil {
			return offset, 0, err
		}
		next = max(next, rec.Offset+1)
	}
}

// apply takes one message over. What cannot be decoded is logged and passed over: waiting would not make it better.
func (r *Reader) apply(ctx context.Context, rec *kafka.Record, partition int, from int64) error {
	key, err := kafka.ReadAll(rec.Key)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	value, err := kafka.ReadAll(rec.Value)
	if err != nil {
		return fmt.Errorf("read value: %w", err)
	}
	if rec.Offset < from {
		return nil // a batch is delivered whole
	}
	if len(value) == 0 {
		r.Directory.Remove(string(key))
		return nil
	}
	var e accessv1.DirectoryEntry
	if err := proto.Unmarshal(value, &e); err != nil {
		r.Log.ErrorContext(ctx, "directory entry cannot be decoded; passed over",
			"topic", r.Topic, "partition", partition, "offset", rec.Offset, "error", err)
		return nil
	}
	r.Directory.Apply(&e)
	return nil
}

// sleep waits for d; it returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
