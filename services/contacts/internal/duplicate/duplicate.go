// Package duplicate finds records that may be the same person, company or enquiry (CON-15). It warns; it never refuses.
package duplicate

import (
	"cmp"
	"context"
	"slices"

	"kontor.internal/services/contacts/internal/alike"
	"kontor.internal/services/contacts/internal/reach"
	"kontor.internal/services/contacts/internal/record"
)

// Entity is a record with what it is recognised by.
type Entity[T any] interface {
	record.Entity[T]
	LookUp() []reach.Point
}

// Store looks for records of one kind.
type Store[T any] interface {
	// Alike returns the records, not in the bin, that the caller may see and that share a point or have a name much like
	// the given one, except one by its ID if that is given. There may be a few hundred.
	Alike(ctx context.Context, c record.Caller, points []reach.Point, name, except string) ([]*T, error)
}

// Candidate is a record that may be the same.
type Candidate[T any] struct {
	Record  *T
	Score   float64
	Reasons []alike.Reason
}

const (
	// Limit is how many candidates are returned.
	Limit = 20
	// MinScore is the least score of a candidate unless the caller wants another: a name that is much alike.
	MinScore = 0.3
)

// Find returns the records that r, which is called name, may be a duplicate of, surest first. r is normalised and need not be
// a whole record.
func Find[T any, P Entity[T]](
	ctx context.Context, store Store[T], c record.Caller, r *T, name string, least float64,
) ([]Candidate[T], error) {
	points := P(r).LookUp()
	if len(points) == 0 {
		return nil, nil
	}
	found, err := store.Alike(ctx, c, points, name, P(r).Common().ID)
	if err != nil {
		return nil, err
	}
	out := make([]Candidate[T], 0, len(found))
	for _, other := range found {
		e, reasons := alike.Compare(points, P(other).LookUp())
		if score := e.Score(); len(reasons) > 0 && score >= cmp.Or(least, MinScore) {
			out = append(out, Candidate[T]{Record: other, Score: score, Reasons: reasons})
		}
	}
	slices.SortFunc(out, func(a, b Candidate[T]) int {
		return cmp.Or(-cmp.Compare(a.Score, b.Score), cmp.Compare(P(a.Record).Common().ID, P(b.Record).Common().ID))
	})
	return out[:min(len(out), Limit)], nil
}
