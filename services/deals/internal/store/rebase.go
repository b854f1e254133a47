package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
)

// Rebaser reckons the base amounts of deals anew when the base currency of their organisation has changed (CAT-3): each by the
// rate of the day that its amount was converted at. Deals are taken some at a time, in the order of their IDs, and where it
// is up to is kept with what it has written: a restart goes on, and of several processes one does it. Meanwhile boards and
// reports count deals that are still in the old currency as not converted.
type Rebaser struct {
	// DB is opened as the application, System with pg.RoleSystem.
	DB, System *pg.DB
	// Organizations lists the organisations with their base currencies.
	Organizations func() map[string]string
	Clock         clock.Clock
	Every         time.Duration
	Log           *slog.Logger
}

// rebaseChunk is how many deals one transaction looks at.
const rebaseChunk = 500

// settle is how long every process has surely heard of a new base currency after the first one has.
const settle = time.Minute

// Run looks for changes until ctx is done. What fails is logged and tried again.
func (r *Rebaser) Run(ctx context.Context) error {
	t := time.NewTicker(r.Every)
	defer t.Stop()
	for {
		if err := r.Round(ctx); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "base amounts are not reckoned anew; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Round reckons for all organisations whose base currency is another than their deals'.
func (r *Rebaser) Round(ctx context.Context) error {
	known := map[string]string{}
	err := r.System.System(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT organization_id::text, currency FROM base_currencies WHERE checked_at IS NOT NULL`)
		if err != nil {
			return err
		}
		var org, currency string
		_, err = pgx.ForEachRow(rows, []any{&org, &currency}, func() error { known[org] = currency; return nil })
		return err
	})
	if err != nil {
		return fmt.Errorf("read base currencies: %w", err)
	}
	for org, currency := range r.Organizations() {
		if currency == "" || known[org] == currency {
			continue
		}
		for more := true; more; {
			if more, err = r.some(ctx, org, currency); err != nil {
				return fmt.Errorf("reckon base amounts of organisation %s: %w", org, err)
			}
		}
	}
	return nil
}

// state is a row of base_currencies.
type state struct {
	currency, position string
	done, total        int64
	started            time.Time
	ended, checked     *time.Time
}

// some looks at the next deals and reports whether there are more to look at now.
func (r *Rebaser) some(ctx context.Context, org, currency string) (more bool, err error) {
	err = r.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		more = false
		st, mine, err := r.open(ctx, tx, org, currency)
		if err != nil || !mine || st.checked != nil || st.ended != nil && r.Clock.Now().Before(st.started.Add(settle)) {
			return nil, err
		}
		changes, last, n, err := r.next(ctx, tx, org, &st)
		if err != nil {
			return nil, err
		}
		now := r.Clock.Now()
		st.done, st.position = st.done+int64(n), last
		if more = n == rebaseChunk; !more {
			if st.ended != nil {
				st.checked = &now
			}
			st.ended, st.position = &now, firstID
			if st.total > 0 {
				r.Log.InfoContext(ctx, "base amounts are reckoned", "organization", org, "currency", currency, "deals", st.total)
			}
		}
		evs, err := WriteDeals(ctx, tx, org, changes, rebaseActor, event.Cause("base-currency/"+currency), event.Actor(rebaseActor))
		if err != nil {
			return nil, err
		}
		_, err = tx.Exec(ctx, `
			UPDATE base_currencies SET position = $2, done = least($3, total), ended_at = $4, checked_at = $5
			WHERE organization_id = $1`, org, st.position, st.done, st.ended, st.checked)
		return evs, err
	})
	return more, err
}

const (
	rebaseActor = "service:deals"
	firstID     = "00000000-0000-0000-0000-000000000000"
)

// open locks the state, after starting anew if it is of another currency. It is not mine while another process works on it.
func (r *Rebaser) open(ctx context.Context, tx pgx.Tx, org, currency string) (st state, mine bool, err error) {
	now := r.Clock.Now()
	_, err = tx.Exec(ctx, `
		INSERT INTO base_currencies (organization_id, currency, position, done, total, started_at)
		SELECT $1, $2, $3, 0, count(*), $4 FROM deals WHERE organization_id = $1
		ON CONFLICT (organization_id) DO NOTHING`, org, currency, firstID, now)
	if err != nil {
		return st, false, err
	}
	err = tx.QueryRow(ctx, `
		SELECT currency, position::text, done, total, started_at, ended_at, checked_at
		FROM base_currencies WHERE organization_id = $1 FOR UPDATE SKIP LOCKED`, org).
		Scan(&st.currency, &st.position, &st.done, &st.total, &st.started, &st.ended, &st.checked)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return st, false, nil
	case err != nil || st.currency == currency:
		return st, err == nil, err
	}
	st = state{currency: currency, position: firstID, started: now}
	return st, true, tx.QueryRow(ctx, `
		UPDATE base_currencies
		SET currency = $2, position = $3, done = 0, started_at = $4, ended_at = NULL, checked_at = NULL,
			total = (SELECT count(*) FROM deals WHERE organization_id = $1)
		WHERE organization_id = $1
		RETURNING total`, org, currency, firstID, now).Scan(&st.total)
}

// next reckons the deals behind the position: those that change, the last one looked at and how many were.
func (r *Rebaser) next(ctx context.Context, tx pgx.Tx, org string, st *state) (changes []Change, last string, n int, err error) {
	rows, err := tx.Query(ctx, `
		SELECT `+dealColumns+`, x.rate
		FROM (SELECT * FROM deals WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $4 FOR UPDATE) d
		LEFT JOIN LATERAL (
			SELECT rate
			FROM rates
			WHERE organization_id = $1 AND currency = d.currency AND base_currency = $3 AND day <= coalesce(d.base_date, d.created_at::date)
				AND NOT removed
			ORDER BY day DESC
			LIMIT 1) x ON true
		ORDER BY d.id`, org, st.position, st.currency, rebaseChunk)
	if err != nil {
		return nil, "", 0, fmt.Errorf("read deals: %w", err)
	}
	last = st.position
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var rate decimal.NullDecimal
		d, err := scanDeal(row, &rate)
		if err != nil {
			return struct{}{}, err
		}
		last, n = d.ID, n+1
		before := *d
		if evs := d.Rebase(st.currency, rate, r.Clock.Now()); len(evs) > 0 {
			changes = append(changes, Change{Before: &before, After: d, Events: evs})
		}
		return struct{}{}, nil
	})
	if err != nil {
		return nil, "", 0, fmt.Errorf("read deals: %w", err)
	}
	return changes, last, n, nil
}
