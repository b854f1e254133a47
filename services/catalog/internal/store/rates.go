package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/event"
	"kontor.internal/libs/pg"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/currency"
	"kontor.internal/services/catalog/internal/publish"
)

// Rates implements [currency.Store], and the reading of lists.
type Rates struct {
	DB *pg.DB
}

const rateColumns = `r.id::text, r.version, r.currency, r.base_currency, r.date, r.rate::text, r.source, r.created_at, r.updated_at`

func scanRate(row pgx.Row, more ...any) (*currency.Rate, error) {
	var r currency.Rate
	var rate string
	dest := append([]any{&r.ID, &r.Version, &r.Currency, &r.Base, &r.Date, &rate, &r.Source, &r.CreatedAt, &r.UpdatedAt}, more...)
	if err := row.Scan(dest...); err != nil {
		return nil, err
	}
	d, err := decimal.NewFromString(rate)
	if err != nil {
		return nil, fmt.Errorf("rate: %w", err)
	}
	r.Rate, r.CreatedAt, r.UpdatedAt = d, r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	return &r, nil
}

// Set see [currency.Store].Set.
func (s *Rates) Set(ctx context.Context, org, code, base string, date time.Time, decide func(*currency.Rate) (currency.Set, error),
) (*currency.Rate, error) {
	var out *currency.Rate
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		// There may be no row to lock yet.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('rate/' || $1 || '/' || $2 || '/' || $3, 0))`,
			org, code, date.Format(time.DateOnly)); err != nil {
			return nil, fmt.Errorf("lock rate: %w", err)
		}
		stored, err := scanRate(tx.QueryRow(ctx, `
			SELECT `+rateColumns+`
			FROM exchange_rates r
			WHERE r.organization_id = $1 AND r.base_currency = $2 AND r.currency = $3 AND r.date = $4
			FOR UPDATE`, org, base, code, date))
		if errors.Is(err, pgx.ErrNoRows) {
			stored, err = nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read rate: %w", err)
		}
		set, err := decide(stored)
		if err != nil {
			return nil, err
		}
		r := set.After
		if _, err := tx.Exec(ctx, `
			INSERT INTO exchange_rates (organization_id, id, version, currency, base_currency, date, rate, source, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7::text::numeric, $8, $9, $10)
			ON CONFLICT ON CONSTRAINT exchange_rates_day_key
			DO UPDATE SET version = excluded.version, rate = excluded.rate, source = excluded.source, updated_at = excluded.updated_at`,
			org, r.ID, r.Version, r.Currency, r.Base, r.Date, r.Rate.String(), r.Source, r.CreatedAt, r.UpdatedAt); err != nil {
			return nil, fmt.Errorf("write rate: %w", err)
		}
		out = r
		return []event.Event{publish.RateSet(set)}, nil
	})
	return s.answer(ctx, org, out, err)
}

func (s *Rates) answer(ctx context.Context, org string, r *currency.Rate, err error) (*currency.Rate, error) {
	if err == nil {
		return r, nil
	}
	msg, err := replay(ctx, s.DB, org, err)
	if err != nil {
		return nil, err
	}
	if m, ok := msg.(interface {
		GetExchangeRate() *catalogv1.ExchangeRate
	}); ok {
		return publish.ToRate(m.GetExchangeRate())
	}
	return nil, fmt.Errorf("the request was answered by a %T before", msg)
}

// Remove see [currency.Store].Remove.
func (s *Rates) Remove(ctx context.Context, org, id string, version int64) (*currency.Rate, error) {
	var out *currency.Rate
	err := s.DB.Write(ctx, org, func(ctx context.Context, tx pgx.Tx) ([]event.Event, error) {
		r, err := scanRate(tx.QueryRow(ctx, `
			SELECT `+rateColumns+`
			FROM exchange_rates r
			WHERE r.organization_id = $1 AND r.id = $2
			FOR UPDATE`, org, id))
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return nil, currency.ErrNotFound
		case err != nil:
			return nil, fmt.Errorf("read rate: %w", err)
		case version != 0 && version != r.Version:
			return nil, currency.ErrStale.With("etag", aip.Etag(r.Version))
		}
		if _, err := tx.Exec(ctx, `DELETE FROM exchange_rates WHERE organization_id = $1 AND id = $2`, org, id); err != nil {
			return nil, fmt.Errorf("delete rate: %w", err)
		}
		r.Version++
		out = r
		return []event.Event{publish.RateRemoved(currency.Removed{Rate: r})}, nil
	})
	return s.answer(ctx, org, out, err)
}

// Valid see [currency.Store].Valid.
func (s *Rates) Valid(ctx context.Context, org, base string, on time.Time, currencies ...string) ([]*currency.Rate, error) {
	rows, err := s.DB.Query(ctx, org, `
		SELECT DISTINCT ON (r.currency) `+rateColumns+`
		FROM exchange_rates r
		WHERE r.organization_id = $1 AND r.base_currency = $2 AND r.date <= $3 AND (cardinality($4::text[]) = 0 OR r.currency = ANY($4))
		ORDER BY r.currency, r.date DESC`, org, base, on, some(currencies))
	if err != nil {
		return nil, fmt.Errorf("read rates: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*currency.Rate, error) { return scanRate(row) })
	if err != nil {
		return nil, fmt.Errorf("read rates: %w", err)
	}
	return list, nil
}

func rateSchema() *aip.Schema {
	return &aip.Schema{
		DefaultOrder: "date desc",
		IDColumn:     "r.id",
		Fields: map[string]aip.Field{
			"currency_code":      {Column: "r.currency", Type: aip.Text, Sortable: true},
			"base_currency_code": {Column: "r.base_currency", Type: aip.Text},
			"date":               {Column: "r.date", Type: aip.Date, Sortable: true},
			"source":             {Column: "r.source", Type: aip.Text},
		},
	}
}

// List returns a page of rates and the token of the next one.
func (s *Rates) List(ctx context.Context, org string, req aip.Request) ([]*currency.Rate, string, error) {
	l, err := rateSchema().List(req, org)
	if err != nil {
		return nil, "", err
	}
	args := []any{org}
	where := l.Where(&args)
	rows, err := s.DB.Query(ctx, org, `
		SELECT `+rateColumns+`, `+l.Key()+`
		FROM exchange_rates r
		WHERE r.organization_id = $1 AND `+where+`
		ORDER BY `+l.OrderBy()+` LIMIT `+l.Limit(), args...)
	if err != nil {
		return nil, "", fmt.Errorf("list rates: %w", err)
	}
	defer rows.Close()
	var out []*currency.Rate
	var keys []aip.Key
	for rows.Next() {
		var key aip.Key
		r, err := scanRate(rows, &key)
		if err != nil {
			return nil, "", fmt.Errorf("list rates: %w", err)
		}
		out, keys = append(out, r), append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("list rates: %w", err)
	}
	page, next := aip.Page(l, out, keys)
	return page, next, nil
}
