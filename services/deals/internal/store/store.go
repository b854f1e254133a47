// Package store keeps deals and pipelines in PostgreSQL, each change with the events that tell of it.
//
// Every statement runs as one organisation (row-level security, see libs/pg). A write of a deal locks its row, so that
// its events are in order, and adds what it changes in the sums of the board.
package store

import (
	"context"
	"errors"
	"time"

	"kontor.internal/libs/customfields"
	"kontor.internal/libs/event"
	"kontor.internal/libs/idem"
	"kontor.internal/libs/pg"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
)

// Deals implements [deal.Store], and the reading of lists.
type Deals struct {
	// Custom is the custom fields of deals; none if nil.
	Custom *customfields.Definitions

	DB *pg.DB
}

// Pipelines implements [pipeline.Store], and the reading of lists.
type Pipelines struct {
	DB *pg.DB
	// System is opened with pg.RoleSystem; it makes the ready-made pipeline, which is nobody's request.
	System *pg.DB
}

// failure turns violated constraints into what they mean.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case pg.IsUnique(err, "deals_pkey"):
		return deal.ErrExists
	case pg.IsUnique(err, "deal_external_ids_pkey"):
		return deal.ErrExternalID
	case customfields.IsTaken(err):
		return customfields.ErrTaken
	case pg.IsForeignKey(err, "deals_stage_fkey"):
		return pipeline.ErrStageNotFound.Saying("the stage was removed or changed meanwhile; read the pipeline again")
	case pg.IsUnique(err, "pipelines_name_key"):
		return pipeline.ErrNameTaken
	}
	return err
}

// replay returns the event that answered the caller's request before, if err says that there is one.
func replay(ctx context.Context, db *pg.DB, org string, err error) (event.Event, bool, error) {
	var r *idem.Replay
	if !errors.As(err, &r) {
		return event.Event{}, false, err
	}
	ev, err := db.EventAt(ctx, org, r.Kind, r.RecordID, r.Version)
	return ev, true, err
}

// null is NULL for an empty ID.
func null(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

// nullTime is NULL for a zero time.
func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// orZero is the zero time for NULL.
func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// some is an empty slice for nil: JSON and arrays of rows are never null.
func some[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
