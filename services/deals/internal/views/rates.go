package views

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"kontor.internal/libs/money"
	"kontor.internal/libs/pg"
)

// Rate is what one unit of a currency is worth from a day on.
type Rate struct {
	ID, Currency, BaseCurrency string
	Day                        time.Time
	Rate                       decimal.Decimal
	Removed                    bool
	Version                    int64
}

// PutRate keeps a rate, unless a newer version of it is there.
func PutRate(ctx context.Context, tx pgx.Tx, org string, r Rate) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO rates (organization_id, id, currency, base_currency, day, rate, removed, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (organization_id, id) DO UPDATE
		SET currency = excluded.currency, base_currency = excluded.base_currency, day = excluded.day, rate = excluded.rate,
			removed = excluded.removed, version = excluded.version
		WHERE rates.version < excluded.version`, org, r.ID, r.Currency, r.BaseCurrency, r.Day, r.Rate, r.Removed, r.Version)
	if err != nil {
		return fmt.Errorf("keep rate: %w", err)
	}
	return nil
}

// Rates implements deal.Rates on the replica.
type Rates struct {
	DB *pg.DB
}

// ToBase returns what one unit of each currency is worth in the base currency on a day; see deal.Rates.
func (r *Rates) ToBase(ctx context.Context, org, base string, day time.Time, currencies ...string) (map[string]money.Money, error) {
	rows, err := r.DB.Query(ctx, org, `
		SELECT c.currency, r.rate
		FROM unnest($2::text[]) c (currency)
		CROSS JOIN LATERAL (
			SELECT rate
			FROM rates
			WHERE organization_id = $1 AND currency = c.currency AND base_currency = $3 AND day <= $4 AND NOT removed
			ORDER BY day DESC
			LIMIT 1) r`, org, currencies, base, day)
	if err != nil {
		return nil, fmt.Errorf("read rates: %w", err)
	}
	out := make(map[string]money.Money, len(currencies))
	var currency string
	var rate decimal.Decimal
	if _, err := pgx.ForEachRow(rows, []any{&currency, &rate}, func() error {
		out[currency] = money.Money{Currency: base, Amount: rate}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read rates: %w", err)
	}
	return out, nil
}
