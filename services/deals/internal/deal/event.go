package deal

import (
	"time"

	"kontor.internal/services/deals/internal/pipeline"
)

// Event is something that happened to a deal. It carries the deal after the change.
type Event interface{ Record() *Deal }

// Created tells of a new deal.
type Created struct{ After Deal }

// Updated tells of changed fields; the stage is not among them.
type Updated struct{ Before, After Deal }

// StageChange is a way from one stage to another.
type StageChange struct {
	FromPipelineID string
	FromStageID    string
	FromKind       pipeline.Kind
	ToStageID      string
	ToKind         pipeline.Kind
	// InStage is how long the deal was in the stage it left; nil if that is not known.
	InStage *time.Duration
	// At is when it took place; zero if that is not known.
	At time.Time
}

// Moved tells that a deal went to another stage of the same kind.
type Moved struct {
	Before, After Deal
	Change        StageChange
}

// Won tells that a deal was closed as won.
type Won struct {
	Before, After Deal
	Change        StageChange
}

// Lost tells that a deal was closed as lost.
type Lost struct {
	Before, After Deal
	Change        StageChange
}

// Reopened tells that a closed deal is worked on again.
type Reopened struct {
	Before, After Deal
	Change        StageChange
}

// Deleted tells that a deal was put into the bin.
type Deleted struct{ After Deal }

// Undeleted tells that a deal was taken out of the bin.
type Undeleted struct {
	After Deal
	// Change is set if the stage it was in has gone meanwhile.
	Change *StageChange
}

// Record returns the deal after the change.
func (e Created) Record() *Deal { return &e.After }

// Record returns the deal after the change.
func (e Updated) Record() *Deal { return &e.After }

// Record returns the deal after the change.
func (e Moved) Record() *Deal { return &e.After }

// Record returns the deal after the change.
func (e Won) Record() *Deal { return &e.After }

// Record returns the deal after the change.
func (e Lost) Record() *Deal { return &e.After }

// Record returns the deal after the change.
func (e Reopened) Record() *Deal { return &e.After }

// Record returns the deal after the change.
func (e Deleted) Record() *Deal { return &e.After }

// Record returns the deal after the change.
func (e Undeleted) Record() *Deal { return &e.After }

// change returns the way from before to after that took place at a time, which is zero if it is not known.
func change(before, after *Deal, at time.Time) StageChange {
	c := StageChange{
		FromPipelineID: before.PipelineID, FromStageID: before.StageID, FromKind: before.State,
		ToStageID: after.StageID, ToKind: after.State, At: at,
	}
	if !before.StageEnteredAt.IsZero() && !at.IsZero() {
		d := max(at.Sub(before.StageEnteredAt), 0)
		c.InStage = &d
	}
	return c
}
