package pipeline

import (
	"context"
	"errors"
	"slices"

	"kontor.internal/libs/clock"
)

// Store keeps pipelines. Every method is scoped to one organisation; an ID of another organisation behaves exactly like
// an ID that does not exist.
type Store interface {
	// Create writes a new pipeline with its event; a new default takes the place of the old one. It returns
	// ErrNameTaken. If the caller's request was done before, it returns the pipeline as it was answered then.
	Create(ctx context.Context, p *Pipeline, ev Created) (*Pipeline, error)

	// CreateReady writes the ready-made pipeline of an organisation that has none. If there is a default one already,
	// it does nothing.
	CreateReady(ctx context.Context, p *Pipeline) error

	// Get returns a pipeline, from the bin too, or ErrNotFound. An empty ID stands for the default one.
	Get(ctx context.Context, org, id string) (*Pipeline, error)

	// OfStage returns the pipeline, not in the bin, that has the stage, or ErrStageNotFound.
	OfStage(ctx context.Context, org, stageID string) (*Pipeline, error)

	// Update loads the pipeline, locks it, lets fn change it and carries the change out: stages are added, changed and
	// removed, the deals of removed ones go where the mapping says, each with its event, all in one transaction. It
	// returns how many deals went. others are the stages of the other pipelines. It returns ErrNotFound, ErrStale,
	// ErrNameTaken, ErrStageHasDeals, ErrKindInUse, or fn's error. If the caller's request was done before, it returns
	// the pipeline as it was answered then.
	Update(ctx context.Context, org, id string, version int64, fn func(p *Pipeline, others []Stage) (Change, error),
	) (*Pipeline, int64, error)
}

// Service is the use cases of pipelines.
type Service struct {
	Store Store
	Clock clock.Clock
	NewID func() string
}

// Get returns a pipeline that is not in the bin, or ErrNotFound. An empty ID stands for the default one, which is made
// now if the organisation has none yet.
func (s *Service) Get(ctx context.Context, org, id string) (*Pipeline, error) {
	p, err := s.Store.Get(ctx, org, id)
	if id == "" && errors.Is(err, ErrNotFound) {
		if err := s.EnsureReady(ctx, org); err != nil {
			return nil, err
		}
		p, err = s.Store.Get(ctx, org, "")
	}
	if err == nil && !p.DeletedAt.IsZero() {
		return nil, ErrNotFound
	}
	return p, err
}

// GetAny is Get with those in the bin too.
func (s *Service) GetAny(ctx context.Context, org, id string) (*Pipeline, error) {
	return s.Store.Get(ctx, org, id)
}

// OfStage returns the pipeline that has the stage, or ErrStageNotFound.
func (s *Service) OfStage(ctx context.Context, org, stageID string) (*Pipeline, error) {
	return s.Store.OfStage(ctx, org, stageID)
}

// EnsureReady makes the ready-made pipeline if the organisation has no default one.
func (s *Service) EnsureReady(ctx context.Context, org string) error {
	return s.Store.CreateReady(ctx, Ready(org, s.NewID, s.Clock.Now()))
}

// Create makes a pipeline. With validateOnly it is checked and returned, not kept.
func (s *Service) Create(ctx context.Context, org string, d Draft, validateOnly bool) (*Pipeline, error) {
	p, ev, err := New(org, d, s.NewID, s.Clock.Now())
	if err != nil || validateOnly {
		return p, err
	}
	// The default one comes first, so that no organisation is without.
	if err := s.EnsureReady(ctx, org); err != nil {
		return nil, err
	}
	return s.Store.Create(ctx, p, ev)
}

// errValidated ends an update that is only checked.
var errValidated = errors.New("checked only")

// Update changes the named fields, and takes the deals of removed stages where mapping says. With validateOnly the
// result is returned, not kept; what depends on the deals in the stages is not checked then.
func (s *Service) Update(ctx context.Context, org, id string, version int64, d Draft, fields []string,
	mapping map[string]string, validateOnly bool,
) (*Pipeline, int64, error) {
	var checked *Pipeline
	p, moved, err := s.Store.Update(ctx, org, id, version, func(p *Pipeline, _ []Stage) (Change, error) {
		c, err := p.Update(d, fields, mapping, s.NewID, s.Clock.Now())
		if err == nil && validateOnly {
			checked = p
			return Change{}, errValidated
		}
		return c, err
	})
	if errors.Is(err, errValidated) {
		return checked, 0, nil
	}
	return p, moved, err
}

// Delete puts a pipeline into the bin, and takes its deals where mapping says.
func (s *Service) Delete(ctx context.Context, org, id string, version int64, mapping map[string]string) (*Pipeline, int64, error) {
	return s.Store.Update(ctx, org, id, version, func(p *Pipeline, others []Stage) (Change, error) {
		return p.Delete(mapping, others, s.Clock.Now())
	})
}

// Undelete takes a pipeline out of the bin.
func (s *Service) Undelete(ctx context.Context, org, id string, version int64) (*Pipeline, error) {
	p, _, err := s.Store.Update(ctx, org, id, version, func(p *Pipeline, _ []Stage) (Change, error) {
		return Change{Events: p.Undelete(s.Clock.Now())}, nil
	})
	return p, err
}

// Clone returns a copy that shares nothing with p.
func (p *Pipeline) Clone() *Pipeline {
	c := p.clone()
	return &c
}

// Names returns the names of the stages by their ID.
func (p *Pipeline) Names() map[string]string {
	names := make(map[string]string, len(p.Stages))
	for _, s := range p.Stages {
		names[s.ID] = s.Name
	}
	return names
}

// StageIDs lists the stages' IDs in order.
func StageIDs(stages []Stage) []string {
	ids := make([]string, len(stages))
	for i, s := range stages {
		ids[i] = s.ID
	}
	return slices.Clip(ids)
}
