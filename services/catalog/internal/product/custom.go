package product

import (
	"maps"
	"time"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/customfields"
)

// Custom is what the check of a product's custom fields goes by (CON-12).
type Custom struct {
	// Fields of the organisation; nil if there are none to be checked.
	Fields *customfields.Kind
	// Message returns a product as the API shows it, for formulas and conditions.
	Message func(*Product) proto.Message
	// User reports whether there is such an active user in the organisation.
	User func(id string) bool
}

// Kept is what the index of custom fields goes by: the values as they are stored, and whether the product is in the bin there.
type Kept struct {
	Values customfields.Values
	Binned bool
}

// SetCustom takes over the values that a draft has; nil takes one away.
func (p *Product) SetCustom(in customfields.Values) {
	next := maps.Clone(p.Custom)
	if next == nil {
		next = make(customfields.Values, len(in))
	}
	for key, v := range in {
		if v == nil {
			delete(next, key)
		} else {
			next[key] = v
		}
	}
	p.Custom = next
}

// checkCustom checks the custom fields of a product that is made (before is nil) or changed, and computes formulas.
func (p *Product) checkCustom(before *Product, c Custom) error {
	if c.Fields == nil {
		return nil
	}
	r := customfields.Record{
		Values: p.Custom, New: before == nil, User: c.User, Message: func() proto.Message { return c.Message(p) },
	}
	if before != nil {
		r.Before = before.Custom
	}
	values, err := c.Fields.Check(r)
	if p.Custom = values; !c.Fields.Empty() {
		p.Fields = c.Fields
	}
	return err
}

// Recompute brings formulas in line with what they use; no event if nothing has changed.
func (p *Product) Recompute(c Custom, now time.Time) Event {
	before := p.Clone()
	if err := p.checkCustom(before, c); err != nil || maps.EqualFunc(before.Custom, p.Custom, customfields.Equal) {
		*p = *before // not reached by an error: nothing else of it has changed
		return nil
	}
	p.Touch(now)
	return Updated{Before: before, After: p}
}
