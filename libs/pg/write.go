package pg

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/event"
)

// maxAttempts bounds the repetitions of a transaction that lost against another.
const maxAttempts = 5

// Write runs fn in a transaction of the organisation and commits what it did together with the events it returns.
//
// fn may run more than once (serialization failure, deadlock), so it must have no effect outside the transaction. If the
// context carries a request ID (libs/idem) that was answered before, nothing is written and Write returns an
// *[idem.Replay]; the same ID with another request gives [idem.ErrReused]. Lock the record's row before its version is
// decided: that is what keeps its events in order.
func (db *DB) Write(ctx context.Context, org string, fn func(ctx context.Context, tx pgx.Tx) ([]event.Event, error)) error {
	return db.attempts(ctx, org, func() error { return db.writeOnce(ctx, org, fn) })
}

// attempts repeats a transaction that has lost against another, and answers a request that was answered before.
func (db *DB) attempts(ctx context.Context, org string, once func() error) error {
	var err error
	for attempt := range maxAttempts {
		if err = once(); err == nil {
			return nil
		}
		var again bool
		if again, err = db.replayed(ctx, org, err); !again {
			return visible(err)
		}
		if perr := pause(ctx, attempt); perr != nil {
			return perr
		}
	}
	return fmt.Errorf("giving up after %d attempts: %w", maxAttempts, err)
}

func (db *DB) writeOnce(ctx context.Context, org string, fn func(context.Context, pgx.Tx) ([]event.Event, error)) error {
	return db.inTx(ctx, pgx.TxOptions{}, org, func(ctx context.Context, tx pgx.Tx) error {
		evs, err := fn(ctx, tx)
		if err != nil {
			return err
		}
		// The end of the transaction is one more round trip: answer, events, outbox, commit.
		b := &pgx.Batch{}
		if err := db.complete(ctx, org, evs); err != nil {
			return err
		}
		remembers := queueAnswer(ctx, b, org, evs)
		queueEvents(b, evs)
		if err := commit(ctx, tx, b); err != nil {
			return err
		}
		db.committed(ctx, remembers, len(evs) > 0)
		return nil
	})
}

// WriteBatch writes the statements of b as the organisation together with evs, in one transaction and one round trip.
// It is for blind writes: no statement may depend on what another returned, and what must hold has to be held by
// constraints, for a callback of b runs when all is decided and cannot undo anything. Otherwise like [DB.Write]; b must
// not be used again.
func (db *DB) WriteBatch(ctx context.Context, org string, b *pgx.Batch, evs ...event.Event) error {
	if err := db.complete(ctx, org, evs); err != nil {
		return err
	}
	return db.attempts(ctx, org, func() error {
		all := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, b.Len()+3)}
		all.Queue(setOrganization, org)
		// First, so that a repeated request fails on its ID and not on a name that it has itself taken.
		remembers := queueAnswer(ctx, all, org, evs)
		all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
		queueEvents(all, evs)
		if err := db.pool.SendBatch(ctx, all).Close(); err != nil {
			return err
		}
		db.committed(ctx, remembers, len(evs) > 0)
		return nil
	})
}

// System runs fn in a transaction that belongs to no organisation, for the bookkeeping of a pool that is opened with
// RoleSystem. fn may add events with [DB.Append]; they are on their way after the commit.
func (db *DB) System(ctx context.Context, fn func(ctx context.Context, tx pgx.Tx) error) error {
	var appended bool
	err := db.inTx(context.WithValue(ctx, appendedKey{}, &appended), pgx.TxOptions{}, "", func(ctx context.Context, tx pgx.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return commit(ctx, tx, &pgx.Batch{})
	})
	if err != nil {
		return visible(err)
	}
	if appended {
		db.written()
	}
	return nil
}

type appendedKey struct{}

// Append adds events within a transaction of [DB.System], such as a consumer's. In [DB.Write] return them instead.
func (db *DB) Append(ctx context.Context, tx pgx.Tx, org string, evs ...event.Event) error {
	if len(evs) == 0 {
		return nil
	}
	if err := db.complete(ctx, org, evs); err != nil {
		return err
	}
	b := &pgx.Batch{}
	queueEvents(b, evs)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("append events: %w", err)
	}
	if appended, ok := ctx.Value(appendedKey{}).(*bool); ok {
		*appended = true
	}
	return nil
}

// pause waits a little longer each time.
func pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(time.Duration(attempt+1) * 10 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
