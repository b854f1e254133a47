package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/event"
	"kontor.internal/libs/inbox"
	"kontor.internal/libs/testkit"
)

// calls notes how many events a handler got at once.
type calls struct {
	mu    sync.Mutex
	sizes []int
	mixed bool // events of two organisations in one call
}

func (c *calls) note(evs []event.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sizes = append(c.sizes, len(evs))
	for _, ev := range evs {
		c.mixed = c.mixed || ev.Organization != evs[0].Organization
	}
}

// handler applies events as tally does, and refuses version 2 of bad.
func (c *calls) handler(t testing.TB, bad string) inbox.Together {
	ev := (&stream{t: t}).event(newID(), newID(), 1)
	return inbox.Together{Types: []string{ev.Type}, Apply: func(ctx context.Context, tx pgx.Tx, evs []event.Event) error {
		c.note(evs)
		for _, ev := range evs {
			if err := tally(ctx, tx, ev); err != nil {
				return err
			}
			if ev.RecordID == bad && ev.Version == 2 {
				return fmt.Errorf("%w: version 2 is not to be had", inbox.ErrPermanent)
			}
		}
		return nil
	}}
}

// Events of one handler come to it at once, in their order and organisation by organisation; each is applied once.
func TestEventsAreAppliedTogether(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	var evs []event.Event
	want := map[string][]int64{}
	for range 2 {
		org := newID()
		for range 30 {
			thing := newID()
			for v := range int64(3) {
				evs = append(evs, s.event(org, thing, v+1))
				want[thing] = append(want[thing], v+1)
			}
		}
	}
	s.publish(evs...)
	var c calls
	consumer := s.consumer(db, nil)
	consumer.Together = []inbox.Together{c.handler(t, "")}
	stop := start(t, consumer)
	reaches(t, db, want)
	stop()
	require.False(t, c.mixed)
	require.Less(t, len(c.sizes), len(evs)/3, "many at once")
}

// A handler of all types gets several at once too, and kept apart, a transaction is of one organisation: there is no order
// in which two readers could lock two organisations against each other.
func TestOrganizationsApart(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	orgs := []string{newID(), newID()}
	var evs []event.Event
	want := map[string][]int64{}
	for range 40 {
		for _, org := range orgs { // by turns
			thing := newID()
			evs = append(evs, s.event(org, thing, 1))
			want[thing] = []int64{1}
		}
	}
	s.publish(evs...)
	var mu sync.Mutex
	of := map[string]map[string]bool{} // organisations by transaction
	several := false
	consumer := s.consumer(db, nil)
	consumer.Apart = true
	consumer.Together = []inbox.Together{{Types: []string{inbox.Any}, Apply: func(ctx context.Context, tx pgx.Tx, evs []event.Event) error {
		var id string
		if err := tx.QueryRow(ctx, `SELECT pg_current_xact_id()::text`).Scan(&id); err != nil {
			return err
		}
		mu.Lock()
		if of[id] == nil {
			of[id] = map[string]bool{}
		}
		for _, ev := range evs {
			of[id][ev.Organization] = true
		}
		several = several || len(evs) > 1
		mu.Unlock()
		for _, ev := range evs {
			if err := tally(ctx, tx, ev); err != nil {
				return err
			}
		}
		return nil
	}}}
	stop := start(t, consumer)
	reaches(t, db, want)
	stop()
	require.True(t, several)
	for id, in := range of {
		require.Len(t, in, 1, "transaction %s", id)
	}
}

// One event that cannot be applied is parked with those of its key behind it, and takes none of its batch with it.
func TestOneOfManyIsParked(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	org, bad := newID(), newID()
	want := map[string][]int64{bad: {1}}
	evs := []event.Event{s.event(org, bad, 1), s.event(org, bad, 2), s.event(org, bad, 3)}
	for range 20 {
		thing := newID()
		want[thing] = []int64{1, 2}
		evs = append(evs, s.event(org, thing, 1), s.event(org, thing, 2))
	}
	s.publish(evs...)
	var c calls
	consumer := s.consumer(db, nil)
	consumer.Together = []inbox.Together{c.handler(t, bad)}
	stop := start(t, consumer)
	reaches(t, db, want)
	testkit.Eventually(t, func() error {
		if n := len(parked(t, db, consumer.Name)); n != 2 {
			return fmt.Errorf("%d parked", n)
		}
		return nil
	})
	stop()
	list := parked(t, db, consumer.Name)
	require.Contains(t, list[0].Error, "version 2 is not to be had")
	require.Empty(t, list[1].Error)

	// What is wrong with the handler and not with an event is tried again, all of it.
	again := newID()
	s.publish(s.event(org, again, 1), s.event(org, again, 2))
	var failed sync.Once
	second := s.consumer(db, nil)
	apply := c.handler(t, bad)
	second.Together = []inbox.Together{{Types: apply.Types, Apply: func(ctx context.Context, tx pgx.Tx, evs []event.Event) (err error) {
		failed.Do(func() { err = errors.New("out of order for the moment") })
		if err != nil {
			return err
		}
		return apply.Apply(ctx, tx, evs)
	}}}
	start(t, second)
	want[again] = []int64{1, 2}
	reaches(t, db, want)
}

// Positions after events that nothing is done with are stored, too, and not read again for ever.
func TestPositionsAfterSkippedEventsAreStored(t *testing.T) {
	t.Parallel()
	db, s := database(t), newStream(t, testkit.Kafka(t))
	org := newID()
	var evs []event.Event
	for range 40 {
		evs = append(evs, s.event(org, newID(), 1))
	}
	s.publish(evs...)
	consumer := s.consumer(db, map[string]inbox.Handler{"other.Type": tally})
	start(t, consumer)
	stored := func(want int64) {
		t.Helper()
		testkit.Eventually(t, func() error {
			var sum int64
			err := db.System.Pool().QueryRow(t.Context(), `SELECT coalesce(sum(next_offset), 0) FROM inbox_positions WHERE consumer = $1`,
				consumer.Name).Scan(&sum)
			if err == nil && sum != want {
				err = fmt.Errorf("stored to %d of %d", sum, want)
			}
			return err
		})
	}
	stored(40)
	s.publish(s.event(org, newID(), 1))
	stored(41)
}
