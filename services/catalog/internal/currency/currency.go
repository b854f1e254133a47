// Package currency holds what currencies are worth on which day, and how amounts are converted (CAT-3).
package currency

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/money"
)

// Failures.
var (
	ErrNotFound = apperr.NotFound("RATE_NOT_FOUND", "rate not found")
	ErrStale    = apperr.Conflict("RATE_ETAG_MISMATCH", "the rate was changed by someone else; read it again")
	ErrInvalid  = apperr.Invalid("RATE_INVALID", "the rate cannot be kept so")
	ErrUnknown  = apperr.Invalid("CURRENCY_UNKNOWN", "there is no such currency; use a code of ISO 4217 such as EUR")
	ErrMissing  = apperr.NotAllowedNow("RATE_MISSING", "there is no rate for that day; set one and try again")
)

// Digits after the point.
const (
	rateDigits   = 18
	amountDigits = 10
)

// Rate says what one unit of a currency is worth in the base currency from a day on.
type Rate struct {
	ID       string
	Version  int64
	Currency string
	Base     string
	// Date is the first day it holds, as midnight UTC of that day.
	Date      time.Time
	Rate      decimal.Decimal
	Source    string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Set tells that a rate was set; Before is nil if there was none for that day.
type Set struct{ Before, After *Rate }

// Removed tells that a rate was taken away; its version has grown by one.
type Removed struct{ Rate *Rate }

// Store keeps rates. Every method is scoped to one organisation.
type Store interface {
	// Set writes a rate. decide is given the rate that is stored for the day, locked, or nil, and returns the new one
	// with its event. If the caller's request was done before, Set returns the rate as it was answered then.
	Set(ctx context.Context, org string, currency, base string, date time.Time, decide func(*Rate) (Set, error)) (*Rate, error)

	// Remove takes a rate away. It returns ErrNotFound, or ErrStale if version is not 0 and not the stored one.
	Remove(ctx context.Context, org, id string, version int64) (*Rate, error)

	// Valid returns the rates that hold on a day for the currencies against base; those without are left out. No
	// currencies: all there are.
	Valid(ctx context.Context, org, base string, on time.Time, currencies ...string) ([]*Rate, error)
}

// Settings are what the organisation's settings say.
type Settings struct {
	// Base is the organisation's base currency.
	Base string
	// Location is where its days begin.
	Location *time.Location
}

// Service is the use cases of currencies.
type Service struct {
	Store    Store
	Clock    clock.Clock
	NewID    func() string
	Settings func(org string) Settings
}

// Known reports whether the code is one of ISO 4217.
func Known(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && money.ValidCurrency(code)
}

// Set sets the rate of a currency from a day on.
func (s *Service) Set(ctx context.Context, org, code string, date time.Time, rate decimal.Decimal, version int64) (*Rate, error) {
	base := s.Settings(org).Base
	switch {
	case !Known(code):
		return nil, ErrUnknown.With("currency", code)
	case code == base:
		return nil, ErrInvalid.WithField("currency_code", "is the base currency, whose rate is always 1")
	case rate.Sign() <= 0:
		return nil, ErrInvalid.WithField("rate", "must be above zero")
	case date.Year() < 1900 || date.Year() > 2200:
		return nil, ErrInvalid.WithField("date", "is not a day of our times")
	}
	return s.Store.Set(ctx, org, code, base, date, func(stored *Rate) (Set, error) {
		now := s.Clock.Now()
		if stored == nil {
			if version != 0 {
				return Set{}, ErrStale
			}
			return Set{After: &Rate{
				ID: s.NewID(), Version: 1, Currency: code, Base: base, Date: date, Rate: rate, Source: "manual", CreatedAt: now, UpdatedAt: now,
			}}, nil
		}
		if version != 0 && version != stored.Version {
			return Set{}, ErrStale
		}
		after := *stored
		after.Rate, after.Source, after.UpdatedAt = rate, "manual", now
		after.Version++
		return Set{Before: stored, After: &after}, nil
	})
}

// Remove takes a rate away.
func (s *Service) Remove(ctx context.Context, org, id string, version int64) (*Rate, error) {
	return s.Store.Remove(ctx, org, id, version)
}

// Today is the organisation's day, as midnight UTC of it.
func (s *Service) Today(org string) time.Time {
	loc := s.Settings(org).Location
	if loc == nil {
		loc = time.UTC
	}
	now := s.Clock.Now().In(loc)
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
}

// Conversion is an amount converted, and how.
type Conversion struct {
	Money     money.Money
	Unrounded decimal.Decimal
	Rate      decimal.Decimal
	On        time.Time
	Used      []*Rate
	Rounding  string
}

// Convert converts m by the rates of a day; to empty is the base currency, a zero day is today. It returns ErrMissing
// or ErrUnknown.
func (s *Service) Convert(ctx context.Context, org string, m money.Money, to string, on time.Time) (Conversion, error) {
	base := s.Settings(org).Base
	if to == "" {
		to = base
	}
	for _, code := range []string{m.Currency, to} {
		if !Known(code) {
			return Conversion{}, ErrUnknown.With("currency", code)
		}
	}
	if on.IsZero() {
		on = s.Today(org)
	}
	// From one currency to another the way leads over the base currency.
	var need []string
	if m.Currency != to {
		for _, code := range []string{m.Currency, to} {
			if code != base {
				need = append(need, code)
			}
		}
	}
	var rates []*Rate
	if len(need) > 0 {
		var err error
		if rates, err = s.Store.Valid(ctx, org, base, on, need...); err != nil {
			return Conversion{}, err
		}
	}
	of := map[string]*Rate{}
	for _, r := range rates {
		of[r.Currency] = r
	}
	c := Conversion{On: on}
	for _, code := range need {
		r := of[code]
		if r == nil {
			return Conversion{}, ErrMissing.Saying(fmt.Sprintf("there is no rate of %s to %s on or before %s; set one and try again", code, base, on.Format(time.DateOnly))).With("currency", code)
		}
		c.Used = append(c.Used, r)
	}
	up, down := decimal.NewFromInt(1), decimal.NewFromInt(1)
	if r := of[m.Currency]; r != nil {
		up = r.Rate
	}
	if r := of[to]; r != nil {
		down = r.Rate
	}
	// Divided once and last, so that nothing is lost on the way.
	c.Rate = up.DivRound(down, rateDigits)
	c.Unrounded = m.Amount.Mul(up).DivRound(down, amountDigits)
	units := money.MinorUnits(to)
	// Rounded from the exact quotient, not from the ten digits that are shown.
	c.Money = money.Money{Currency: to, Amount: m.Amount.Mul(up).DivRound(down, units)}
	c.Rounding = fmt.Sprintf("half away from zero, %d digits", units)
	return c, nil
}
