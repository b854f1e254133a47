package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/deal"
)

// Client is whom deals are with: one of the two IDs.
type Client struct{ CompanyID, ContactID string }

// column is the column of deals that names the client, and the ID in it.
func (c Client) column() (name, id string) {
	if c.CompanyID != "" {
		return "d.company_id", c.CompanyID
	}
	return "d.contact_id", c.ContactID
}

// Sum adds up the deals of a client that are in one state, one currency, and rated in one base currency.
type Sum struct {
	State deal.State
	// Deals is how many; Unrated of them have no amount in base currency.
	Deals, Unrated int64
	Total          money.Money
	// Base has no currency if none of them is rated.
	Base money.Money
	// First is when the first of them was closed; zero if none was.
	First time.Time
}

// Figures adds up the deals of a client that the caller sees (CON-22). It reads the client's deals alone, by the index.
func (s *Deals) Figures(ctx context.Context, q Query, c Client) ([]Sum, error) {
	var args []any
	from := q.from(&args)
	column, id := c.column()
	args = append(args, id)
	rows, err := s.DB.Query(ctx, q.Caller.OrganizationID, fmt.Sprintf(`
		SELECT d.state, d.currency, coalesce(d.base_currency, ''), count(*), count(*) FILTER (WHERE d.base_amount IS NULL),
			sum(d.amount), coalesce(sum(d.base_amount), 0), min(d.closed_at)
		%s AND %s = $%d
		GROUP BY 1, 2, 3
		ORDER BY 1, 2, 3`, from, column, len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("add up a client's deals: %w", err)
	}
	sums, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Sum, error) {
		var x Sum
		var first *time.Time
		err := r.Scan(&x.State, &x.Total.Currency, &x.Base.Currency, &x.Deals, &x.Unrated, &x.Total.Amount, &x.Base.Amount, &first)
		x.First = orZero(first)
		return x, err
	})
	if err != nil {
		return nil, fmt.Errorf("add up a client's deals: %w", err)
	}
	return sums, nil
}
