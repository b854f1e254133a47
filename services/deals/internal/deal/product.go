package deal

import (
	"fmt"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/money"
)

// Product is what a line needs to know of a product.
type Product struct {
	ID           string
	Name         string
	Unit         string
	TaxRate      decimal.Decimal // percent
	ListPrice    money.Money     // without tax; no currency: there is none
	MinimumPrice money.Money     // without tax; no currency: there is none
	Offered      bool            // active and not in the bin
}

// LineInput is a line as sent by a caller, with what was left out marked as such.
type LineInput struct {
	Line

	NoQuantity, NoPrice, NoTaxRate bool
}

// Pricing is what filling lines needs from outside.
type Pricing struct {
	// Products by ID.
	Products map[string]Product
	// Convert turns an amount into another currency at today's rates; false if there is no rate.
	Convert func(m money.Money, currency string) (money.Money, bool)
	// MayUndercut is whether the caller may sell below the minimum price.
	MayUndercut bool
	// NewID makes IDs for new lines.
	NewID func() string
}

// Fill completes lines as sent with what the product says and computes them. old are the lines the deal has now: they
// keep their IDs, and what was agreed on already is not held against today's catalog.
func Fill(in []LineInput, old []Line, currency string, p Pricing) ([]Line, error) {
	known := make(map[string]*Line, len(old))
	for i := range old {
		known[old[i].ID] = &old[i]
	}
	out := make([]Line, len(in))
	for i := range in {
		l := in[i].Line
		before := known[l.ID]
		delete(known, l.ID) // an ID sent twice stands for one line
		if before == nil {
			l.ID = p.NewID()
		}
		if in[i].NoQuantity {
			l.Quantity = decimal.NewFromInt(1)
		}
		if l.ProductID != "" {
			if err := fillFromProduct(&l, &in[i], before, currency, p); err != nil {
				return nil, withLine(err, i)
			}
		}
		l.Compute(currency)
		out[i] = l
	}
	return out, nil
}

func fillFromProduct(l *Line, in *LineInput, before *Line, currency string, p Pricing) error {
	same := before != nil && before.ProductID == l.ProductID
	prod, ok := p.Products[l.ProductID]
	switch {
	case !ok && !same:
		return ErrProduct.With("product_id", l.ProductID)
	case ok && !prod.Offered && !same:
		return ErrProductGone.With("product_id", l.ProductID)
	}
	if same && in.NoPrice {
		l.Price, in.NoPrice = before.Price, false
	}
	if same && in.NoTaxRate {
		l.TaxRate, in.NoTaxRate = before.TaxRate, false
	}
	if same && l.Name == "" {
		l.Name = before.Name
	}
	if ok {
		if l.Name == "" {
			l.Name = prod.Name
		}
		if l.Unit == "" {
			l.Unit = prod.Unit
		}
		if in.NoTaxRate {
			l.TaxRate = prod.TaxRate
		}
	}
	if in.NoPrice {
		price, found := priceIn(prod.ListPrice, currency, p)
		if !found {
			return ErrPrice.With("product_id", l.ProductID)
		}
		l.Price = price
		if l.TaxIncluded {
			l.Price = price.Mul(hundred.Add(l.TaxRate)).Shift(-2).Round(money.MinorUnits(currency))
		}
	}
	if !p.MayUndercut && (!same || !before.sameTerms(l)) {
		// Without a rate the minimum says nothing in this currency.
		if least, found := priceIn(prod.MinimumPrice, currency, p); found && l.netUnitPrice().LessThan(least) {
			return ErrBelowMinimum.With("product_id", l.ProductID).With("minimum", least.String()).With("currency", currency)
		}
	}
	return nil
}

// priceIn returns a price in a currency, rounded to its minor units if it had to be converted.
func priceIn(m money.Money, currency string, p Pricing) (decimal.Decimal, bool) {
	if m.Currency == "" {
		return decimal.Decimal{}, false
	}
	if m.Currency == currency {
		return m.Amount, true
	}
	c, ok := p.Convert(m, currency)
	return c.Amount, ok
}

func withLine(err error, i int) error {
	return fieldError(err, fmt.Sprintf("lines[%d]", i))
}
