package deal

import (
	"fmt"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/money"
)

// DiscountKind says how a discount is meant. Stored as a number; never renumber.
type DiscountKind int16

// The kinds of discounts.
const (
	NoDiscount      DiscountKind = 0
	DiscountPercent DiscountKind = 1
	DiscountSum     DiscountKind = 2
)

// Line is one position of a deal. Its amounts are in the currency of the deal's amount.
type Line struct {
	ID           string          `json:"id"`
	ProductID    string          `json:"product_id,omitempty"`
	Name         string          `json:"name"`
	Unit         string          `json:"unit,omitempty"`
	Quantity     decimal.Decimal `json:"quantity"`
	Price        decimal.Decimal `json:"price"`
	DiscountKind DiscountKind    `json:"discount_kind,omitempty"`
	Discount     decimal.Decimal `json:"discount"`
	TaxRate      decimal.Decimal `json:"tax_rate"` // percent
	TaxIncluded  bool            `json:"tax_included,omitempty"`

	// Set by Compute, in whole minor units; Total = Net + Tax.
	Net   decimal.Decimal `json:"net"`
	Tax   decimal.Decimal `json:"tax"`
	Total decimal.Decimal `json:"total"`
}

// maxWholeDigits is how many digits before the point an amount may have, as in kontor.type.v1.Money.
const maxWholeDigits = 18

//nolint:gochecknoglobals // Constants that the type system does not let us call so.
var (
	hundred   = decimal.NewFromInt(100)
	maxAmount = decimal.New(1, maxWholeDigits)
)

// Gross is quantity × price, without the discount and unrounded.
func (l *Line) Gross() decimal.Decimal { return l.Quantity.Mul(l.Price) }

// discounted is what is left of Gross after the discount, unrounded. A discount brings a line nearer to zero, so it
// makes a return smaller too.
func (l *Line) discounted() decimal.Decimal {
	gross := l.Gross()
	switch l.DiscountKind {
	case DiscountPercent:
		return gross.Mul(hundred.Sub(l.Discount)).Shift(-2)
	case DiscountSum:
		if gross.IsNegative() {
			return gross.Add(l.Discount)
		}
		return gross.Sub(l.Discount)
	case NoDiscount:
	}
	return gross
}

// netUnitPrice is what one piece brings without tax, after the discount, unrounded; for comparing with a minimum.
func (l *Line) netUnitPrice() decimal.Decimal {
	if l.Quantity.IsZero() {
		return l.Price
	}
	p := l.discounted().Div(l.Quantity)
	if l.TaxIncluded {
		p = p.Mul(hundred).Div(hundred.Add(l.TaxRate))
	}
	return p
}

// Compute sets Net, Tax and Total, each in whole minor units of the currency, halves away from zero. What the client
// sees as the price is rounded first, the tax next, and the third is the difference: so the three always add up.
func (l *Line) Compute(currency string) {
	units := money.MinorUnits(currency)
	sum := l.discounted().Round(units)
	if l.TaxIncluded {
		l.Total = sum
		l.Tax = sum.Mul(l.TaxRate).DivRound(hundred.Add(l.TaxRate), units+8).Round(units)
		l.Net = l.Total.Sub(l.Tax)
		return
	}
	l.Net = sum
	l.Tax = sum.Mul(l.TaxRate).Shift(-2).Round(units)
	l.Total = l.Net.Add(l.Tax)
}

// check returns the fields at fault.
func (l *Line) check(at string) []apperr.Field {
	var bad []apperr.Field
	add := func(field, desc string) { bad = append(bad, apperr.Field{Field: at + "." + field, Description: desc}) }
	if l.Name == "" {
		add("name", "say what is sold, or choose a product")
	}
	switch l.DiscountKind {
	case DiscountPercent:
		if l.Discount.IsNegative() || l.Discount.GreaterThan(hundred) {
			add("discount_percent", "a discount is between 0 and 100 percent")
		}
	case DiscountSum:
		if l.Discount.IsNegative() || l.Discount.GreaterThan(l.Gross().Abs()) {
			add("discount_amount", "a discount is not above quantity × price")
		}
	case NoDiscount:
	}
	if l.TaxRate.IsNegative() || l.TaxRate.GreaterThan(hundred) {
		add("tax_rate", "a tax rate is between 0 and 100 percent")
	}
	if l.Gross().Abs().GreaterThanOrEqual(maxAmount) {
		add("quantity", fmt.Sprintf("quantity × price has more than %d digits", maxWholeDigits))
	}
	return bad
}

// sameTerms reports whether two lines sell the same thing at the same price.
func (l *Line) sameTerms(o *Line) bool {
	return l.ProductID == o.ProductID && l.Quantity.Equal(o.Quantity) && l.Price.Equal(o.Price) &&
		l.DiscountKind == o.DiscountKind && l.Discount.Equal(o.Discount) &&
		l.TaxRate.Equal(o.TaxRate) && l.TaxIncluded == o.TaxIncluded
}

func (l *Line) equal(o *Line) bool {
	return l.sameTerms(o) && l.ID == o.ID && l.Name == o.Name && l.Unit == o.Unit &&
		l.Net.Equal(o.Net) && l.Tax.Equal(o.Tax) && l.Total.Equal(o.Total)
}

// LinesTotal is the sum of the lines, tax included.
func LinesTotal(lines []Line, currency string) money.Money {
	sum := money.Zero(currency)
	for i := range lines {
		sum.Amount = sum.Amount.Add(lines[i].Total)
	}
	return sum
}
