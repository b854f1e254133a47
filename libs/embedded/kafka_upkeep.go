package embedded

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

// keepUp compacts, and drops what is old, for as long as the broker runs. The
// broker's own cleaner does not do for us: it does not run after its state has
// been loaded from disk, and it drops by size what readers may still need.
func (k *Kafka) keepUp(ctx context.Context, c *kfake.Cluster, addr string) {
	defer k.idle.Done()
	client := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 10 * time.Second, Transport: &kafka.Transport{}}
	tick := time.NewTicker(k.opts.Upkeep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.Compact()
		if err := k.trim(ctx, c, client); err != nil && ctx.Err() == nil {
			k.opts.Log.WarnContext(ctx, "kafka upkeep", "error", err)
		}
	}
}

// trim shortens partitions over RetentionBytes to about that, but keeps what a
// consumer group has not read, up to KeepUnreadBytes.
func (k *Kafka) trim(ctx context.Context, c *kfake.Cluster, client *kafka.Client) error {
	over, err := k.oversized(ctx, c, client)
	if err != nil || len(over) == 0 {
		return err
	}
	read, err := committed(ctx, client, over)
	if err != nil {
		return err
	}
	for topic, partitions := range over {
		for _, p := range partitions {
			to := cut(p, k.opts.RetentionBytes)
			if offset, ok := read[topicPartition{topic, int(p.Partition)}]; ok && offset < to {
				if p.NumBytes <= k.opts.KeepUnreadBytes {
					to = offset
				} else {
					k.opts.Log.ErrorContext(ctx, "dropping events that a consumer has not read; rebuild it by a replay",
						"topic", topic, "partition", p.Partition, "read_to", offset, "dropped_to", to)
				}
			}
			if to <= p.LogStartOffset {
				continue
			}
			if err := c.DeleteRecords(topic, p.Partition, to); err != nil {
				return fmt.Errorf("shorten %s/%d: %w", topic, p.Partition, err)
			}
		}
	}
	return nil
}

// cut is the offset from which about keep bytes are left. It never empties the
// partition: one found empty at the next start would begin again at offset 0.
func cut(p *kfake.PartitionInfo, keep int64) int64 {
	records := p.HighWatermark - p.LogStartOffset
	drop := int64(float64(records) * float64(p.NumBytes-keep) / float64(p.NumBytes))
	return p.LogStartOffset + min(drop, records-1)
}

type topicPartition struct {
	topic     string
	partition int
}

// oversized finds the partitions to shorten. Compacted topics are none: they
// hold the last of every key.
func (k *Kafka) oversized(ctx context.Context, c *kfake.Cluster, client *kafka.Client) (map[string][]*kfake.PartitionInfo, error) {
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	over := make(map[string][]*kfake.PartitionInfo)
	for _, t := range meta.Topics {
		info := c.TopicInfo(t.Name)
		if info == nil || t.Internal {
			continue
		}
		if policy := info.Configs["cleanup.policy"]; policy != nil && *policy != "delete" {
			continue
		}
		for _, p := range c.PartitionInfos(t.Name) {
			if p.NumBytes > k.opts.RetentionBytes && p.HighWatermark-p.LogStartOffset > 1 {
				over[t.Name] = append(over[t.Name], p)
			}
		}
	}
	return over, nil
}

// committed is how far the slowest group has read each of the partitions that
// any group reads.
func committed(ctx context.Context, client *kafka.Client, of map[string][]*kfake.PartitionInfo) (map[topicPartition]int64, error) {
	groups, err := client.ListGroups(ctx, &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	ask := make(map[string][]int, len(of))
	for topic, partitions := range of {
		for _, p := range partitions {
			ask[topic] = append(ask[topic], int(p.Partition))
		}
	}
	slowest := make(map[topicPartition]int64)
	for _, g := range groups.Groups {
		res, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: g.GroupID, Topics: ask})
		if err != nil {
			return nil, fmt.Errorf("offsets of %s: %w", g.GroupID, err)
		}
		for _, topic := range slices.Sorted(maps.Keys(res.Topics)) {
			for _, p := range res.Topics[topic] {
				at := topicPartition{topic, p.Partition}
				if known, ok := slowest[at]; p.CommittedOffset >= 0 && (!ok || p.CommittedOffset < known) {
					slowest[at] = p.CommittedOffset
				}
			}
		}
	}
	return slowest, nil
}
