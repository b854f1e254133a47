package outbox

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/id"
	"kontor.internal/libs/pg"
)

// ReplayOptions say what is published once more, and where.
type ReplayOptions struct {
	// DB is opened with pg.RoleSystem.
	DB      *pg.DB
	Brokers []string
	// Source is the topic that the service publishes, such as kontor.deals.v1; it is named in the end markers.
	Source string
	// Kinds of records; all if empty.
	Kinds []string
	// Organization limits the replay to one, if set.
	Organization string
	// Topic to publish to, such as broker.ReplayTopic("reporting"). It is made if it does not exist, with Partitions.
	Topic      string
	Partitions int
	// Progress is told how many events have been published so far, if set.
	Progress func(n int64)
	Clock    clock.Clock
}

const replayBatch = 1000

// Replay publishes every event of the event table once more, in order per record, and an end marker on each partition. It
// returns the number of events. Live events interleave harmlessly: consumers go by the record's version. After a failure
// it is begun anew.
func Replay(ctx context.Context, opts ReplayOptions) (int64, error) {
	client := broker.NewClient(opts.Brokers)
	defer client.CloseIdle()
	if err := broker.Ensure(ctx, client.Client, broker.Topic{Name: opts.Topic, Partitions: opts.Partitions}); err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	partitions, err := client.Partitions(ctx, opts.Topic)
	if err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	var total int64
	err = pgx.BeginTxFunc(ctx, opts.DB.Pool(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// Of all partitions of the table each has the order in its primary key: they are merged, nothing is sorted.
		if _, err := tx.Exec(ctx, `
			DECLARE replay NO SCROLL CURSOR FOR
			SELECT `+event.Columns+`
			FROM events
			WHERE ($1::text[] = '{}' OR kind = ANY ($1)) AND ($2 = '' OR organization_id = NULLIF($2, '')::uuid)
			ORDER BY organization_id, kind, record_id, version`, append([]string{}, opts.Kinds...), opts.Organization); err != nil {
			return fmt.Errorf("open cursor: %w", err)
		}
		for {
			rows, err := tx.Query(ctx, `FETCH `+strconv.Itoa(replayBatch)+` FROM replay`)
			if err != nil {
				return fmt.Errorf("read events: %w", err)
			}
			evs, err := pgx.CollectRows(rows, event.Scan)
			if err != nil {
				return fmt.Errorf("read events: %w", err)
			}
			if len(evs) == 0 {
				return nil
			}
			if err := send(ctx, client, opts.Topic, partitions, evs); err != nil {
				return err
			}
			total += int64(len(evs))
			if opts.Progress != nil {
				opts.Progress(total)
			}
		}
	})
	if err == nil {
		err = sendEnd(ctx, client, opts, partitions)
	}
	if err != nil {
		return total, fmt.Errorf("replay: %w", err)
	}
	return total, nil
}

func send(ctx context.Context, client *broker.Client, topic string, partitions int, evs []event.Event) error {
	by := make([][]kafka.Message, partitions)
	for i := range evs {
		p := evs[i].Partition(partitions)
		by[p] = append(by[p], broker.Message(&evs[i]))
	}
	for p, msgs := range by {
		if len(msgs) == 0 {
			continue
		}
		if err := produceAgain(ctx, client, topic, p, msgs); err != nil {
			return err
		}
	}
	return nil
}

// produceAgain bears a broker's restart in the middle of a long replay. A repeated batch does no harm.
func produceAgain(ctx context.Context, client *broker.Client, topic string, partition int, msgs []kafka.Message) error {
	var err error
	for attempt := range 8 {
		if err = client.Produce(ctx, topic, partition, msgs); err == nil {
			return nil
		}
		if werr := broker.Wait(ctx, 100*time.Millisecond<<attempt); werr != nil {
			return werr
		}
	}
	return err
}

func sendEnd(ctx context.Context, client *broker.Client, opts ReplayOptions, partitions int) error {
	run := id.New()
	for p := range partitions {
		end := event.Event{
			ID: run + "/" + strconv.Itoa(p), Type: broker.EndType, Topic: opts.Source, Kind: "replay", RecordID: run,
			Version: int64(partitions), HappenedAt: opts.Clock.Now(), Payload: []byte{},
		}
		if err := produceAgain(ctx, client, opts.Topic, p, []kafka.Message{broker.Message(&end)}); err != nil {
			return err
		}
	}
	return nil
}
