// Package money holds exact amounts of money: a decimal number and its currency. Floats never.
package money

import (
	"errors"
	"fmt"

	"github.com/shopspring/decimal"

	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// Failures that callers tell apart.
var (
	// ErrCurrencyMismatch is returned when amounts of two currencies meet.
	ErrCurrencyMismatch = errors.New("amounts of different currencies cannot be added")
	// ErrAmount is returned for text that is not a decimal number of at most 18 digits before and 10 after the point.
	ErrAmount = errors.New("not a decimal amount")
	// ErrCurrency is returned for text that does not have the shape of an ISO 4217 code.
	ErrCurrency = errors.New("not a currency code")
)

// Money is an amount in one currency. The zero value has no currency; make one with [Zero].
type Money struct {
	// Currency is an ISO 4217 code, such as "EUR".
	Currency string
	// Amount is exact and of any scale.
	Amount decimal.Decimal
}

// Limits of an amount; the same as the rule on kontor.type.v1.Money.
const (
	maxWhole    = 18
	maxFraction = 10
)

// Zero is nothing, in a currency.
func Zero(currency string) Money { return Money{Currency: currency} }

// Parse reads a currency code and an amount such as "-12.50". It returns ErrCurrency or ErrAmount.
func Parse(currency, amount string) (Money, error) {
	if !ValidCurrency(currency) {
		return Money{}, fmt.Errorf("%w: %q", ErrCurrency, currency)
	}
	d, err := ParseAmount(amount)
	if err != nil {
		return Money{}, err
	}
	return Money{Currency: currency, Amount: d}, nil
}

// ParseAmount reads a decimal number: an optional minus, up to 18 digits, and up to 10 more after a point. There are
// no exponents, thousands separators or blanks. It returns ErrAmount. Quantities and prices are read with it too.
func ParseAmount(s string) (decimal.Decimal, error) {
	if !validAmount(s) {
		return decimal.Decimal{}, fmt.Errorf("%w: %.40q", ErrAmount, s)
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Decimal{}, fmt.Errorf("%w: %.40q", ErrAmount, s)
	}
	return d, nil
}

func validAmount(s string) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	whole := digits(s)
	if whole == 0 || whole > maxWhole {
		return false
	}
	if s = s[whole:]; s == "" {
		return true
	}
	if s[0] != '.' {
		return false
	}
	s = s[1:]
	fraction := digits(s)
	return fraction > 0 && fraction <= maxFraction && fraction == len(s)
}

// digits counts the digits that s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// ValidCurrency reports whether s has the shape of an ISO 4217 code: three capital letters.
func ValidCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// Add returns the sum, or ErrCurrencyMismatch.
func (m Money) Add(o Money) (Money, error) {
	if m.Currency != o.Currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrCurrencyMismatch, m.Currency, o.Currency)
	}
	return Money{Currency: m.Currency, Amount: m.Amount.Add(o.Amount)}, nil
}

// Sub returns the difference, or ErrCurrencyMismatch.
func (m Money) Sub(o Money) (Money, error) { return m.Add(o.Neg()) }

// Neg returns the amount with the other sign.
func (m Money) Neg() Money { return Money{Currency: m.Currency, Amount: m.Amount.Neg()} }

// Mul returns the amount times a number without a unit, such as a quantity. It does not round.
func (m Money) Mul(by decimal.Decimal) Money {
	return Money{Currency: m.Currency, Amount: m.Amount.Mul(by)}
}

// Round returns the amount rounded to what can be paid in the currency, halves away from zero.
func (m Money) Round() Money {
	return Money{Currency: m.Currency, Amount: m.Amount.Round(MinorUnits(m.Currency))}
}

// Convert returns the amount in another currency at a rate (units of that currency for one of this), rounded.
func (m Money) Convert(currency string, rate decimal.Decimal) Money {
	return Money{Currency: currency, Amount: m.Amount.Mul(rate)}.Round()
}

// IsZero reports whether the amount is zero.
func (m Money) IsZero() bool { return m.Amount.IsZero() }

// Equal reports whether both are the same amount of the same currency; 1.5 and 1.50 are.
func (m Money) Equal(o Money) bool { return m.Currency == o.Currency && m.Amount.Equal(o.Amount) }

// String is for people and logs: "12.50 EUR", with the currency's minor units at least.
func (m Money) String() string { return m.Text() + " " + m.Currency }

// Text is the amount as decimal text with at least the currency's minor units: "12.50", "12.345". The same amount
// always gives the same text.
func (m Money) Text() string {
	units := MinorUnits(m.Currency)
	if m.Amount.Equal(m.Amount.Round(units)) {
		return m.Amount.StringFixed(units)
	}
	return m.Amount.String()
}

// Split divides the amount into parts of the given weights, each rounded to the currency's minor units, so that the
// parts add up to the rounded amount exactly; what rounding leaves goes, one unit each, to the first parts with a
// weight. It returns nil if no weight is positive or one is negative.
func (m Money) Split(weights ...int64) []Money {
	var sum int64
	for _, w := range weights {
		if w < 0 {
			return nil
		}
		sum += w
	}
	if sum == 0 {
		return nil
	}
	units := MinorUnits(m.Currency)
	total := m.Amount.Round(units).Shift(units) // in cents, whole
	parts, left := make([]Money, len(weights)), total
	for i, w := range weights {
		share := total.Mul(decimal.NewFromInt(w)).Div(decimal.NewFromInt(sum)).Truncate(0)
		parts[i] = Money{Currency: m.Currency, Amount: share}
		left = left.Sub(share)
	}
	one := decimal.NewFromInt(int64(left.Sign()))
	for i := 0; !left.IsZero(); i = (i + 1) % len(parts) {
		if weights[i] == 0 {
			continue
		}
		parts[i].Amount = parts[i].Amount.Add(one)
		left = left.Sub(one)
	}
	for i := range parts {
		parts[i].Amount = parts[i].Amount.Shift(-units)
	}
	return parts
}

// MinorUnits is how many digits after the point the currency is paid in, by ISO 4217; 2 for codes it does not list.
func MinorUnits(currency string) int32 {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
		"XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

// ToProto returns the message for m, or nil if m has no currency: an amount that is not set.
func ToProto(m Money) *typev1.Money {
	if m.Currency == "" {
		return nil
	}
	return &typev1.Money{CurrencyCode: m.Currency, Amount: m.Text()}
}

// FromProto reads a message; a nil one is the zero Money. It returns ErrCurrency or ErrAmount.
func FromProto(p *typev1.Money) (Money, error) {
	if p == nil {
		return Money{}, nil
	}
	return Parse(p.GetCurrencyCode(), p.GetAmount())
}
