package inbox

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"kontor.internal/libs/broker"
)

// partition reads one partition within one generation of the group.
type partition struct {
	*Consumer

	topic  string
	id     int
	client *broker.Client
	unpark chan struct{} // asked to try parked events again

	next, end int64     // offsets as last known; end may be ahead of what has been fetched
	stored    int64     // next as stored: behind it are only messages that were skipped
	skipped   time.Time // when the last event skipped happened
	// applied is stored, for the group's committer; 0 before anything has been applied.
	applied atomic.Int64
}

// errMoved says that the stored position is not where this reader is: another reader has gone on from it.
var errMoved = errors.New("position was moved by another reader")

// run reads until ctx is done, starting over from the stored position after a failure.
func (p *partition) run(ctx context.Context) {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		began := p.next
		err := p.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.next > began {
			pause = shortestPause
		}
		p.Log.WarnContext(ctx, "partition reader interrupted", "consumer", p.Name, "topic", p.topic, "partition", p.id,
			"retry_in", pause, "error", err)
		if broker.Wait(ctx, pause) != nil {
			return
		}
	}
}

// read applies messages from the stored position on.
func (p *partition) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := p.position(ctx); err != nil {
		return err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: p.Brokers, Topic: p.topic, Partition: p.id, Dialer: dialer(ctx, p.Name),
		MinBytes: 1, MaxBytes: 16 << 20, MaxWait: 5 * time.Second, QueueCapacity: p.Batch, ReadLagInterval: -1,
		ReadBackoffMin: 50 * time.Millisecond, ReadBackoffMax: time.Second,
	})
	if err := reader.SetOffset(p.next); err != nil {
		return fmt.Errorf("set offset: %w", err)
	}
	msgs, pumped := make(chan kafka.Message, p.Batch), make(chan struct{})
	go func() {
		defer close(pumped)
		p.pump(ctx, reader, msgs)
	}()
	defer func() {
		cancel()
		_ = reader.Close() // its connections are closed already
		<-pumped
	}()
	var keep <-chan time.Time // set while the stored position is behind
	for {
		var batch []kafka.Message
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-keep:
			if err := p.keep(ctx); err != nil {
				return err
			}
			keep = nil
			p.applied.Store(p.stored)
			continue
		case <-p.unpark:
			if err := p.retryParked(ctx); err != nil && ctx.Err() == nil {
				p.Log.ErrorContext(ctx, "parked events not applied; they stay", "consumer", p.Name, "topic", p.topic,
					"partition", p.id, "error", err)
			}
			continue
		case m := <-msgs:
			batch = fill(append(batch, m), msgs, p.Batch)
		}
		if err := p.apply(ctx, batch); err != nil {
			return err
		}
		p.applied.Store(p.stored)
		switch {
		case p.stored == p.next:
			keep = nil
		case keep == nil:
			keep = time.After(keepAfter)
		}
	}
}

// keepAfter is for how long a position after skipped messages may stay unstored.
const keepAfter = time.Second

// fill takes what is there already, without waiting.
func fill(batch []kafka.Message, msgs <-chan kafka.Message, most int) []kafka.Message {
	for len(batch) < most {
		select {
		case m := <-msgs:
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// pump hands on what the reader fetches. During an outage the reader returns errors: wait, go on.
func (p *partition) pump(ctx context.Context, reader *kafka.Reader, msgs chan<- kafka.Message) {
	for pause := shortestPause; ; {
		m, err := reader.FetchMessage(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.Log.WarnContext(ctx, "fetch failed", "consumer", p.Name, "topic", p.topic, "partition", p.id, "retry_in", pause, "error", err)
			if broker.Wait(ctx, pause) != nil {
				return
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = shortestPause
		select {
		case msgs <- m:
		case <-ctx.Done():
			return
		}
	}
}

// position finds out where to go on, and stores a first position for a partition that is new to the consumer.
func (p *partition) position(ctx context.Context) error {
	first, end, err := p.client.Ends(ctx, p.topic, p.id)
	if err != nil {
		return err
	}
	var stored int64
	err = p.DB.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
			INSERT INTO inbox_positions (consumer, topic, partition, next_offset, end_offset)
			VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT ON CONSTRAINT inbox_positions_pkey DO UPDATE SET end_offset = excluded.end_offset`,
			p.Name, p.topic, p.id, first, end); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `
			SELECT next_offset
			FROM inbox_positions
			WHERE consumer = $1 AND topic = $2 AND partition = $3
			FOR UPDATE`, p.Name, p.topic, p.id).Scan(&stored); err != nil {
			return err
		}
		if stored >= first && stored <= end {
			return nil
		}
		_, err := tx.Exec(ctx, `
			UPDATE inbox_positions
			SET next_offset = $4
			WHERE consumer = $1 AND topic = $2 AND partition = $3`, p.Name, p.topic, p.id, first)
		return err
	})
	if err != nil {
		return fmt.Errorf("stored position: %w", err)
	}
	switch {
	case stored < first:
		p.Log.ErrorContext(ctx, "events went past their retention before they were applied; replay them to this consumer",
			"consumer", p.Name, "topic", p.topic, "partition", p.id, "missed", first-stored)
		p.metrics.missed.Add(float64(first - stored))
		stored = first
	case stored > end:
		p.Log.ErrorContext(ctx, "the topic is younger than the position and was made anew; reading it from its start",
			"consumer", p.Name, "topic", p.topic, "partition", p.id, "position", stored, "end", end)
		stored = first
	}
	p.next, p.stored, p.end = stored, stored, end
	return nil
}
