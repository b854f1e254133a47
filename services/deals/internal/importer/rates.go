package importer

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/authz"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/money"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/deals/internal/publish"
)

// rates are those of the currencies and days that a batch needs.
type rates struct {
	base string
	of   map[rateKey]decimal.Decimal
	ask  map[rateKey]struct{}
}

type rateKey struct {
	currency string
	day      time.Time
}

func (r *rates) want(currency string, days ...time.Time) {
	if r.ask == nil {
		r.ask = make(map[rateKey]struct{})
	}
	for _, d := range days {
		r.ask[rateKey{currency, d}] = struct{}{}
	}
}

func (r *rates) read(ctx context.Context, tx pgx.Tx, org string) error {
	r.of = make(map[rateKey]decimal.Decimal)
	if len(r.ask) == 0 {
		return nil
	}
	currencies, days := make([]string, 0, len(r.ask)), make([]time.Time, 0, len(r.ask))
	for k := range r.ask {
		currencies, days = append(currencies, k.currency), append(days, k.day)
	}
	rows, err := tx.Query(ctx, `
		SELECT k.currency, k.day, x.rate
		FROM unnest($2::text[], $3::date[]) k (currency, day)
		CROSS JOIN LATERAL (
			SELECT rate
			FROM rates
			WHERE organization_id = $1 AND currency = k.currency AND base_currency = $4 AND day <= k.day AND NOT removed
			ORDER BY day DESC
			LIMIT 1) x`, org, currencies, days, r.base)
	if err != nil {
		return fmt.Errorf("read rates: %w", err)
	}
	var k rateKey
	var rate decimal.Decimal
	if _, err := pgx.ForEachRow(rows, []any{&k.currency, &k.day, &rate}, func() error { r.of[k] = rate; return nil }); err != nil {
		return fmt.Errorf("read rates: %w", err)
	}
	return nil
}

// on returns the conversion into the base currency on a day.
func (r *rates) on(day time.Time) func(money.Money) (money.Money, bool) {
	return func(m money.Money) (money.Money, bool) {
		rate, ok := r.of[rateKey{m.Currency, day}]
		if !ok {
			return money.Money{}, false
		}
		return m.Convert(r.base, rate), true
	}
}

// importScope is whose deals the user may import.
func importScope(d *authz.Directory, b imports.Batch) authz.Scope {
	return d.Scope(b.Organization, b.UserID, publish.KindDeal, optionsv1.Action_ACTION_IMPORT)
}
