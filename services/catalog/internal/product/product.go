// Package product holds the rules of products and services that are sold (CAT-1).
//
// A product is mostly data, so its fields are exported and Validate says what must hold.
package product

import (
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/customfields"
	"kontor.internal/libs/id"
	"kontor.internal/libs/money"
	"kontor.internal/services/catalog/internal/record"
)

// Failures.
var (
	ErrNotFound   = apperr.NotFound("PRODUCT_NOT_FOUND", "product not found")
	ErrStale      = apperr.Conflict("PRODUCT_ETAG_MISMATCH", "the product was changed by someone else; read it again")
	ErrInvalid    = apperr.Invalid("PRODUCT_INVALID", "the product cannot be kept so")
	ErrSKU        = apperr.AlreadyExists("PRODUCT_SKU_TAKEN", "another product has this SKU; choose another, or change that product")
	ErrExternalID = apperr.AlreadyExists("PRODUCT_EXTERNAL_ID_TAKEN", "another product has this external ID")
)

// Product is a good or a service.
type Product struct {
	record.Head

	Name, SKU, Barcode, Description string
	// Pictures are IDs of files.
	Pictures  []string
	SectionID string
	Unit      string
	Active    bool
	Sort      int32
	// TaxRate in percent; nil if none is set.
	TaxRate *decimal.Decimal
	Prices  []Price
	// MinimumPrice is what it must not be sold below; nil if there is no such limit.
	MinimumPrice *money.Money
	ExternalIDs  []record.ExternalID

	// Custom is the values of the organisation's own fields, those of retired ones included (CON-12); Fields those that they
	// have been checked by, nil if the product has only been read; Kept what the store has of them.
	Custom customfields.Values
	Fields *customfields.Kind
	Kept   Kept
}

// Price is what one unit costs under a price type, in a currency.
type Price struct {
	PriceTypeID string
	Money       money.Money
}

// Validate puts the fields in order and returns ErrInvalid with the field if one cannot be kept so.
func (p *Product) Validate() error {
	for _, t := range []struct {
		field string
		text  *string
		most  int
	}{
		{"name", &p.Name, 256}, {"sku", &p.SKU, 64}, {"barcode", &p.Barcode, 64}, {"description", &p.Description, 20000}, {"unit", &p.Unit, 32},
	} {
		if err := record.Text(t.field, t.text, t.most, ErrInvalid); err != nil {
			return err
		}
	}
	if p.Name == "" {
		return ErrInvalid.WithField("name", "must not be empty")
	}
	if p.SectionID != "" && !id.Valid(p.SectionID) {
		return ErrInvalid.WithField("section_id", "is not an ID")
	}
	if p.TaxRate != nil && (p.TaxRate.IsNegative() || p.TaxRate.GreaterThan(decimal.NewFromInt(100))) {
		return ErrInvalid.WithField("tax_rate", "must be from 0 to 100 percent")
	}
	if m := p.MinimumPrice; m != nil && m.Amount.IsNegative() {
		return ErrInvalid.WithField("minimum_price", "must not be below zero")
	}
	if err := p.checkPrices(); err != nil {
		return err
	}
	return record.CheckExternalIDs(p.ExternalIDs, ErrInvalid)
}

func (p *Product) checkPrices() error {
	type key struct{ priceType, currency string }
	seen := map[key]bool{}
	for i, pr := range p.Prices {
		field := fmt.Sprintf("prices[%d]", i)
		k := key{pr.PriceTypeID, pr.Money.Currency}
		switch {
		case !id.Valid(pr.PriceTypeID):
			return ErrInvalid.WithField(field, "names no price type")
		case pr.Money.Amount.IsNegative():
			return ErrInvalid.WithField(field, "must not be below zero")
		case seen[k]:
			return ErrInvalid.WithField(field, "there is another price of this type in "+pr.Money.Currency)
		}
		seen[k] = true
	}
	slices.SortStableFunc(p.Prices, func(a, b Price) int {
		if a.PriceTypeID != b.PriceTypeID {
			return cmpText(a.PriceTypeID, b.PriceTypeID)
		}
		return cmpText(a.Money.Currency, b.Money.Currency)
	})
	return nil
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// ListPrice returns the price under the price type base: in the currency if there is one, else in the first by code.
func (p *Product) ListPrice(base, currency string) (money.Money, bool) {
	var first money.Money
	for _, pr := range p.Prices {
		if pr.PriceTypeID != base {
			continue
		}
		if pr.Money.Currency == currency {
			return pr.Money, true
		}
		if first.Currency == "" || pr.Money.Currency < first.Currency {
			first = pr.Money
		}
	}
	return first, first.Currency != ""
}

// SetPrice sets the price under a price type in the currency of m.
func (p *Product) SetPrice(priceType string, m money.Money) {
	for i, pr := range p.Prices {
		if pr.PriceTypeID == priceType && pr.Money.Currency == m.Currency {
			p.Prices[i].Money = m
			return
		}
	}
	p.Prices = append(p.Prices, Price{PriceTypeID: priceType, Money: m})
}

// Clone returns a copy that shares nothing that changes.
func (p *Product) Clone() *Product {
	c := *p
	c.Pictures = slices.Clone(p.Pictures)
	c.Prices = slices.Clone(p.Prices)
	c.ExternalIDs = slices.Clone(p.ExternalIDs)
	return &c
}

// Event is something that happened to a product. It carries the product after the change.
type Event interface{ Record() *Product }

// Created tells of a new product.
type Created struct{ After *Product }

// Updated tells of changed fields.
type Updated struct{ Before, After *Product }

// Deleted tells that a product was put into the bin.
type Deleted struct{ After *Product }

// Undeleted tells that a product was taken out of the bin.
type Undeleted struct{ After *Product }

// Record see [Event].
func (e Created) Record() *Product { return e.After }

// Record see [Event].
func (e Updated) Record() *Product { return e.After }

// Record see [Event].
func (e Deleted) Record() *Product { return e.After }

// Record see [Event].
func (e Undeleted) Record() *Product { return e.After }

// New completes a draft to a new product.
func New(draft *Product, newID string, origin record.Origin, c Custom, now time.Time) (*Product, Event, error) {
	p := draft.Clone()
	p.Head = record.Head{ID: newID, Version: 1, Origin: origin, CreatedAt: now, UpdatedAt: now}
	if err := p.Validate(); err != nil {
		return nil, nil, err
	}
	if err := p.checkCustom(nil, c); err != nil {
		return nil, nil, err
	}
	return p, Created{After: p}, nil
}

// Change lets set change the product's fields. In the bin nothing is changed.
func (p *Product) Change(set func(*Product), c Custom, now time.Time) (Event, error) {
	if p.DeletedAt != nil {
		return nil, ErrNotFound
	}
	before := p.Clone()
	set(p)
	p.Head = before.Head
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if err := p.checkCustom(before, c); err != nil {
		return nil, err
	}
	p.Touch(now)
	return Updated{Before: before, After: p}, nil
}

// Delete puts the product into the bin.
func (p *Product) Delete(now time.Time) (Event, error) {
	if p.DeletedAt != nil {
		return nil, ErrNotFound
	}
	p.Touch(now)
	p.DeletedAt = &now
	return Deleted{After: p}, nil
}

// Undelete takes the product out of the bin.
func (p *Product) Undelete(now time.Time) (Event, error) {
	if !p.Restorable(now) {
		return nil, ErrNotFound.Saying("the product is not in the bin, or has been there for more than 30 days")
	}
	p.Touch(now)
	p.DeletedAt = nil
	return Undeleted{After: p}, nil
}

// TakeBack makes the product what it was, for an operation that is undone; was is nil if the operation made it: then it goes
// into the bin and gives up its external IDs, so that the file can be imported again.
func (p *Product) TakeBack(was *Product, c Custom, now time.Time) (Event, error) {
	if was == nil {
		p.ExternalIDs = nil
		return p.Delete(now)
	}
	before := p.Clone()
	*p = *was.Clone()
	p.Version, p.Kept = before.Version, before.Kept
	if f := c.Fields; f != nil && !f.Empty() {
		p.Fields = f // what was valid then is not judged again
	}
	p.Touch(now)
	switch {
	case before.DeletedAt == nil && p.DeletedAt != nil:
		return Deleted{After: p}, nil
	case before.DeletedAt != nil && p.DeletedAt == nil:
		return Undeleted{After: p}, nil
	}
	return Updated{Before: before, After: p}, nil
}
