package imports

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/pg"
)

// Two batches are written at a time, each by a connection of its own, where no row of one can be about a record of the
// other. Their positions are stored in their order: a batch does all that is costly, waits until the one before it is
// committed, and only then takes the import's row, stores the position after it and commits. So a batch is in only if all
// before it are, and each of them once.

// lane is a batch on its way.
type lane struct {
	c      *chunk
	keys   map[string]struct{}
	before *lane // the one whose end it waits for; nil if there is none
	// begun is closed when the batch has a connection, done when err is decided.
	begun, done chan struct{}
	err         error

	once sync.Once
}

// atOnce is how many batches are written at a time.
const atOnce = 2

var (
	// errBefore says that the batch before was not committed, so that this one must not be.
	errBefore = errors.New("the batch before was not written")
	// errContended says that a batch waited for another that waits for it: both came upon something that Keys does not tell.
	errContended = errors.New("two batches wait for each other")
)

// contendedAfter is for how long a batch waits for a row that somebody else writes, before batches are written one by one.
const contendedAfter = 2 * time.Second

// rowKeys returns what a row's record may be found by, all that can make it the same as that of another row.
func rowKeys(t Target, rows []Row) map[string]struct{} {
	keys := make(map[string]struct{}, 2*len(rows))
	for _, row := range rows {
		if x := row.ExternalID; x.ID != "" {
			keys["x"+x.Source+"\x00"+x.ID] = struct{}{}
		}
		for _, k := range t.Keys(row) {
			keys["k"+k] = struct{}{}
		}
	}
	return keys
}

func (l *lane) shares(keys map[string]struct{}) bool {
	for k := range keys {
		if _, ok := l.keys[k]; ok {
			return true
		}
	}
	return false
}

// writeAll writes the batches of a file.
func (r *Runner) writeAll(ctx context.Context, s *state, t Target, chunks <-chan *chunk) error {
	var under []*lane // way, in their order
	fixed := *s       // s itself is written to by the batch whose turn it is
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for _, l := range under {
			<-l.done
		}
	}()
	// settle waits until at most n batches are under way.
	settle := func(n int) error {
		for len(under) > n {
			l := under[0]
			<-l.done
			if !errors.Is(l.err, errContended) {
				under = under[1:]
				if l.err != nil {
					return l.err
				}
				continue
			}
			r.Log.InfoContext(ctx, "import writes one batch at a time for a while", "operation_id", fixed.id)
			for _, again := range under { // none of them has been committed
				<-again.done
			}
			all := under
			under = nil
			for _, again := range all {
				if err := r.write(ctx, &fixed, s, t, again.c, nil); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for c := range chunks {
		if t.Keys == nil || c.duplicates == Update { // an update may find a record by one key that another row finds by another
			if err := r.write(ctx, &fixed, s, t, c, nil); err != nil {
				return err
			}
			continue
		}
		l := &lane{c: c, keys: rowKeys(t, c.rows), begun: make(chan struct{}), done: make(chan struct{})}
		room := atOnce - 1
		for i, before := range under {
			if before.shares(l.keys) {
				room = min(room, len(under)-1-i)
			}
		}
		if err := settle(room); err != nil {
			return err
		}
		if len(under) > 0 {
			l.before = under[len(under)-1]
		}
		under = append(under, l)
		go func() {
			defer close(l.done)
			l.err = r.write(ctx, &fixed, s, t, c, l)
			if pg.State(l.err) == lockNotAvailable {
				l.err = errContended
			}
		}()
		// A later batch must not take the last connection and wait for an earlier one that waits for a connection.
		select {
		case <-l.begun:
		case <-l.done:
		}
	}
	if err := settle(0); err != nil {
		return err
	}
	return ctx.Err()
}

// begin notes that the batch has a connection, and makes waiting for locks end.
func (l *lane) begin(ctx context.Context, tx pgx.Tx) error {
	l.once.Do(func() { close(l.begun) })
	if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true)`, strconv.FormatInt(contendedAfter.Milliseconds(), 10)); err != nil {
		return fmt.Errorf("bound waiting: %w", err)
	}
	return nil
}

// turn waits until the batch before is committed.
func (l *lane) turn(ctx context.Context) error {
	if l.before == nil {
		return nil
	}
	select {
	case <-l.before.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if l.before.err != nil {
		return errBefore
	}
	l.before = nil // and with it the rows of all batches before
	return nil
}

// lockNotAvailable is PostgreSQL's state for a wait that took longer than lock_timeout.
const lockNotAvailable = "55P03"
