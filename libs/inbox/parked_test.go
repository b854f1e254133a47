package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/testkit"
)

// picky refuses version 2 of every thing for good until it is told better.
func picky(better *atomic.Bool) inbox.Handler {
	return func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		if err := tally(ctx, tx, ev); err != nil {
			return err
		}
		if ev.Version == 2 && !better.Load() {
			return fmt.Errorf("%w: version 2 is not to be had", inbox.ErrPermanent)
		}
		return nil
	}
}

func TestLaterEventsQueueBehindAParkedOneAndOtherKeysGoOn(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	var better atomic.Bool
	org, bad, good := newID(), newID(), newID()
	reg := prometheus.NewRegistry()
	c := s.consumer(db, map[string]inbox.Handler{inbox.Any: picky(&better)})
	c.Metrics = reg
	stop := start(t, c)
	for v := range int64(4) {
		s.publish(s.event(org, bad, v+1))
		if v != 1 {
			s.publish(s.event(org, good, v+1))
		}
	}
	reaches(t, db, map[string][]int64{bad: {1}, good: {1, 3, 4}})
	testkit.Eventually(t, func() error {
		if n := len(parked(t, db, c.Name)); n != 3 {
			return fmt.Errorf("%d parked", n)
		}
		return nil
	})
	stop()
	list := parked(t, db, c.Name)
	require.Contains(t, list[0].Error, "version 2 is not to be had")
	require.Empty(t, list[1].Error)
	require.Equal(t, org+"/thing/"+bad, list[0].Key)
	require.NotEmpty(t, list[0].EventID)
	families, err := reg.Gather()
	require.NoError(t, err)
	require.NotEmpty(t, families)

	// Asked for too early it stays, with all behind it, and in order.
	again := s.consumer(db, map[string]inbox.Handler{inbox.Any: picky(&better)})
	start(t, again)
	n, err := inbox.Unpark(t.Context(), db.System, c.Name, list[0].Key)
	require.NoError(t, err)
	require.Equal(t, int64(3), n)
	s.publish(s.event(org, bad, 5))
	testkit.Eventually(t, func() error {
		var waiting, all int
		err := db.System.Pool().QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE unpark), count(*) FROM inbox_parked`).
			Scan(&waiting, &all)
		if err == nil && (waiting > 0 || all != 4) {
			err = fmt.Errorf("%d waiting of %d", waiting, all)
		}
		return err
	})
	reaches(t, db, map[string][]int64{bad: {1}, good: {1, 3, 4}})

	better.Store(true)
	n, err = inbox.Unpark(t.Context(), db.System, c.Name, "")
	require.NoError(t, err)
	require.Equal(t, int64(4), n)
	reaches(t, db, map[string][]int64{bad: {1, 2, 3, 4, 5}, good: {1, 3, 4}})
	testkit.Eventually(t, func() error {
		if n := len(parked(t, db, "")); n > 0 {
			return fmt.Errorf("%d parked", n)
		}
		return nil
	})
	s.publish(s.event(org, bad, 6))
	reaches(t, db, map[string][]int64{bad: upTo(6)})
}

func TestWhatParks(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	org := newID()
	cases := map[string]struct {
		fail func(ctx context.Context, tx pgx.Tx) error
		text string
	}{
		"an error marked as permanent": {
			fail: func(context.Context, pgx.Tx) error { return errors.Join(errors.New("no"), inbox.ErrPermanent) }, text: "no",
		},
		"a panic": {fail: func(context.Context, pgx.Tx) error { panic("oops") }, text: "oops"},
		"a value that does not fit its column": {
			fail: func(ctx context.Context, tx pgx.Tx) error { _, err := tx.Exec(ctx, `SELECT 'x'::int`); return err }, text: "22P02",
		},
		"a constraint that stays violated": {
			fail: func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO tallies (organization_id, thing_id, versions) VALUES ($1, $2, NULL)`, org, newID())
				return err
			}, text: "23502",
		},
		"what another organisation owns": {
			fail: func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO tallies (organization_id, thing_id, versions) VALUES ($1, $2, '{}')`, newID(), newID())
				return errors.Join(err, inbox.ErrPermanent)
			}, text: "row-level security",
		},
	}
	byThing := map[string]func(context.Context, pgx.Tx) error{}
	texts := map[string]string{}
	for _, c := range cases {
		thing := newID()
		byThing[thing], texts[org+"/thing/"+thing] = c.fail, c.text
		s.publish(s.event(org, thing, 1))
	}
	fine := newID()
	s.publish(s.event(org, fine, 1))
	// Not one of ours at all: no headers, no text, no key.
	require.NoError(t, s.client.Produce(t.Context(), s.topic, 0, []kafka.Message{{Value: []byte{0xff, 0}}}))
	texts[""] = "ce_id"
	start(t, s.consumer(db, map[string]inbox.Handler{inbox.Any: func(ctx context.Context, tx pgx.Tx, ev event.Event) error {
		if fail := byThing[ev.RecordID]; fail != nil {
			return fail(ctx, tx)
		}
		return tally(ctx, tx, ev)
	}}))
	reaches(t, db, map[string][]int64{fine: {1}})
	testkit.Eventually(t, func() error {
		if n := len(parked(t, db, "")); n != len(texts) {
			return fmt.Errorf("%d parked", n)
		}
		return nil
	})
	for _, p := range parked(t, db, "") {
		require.Contains(t, p.Error, texts[p.Key])
	}
}
