package record

import (
	"context"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/customfields"
)

// Custom is what a kind of record offers to its organisation's own fields (CON-12).
type Custom[T any] struct {
	// Fields returns the organisation's fields of the kind.
	Fields func(ctx context.Context, org string) (*customfields.Kind, error)
	// Message returns a record as the API shows it, for formulas and conditions.
	Message func(*T) proto.Message
	// Stages returns what tells whether a record stands at a stage or past it; nil if the kind has no stages.
	Stages func(ctx context.Context, org string) (Reached[T], error)
}

// Reached reports whether a record stands at a stage or past it.
type Reached[T any] func(r *T, stageID string) bool

// Check is the check of the custom fields of one kind as the organisation's fields are at one time.
type Check[T any] struct {
	// Fields that are checked.
	Fields *customfields.Kind

	run func(before, next *T, lenient bool) error
}

// Do checks the custom fields of a record that is made or changed, computes formulas and notes what they were checked by.
// before is nil for a new one. A lenient check lets required fields be empty.
func (c Check[T]) Do(before, next *T, lenient bool) error { return c.run(before, next, lenient) }

// Checker returns the check as the organisation's fields are now. It is asked for before a transaction begins.
func (b *Book[T, P]) Checker(ctx context.Context, org string) (Check[T], error) {
	kind, err := b.Custom.Fields(ctx, org)
	if err != nil {
		return Check[T]{}, err
	}
	var reached Reached[T]
	if b.Custom.Stages != nil && kind.HasStages() {
		if reached, err = b.Custom.Stages(ctx, org); err != nil {
			return Check[T]{}, err
		}
	}
	return Check[T]{Fields: kind, run: func(before, next *T, lenient bool) error {
		m := P(next).Common()
		r := customfields.Record{
			Values: m.Custom, New: before == nil, Lenient: lenient,
			Message: func() proto.Message { return b.Custom.Message(next) },
			User:    func(id string) bool { return b.Users.Active(org, id) },
		}
		if before != nil {
			r.Before = P(before).Common().Custom
		}
		if reached != nil {
			r.Reached = func(stage string) (was, is bool) {
				return before != nil && reached(before, stage), reached(next, stage)
			}
		}
		values, err := kind.Check(r)
		if m.Custom = values; !kind.Empty() {
			m.Fields = kind
		}
		return err
	}}, nil
}

// Shown returns what takes the values of retired fields from a record that is on its way to a caller.
func (b *Book[T, P]) Shown(ctx context.Context, org string) func(*T, error) (*T, error) {
	return func(r *T, err error) (*T, error) {
		if err != nil || len(P(r).Common().Custom) == 0 {
			return r, err
		}
		kind, err := b.Custom.Fields(ctx, org)
		if err != nil {
			return nil, err
		}
		m := P(r).Common()
		m.Custom = kind.Show(m.Custom)
		return r, nil
	}
}
