package inbox

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"kontor.internal/libs/broker"
)

// Waiting after failures: doubling, reset by success.
const (
	shortestPause = 100 * time.Millisecond
	longestPause  = 5 * time.Second
)

// Run consumes until ctx is done. Outages are logged and waited for; it returns an error only if it cannot start.
func (c *Consumer) Run(ctx context.Context) error {
	if err := c.prepare(); err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	client := broker.NewClient(c.Brokers)
	defer client.CloseIdle()
	if !c.ensureTopics(ctx, client) {
		return nil
	}
	dialer := &kafka.Dialer{Timeout: 5 * time.Second, DualStack: true, ClientID: "kontor-" + c.Name}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: c.Name, Brokers: c.Brokers, Topics: c.Topics, Dialer: dialer,
		HeartbeatInterval: time.Second, SessionTimeout: 10 * time.Second, RebalanceTimeout: 10 * time.Second,
		JoinGroupBackoff: 200 * time.Millisecond, WatchPartitionChanges: true, PartitionWatchInterval: 30 * time.Second,
		StartOffset: kafka.FirstOffset,
	})
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	// Close waits for the partitions' goroutines of the generation.
	defer func() { _ = group.Close() }() // never fails
	for pause := shortestPause; ; {
		gen, err := group.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			c.Log.WarnContext(ctx, "consumer group interrupted", "consumer", c.Name, "retry_in", pause, "error", err)
			if broker.Wait(ctx, pause) != nil {
				return nil
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = shortestPause
		c.start(ctx, gen, client)
	}
}

// ensureTopics makes the topics, for a group over a topic that does not exist would wait for it in silence. It reports
// false if ctx has ended first.
func (c *Consumer) ensureTopics(ctx context.Context, client *broker.Client) bool {
	topics := make([]broker.Topic, len(c.Topics))
	for i, t := range c.Topics {
		topics[i] = broker.Topic{Name: t, Partitions: c.Partitions}
	}
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		err := broker.Ensure(ctx, client.Client, topics...)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		c.Log.WarnContext(ctx, "topics not ready", "consumer", c.Name, "retry_in", pause, "error", err)
		if broker.Wait(ctx, pause) != nil {
			return false
		}
	}
}

// start begins to read the partitions of a generation. The group ends it, and waits for its goroutines, when members
// come or go.
func (c *Consumer) start(ctx context.Context, gen *kafka.Generation, client *broker.Client) {
	var parts []*partition
	for topic, assigned := range gen.Assignments {
		for _, a := range assigned {
			parts = append(parts, &partition{
				Consumer: c, topic: topic, id: a.ID, client: client, unpark: make(chan struct{}, 1),
			})
		}
	}
	c.Log.InfoContext(ctx, "partitions assigned", "consumer", c.Name, "generation", gen.ID, "partitions", len(parts))
	for _, p := range parts {
		gen.Start(func(gctx context.Context) {
			ctx, cancel := both(ctx, gctx)
			defer cancel()
			p.run(ctx)
		})
	}
	gen.Start(func(gctx context.Context) {
		ctx, cancel := both(ctx, gctx)
		defer cancel()
		c.watchParked(ctx, parts)
	})
	gen.Start(func(gctx context.Context) {
		ctx, cancel := both(ctx, gctx)
		defer cancel()
		commit(ctx, gen, parts)
	})
}

// commitEvery is the pause between two commits to the group.
const commitEvery = time.Second

// commit tells the group how far its partitions have come, for the tools that watch lag. The truth is in the table, so a
// failure does not matter. All partitions go in one request, now and then: requests at once over the one connection to
// the coordinator would wait for each other in a loop that burns a core.
func commit(ctx context.Context, gen *kafka.Generation, parts []*partition) {
	told := make(map[*partition]int64, len(parts))
	for done := false; !done; {
		done = broker.Wait(ctx, commitEvery) != nil // and once more at the end
		offsets := map[string]map[int]int64{}
		for _, p := range parts {
			next := p.applied.Load()
			if next == told[p] {
				continue
			}
			if offsets[p.topic] == nil {
				offsets[p.topic] = map[int]int64{}
			}
			offsets[p.topic][p.id], told[p] = next, next
		}
		if len(offsets) > 0 {
			_ = gen.CommitOffsets(offsets)
		}
	}
}

// both is done when either is. The generation's own context carries no values.
func both(ctx, gctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(gctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// dialer closes its connections when ctx ends: a reader that waits for messages would notice only at the end of its
// long poll, and hold up a rebalance or a shutdown for so long.
func dialer(ctx context.Context, name string) *kafka.Dialer {
	var d net.Dialer
	return &kafka.Dialer{
		ClientID: "kontor-" + name, Timeout: 5 * time.Second,
		DialFunc: func(dctx context.Context, network, address string) (net.Conn, error) {
			conn, err := d.DialContext(dctx, network, address)
			if err != nil {
				return nil, err
			}
			return &boundConn{Conn: conn, release: context.AfterFunc(ctx, func() { _ = conn.Close() })}, nil
		},
	}
}

type boundConn struct {
	net.Conn

	release func() bool
	once    sync.Once
}

func (c *boundConn) Close() error {
	c.once.Do(func() { c.release() })
	return c.Conn.Close()
}
