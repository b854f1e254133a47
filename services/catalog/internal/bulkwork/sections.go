package bulkwork

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/undo"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	"kontor.internal/services/catalog/internal/store"
)

// Sections takes back the sections that an import of products has made on the way. The products have gone before: kinds are
// taken back in the order of their names. A section that something else has come into stays.
func Sections(s *store.Sections, c clock.Clock) undo.Target {
	return undo.Target{Undo: func(ctx context.Context, tx pgx.Tx, b undo.Batch) ([]undo.Result, []event.Event, error) {
		if err := permit(ctx, optionsv1.Action_ACTION_IMPORT); err != nil {
			return nil, nil, err
		}
		results := make([]undo.Result, len(b.Spans))
		var evs []event.Event
		for i, span := range slices.Backward(b.Spans) { // what stands in another section was made after it
			ev, err := s.Remove(ctx, tx, b.Organization, span.RecordID, span.Now, c.Now(), event.Cause(b.Cause))
			if err != nil {
				kept, refused := undo.Keep(err)
				if !refused {
					return nil, nil, err
				}
				results[i] = kept
				continue
			}
			results[i].Outcome = undo.Removed
			evs = append(evs, ev)
		}
		return results, evs, nil
	}}
}
