// Package pricetype holds the rules of the lists of prices (CAT-1).
package pricetype

import (
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/services/catalog/internal/record"
)

// Failures.
var (
	ErrNotFound = apperr.NotFound("PRICE_TYPE_NOT_FOUND", "price type not found")
	ErrStale    = apperr.Conflict("PRICE_TYPE_ETAG_MISMATCH", "the price type was changed by someone else; read it again")
	ErrInvalid  = apperr.Invalid("PRICE_TYPE_INVALID", "the price type cannot be kept so")
	ErrName     = apperr.AlreadyExists("PRICE_TYPE_NAME_TAKEN", "there is another price type with this name")
	ErrBase     = apperr.NotAllowedNow("PRICE_TYPE_IS_BASE", "the price type with the list prices cannot be deleted")
)

// PriceType is a list of prices.
type PriceType struct {
	record.Head

	Name string
	// Base holds the list prices; exactly one price type does, from the start and for good.
	Base bool
	Sort int32
}

// Validate puts the fields in order and returns ErrInvalid with the field if one cannot be kept so.
func (p *PriceType) Validate() error {
	if err := record.Text("name", &p.Name, 128, ErrInvalid); err != nil {
		return err
	}
	if p.Name == "" {
		return ErrInvalid.WithField("name", "must not be empty")
	}
	return nil
}

// Clone returns a copy that shares nothing that changes.
func (p *PriceType) Clone() *PriceType {
	c := *p
	return &c
}

// Event is something that happened to a price type. It carries the price type after the change.
type Event interface{ Record() *PriceType }

// Created tells of a new price type.
type Created struct{ After *PriceType }

// Updated tells of changed fields.
type Updated struct{ Before, After *PriceType }

// Deleted tells that a price type was put into the bin.
type Deleted struct{ After *PriceType }

// Undeleted tells that a price type was taken out of the bin.
type Undeleted struct{ After *PriceType }

// Record see [Event].
func (e Created) Record() *PriceType { return e.After }

// Record see [Event].
func (e Updated) Record() *PriceType { return e.After }

// Record see [Event].
func (e Deleted) Record() *PriceType { return e.After }

// Record see [Event].
func (e Undeleted) Record() *PriceType { return e.After }

// New completes a draft to a new price type.
func New(draft *PriceType, newID string, origin record.Origin, now time.Time) (*PriceType, Event, error) {
	p := draft.Clone()
	p.Head = record.Head{ID: newID, Version: 1, Origin: origin, CreatedAt: now, UpdatedAt: now}
	if err := p.Validate(); err != nil {
		return nil, nil, err
	}
	return p, Created{After: p}, nil
}

// Change lets set change the price type's fields. In the bin nothing is changed.
func (p *PriceType) Change(set func(*PriceType), now time.Time) (Event, error) {
	if p.DeletedAt != nil {
		return nil, ErrNotFound
	}
	before := p.Clone()
	set(p)
	p.Head = before.Head
	p.Base = before.Base
	if err := p.Validate(); err != nil {
		return nil, err
	}
	p.Touch(now)
	return Updated{Before: before, After: p}, nil
}

// Delete puts the price type into the bin.
func (p *PriceType) Delete(now time.Time) (Event, error) {
	if p.DeletedAt != nil {
		return nil, ErrNotFound
	}
	if p.Base {
		return nil, ErrBase
	}
	p.Touch(now)
	p.DeletedAt = &now
	return Deleted{After: p}, nil
}

// Undelete takes the price type out of the bin.
func (p *PriceType) Undelete(now time.Time) (Event, error) {
	if !p.Restorable(now) {
		return nil, ErrNotFound.Saying("the price type is not in the bin, or has been there for more than 30 days")
	}
	p.Touch(now)
	p.DeletedAt = nil
	return Undeleted{After: p}, nil
}

// Ready returns the price type that every organisation has from the start.
func Ready(newID string, now time.Time) (*PriceType, Event) {
	p := &PriceType{Head: record.Head{ID: newID, Version: 1, Origin: record.Origin{Kind: "service", ID: "catalog"}, CreatedAt: now, UpdatedAt: now}, Name: "Base", Base: true}
	return p, Created{After: p}
}
