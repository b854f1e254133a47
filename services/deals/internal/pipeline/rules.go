package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
)

// Event is something that happened to a pipeline: Created, Updated, Deleted or Undeleted.
type Event interface{ pipelineEvent() }

// Created tells of a new pipeline.
type Created struct{ After Pipeline }

// Updated tells of changed fields.
type Updated struct {
	Before, After Pipeline
	// Mapping says where the deals of removed stages went.
	Mapping map[string]string
}

// Deleted tells that a pipeline was put into the bin.
type Deleted struct {
	After   Pipeline
	Mapping map[string]string
}

// Undeleted tells that a pipeline was taken out of the bin.
type Undeleted struct{ After Pipeline }

func (Created) pipelineEvent()   {}
func (Updated) pipelineEvent()   {}
func (Deleted) pipelineEvent()   {}
func (Undeleted) pipelineEvent() {}

// Change is what an update does to the stages, for the store to carry out and to check against the deals in them.
type Change struct {
	// Events are Updated, or none if nothing changed.
	Events []Event
	// Removed stages. Their deals go where Mapping says, or the update fails with ErrStageHasDeals.
	Removed []Stage
	// KindChanged lists stages whose kind changes; the update fails with ErrKindInUse if there are deals in one.
	KindChanged []Stage
	// Mapping leads from removed stages to others.
	Mapping map[string]string
}

// Update changes the named fields. It returns ErrInvalid, ErrMask, ErrMapping or ErrDefault.
func (p *Pipeline) Update(d Draft, fields []string, mapping map[string]string, newID func() string, now time.Time,
) (Change, error) {
	if !p.DeletedAt.IsZero() {
		return Change{}, ErrNotFound
	}
	before := p.clone()
	for _, f := range fields {
		switch f {
		case FieldName:
			p.Name = strings.TrimSpace(d.Name)
		case FieldPosition:
			p.Position = d.Position
		case FieldIsDefault:
			if before.IsDefault && !d.IsDefault {
				return Change{}, ErrDefault
			}
			p.IsDefault = d.IsDefault
		case FieldStages:
			p.Stages = keepIDs(d.Stages, before.Stages, newID)
		case FieldLostReasons:
			p.LostReasons = keepReasonIDs(d.LostReasons, before.LostReasons, newID)
		default:
			return Change{}, ErrMask.WithField(f, "cannot be changed")
		}
	}
	if err := p.validate(); err != nil {
		return Change{}, err
	}
	c := Change{Mapping: mapping}
	for _, s := range before.Stages {
		now, err := p.Stage(s.ID)
		switch {
		case err != nil:
			c.Removed = append(c.Removed, s)
		case now.Kind != s.Kind:
			c.KindChanged = append(c.KindChanged, s)
		}
	}
	if err := checkMapping(c.Removed, mapping, p.Stages); err != nil {
		return Change{}, err
	}
	if p.same(&before) {
		return c, nil
	}
	p.Version, p.UpdatedAt = p.Version+1, now
	c.Events = []Event{Updated{Before: before, After: p.clone(), Mapping: mapping}}
	return c, nil
}

// checkMapping checks that a mapping leads from removed stages to targets of the same kind.
func checkMapping(removed []Stage, mapping map[string]string, targets []Stage) error {
	for from, to := range mapping {
		i := slices.IndexFunc(removed, func(s Stage) bool { return s.ID == from })
		if i < 0 {
			return ErrMapping.With("stage_id", from).WithField("stage_mapping", "this stage is not removed: "+from)
		}
		j := slices.IndexFunc(targets, func(s Stage) bool { return s.ID == to })
		if j < 0 {
			return ErrMapping.With("stage_id", to).WithField("stage_mapping", "there is no such stage to go to: "+to)
		}
		if removed[i].Kind != targets[j].Kind {
			return ErrMapping.With("stage_id", to).
				WithField("stage_mapping", fmt.Sprintf("%q and %q are of different kinds", removed[i].Name, targets[j].Name))
		}
	}
	return nil
}

// Delete puts the pipeline into the bin; all its stages count as removed, and others are the stages of the other
// pipelines, where the mapping may lead. It returns ErrDefault or ErrMapping.
func (p *Pipeline) Delete(mapping map[string]string, others []Stage, now time.Time) (Change, error) {
	if !p.DeletedAt.IsZero() {
		return Change{}, ErrNotFound
	}
	if p.IsDefault {
		return Change{}, ErrDefault
	}
	if err := checkMapping(p.Stages, mapping, others); err != nil {
		return Change{}, err
	}
	p.Version, p.UpdatedAt, p.DeletedAt = p.Version+1, now, now
	return Change{
		Events: []Event{Deleted{After: p.clone(), Mapping: mapping}}, Removed: slices.Clone(p.Stages), Mapping: mapping,
	}, nil
}

// Undelete takes the pipeline out of the bin. One that is not there is left as it is.
func (p *Pipeline) Undelete(now time.Time) []Event {
	if p.DeletedAt.IsZero() {
		return nil
	}
	p.Version, p.UpdatedAt, p.DeletedAt = p.Version+1, now, time.Time{}
	return []Event{Undeleted{After: p.clone()}}
}

// Yield takes the default away, because another pipeline gets it.
func (p *Pipeline) Yield(now time.Time) []Event {
	if !p.IsDefault {
		return nil
	}
	before := p.clone()
	p.IsDefault, p.Version, p.UpdatedAt = false, p.Version+1, now
	return []Event{Updated{Before: before, After: p.clone()}}
}

func (p *Pipeline) clone() Pipeline {
	c := *p
	c.Stages, c.LostReasons = slices.Clone(p.Stages), slices.Clone(p.LostReasons)
	return c
}

func (p *Pipeline) same(o *Pipeline) bool {
	return p.Name == o.Name && p.Position == o.Position && p.IsDefault == o.IsDefault &&
		slices.Equal(p.Stages, o.Stages) && slices.Equal(p.LostReasons, o.LostReasons)
}

func (p *Pipeline) validate() error {
	var bad []apperr.Field
	if p.Name == "" {
		bad = append(bad, apperr.Field{Field: FieldName, Description: "give the pipeline a name"})
	}
	var kinds [4]int
	names := make(map[string]int, len(p.Stages))
	for i, s := range p.Stages {
		at := fmt.Sprintf("stages[%d]", i)
		if s.Kind < Open || s.Kind > Lost {
			bad = append(bad, apperr.Field{Field: at + ".kind", Description: "a stage is open, won or lost"})
			continue
		}
		kinds[s.Kind]++
		if s.Name == "" {
			bad = append(bad, apperr.Field{Field: at + ".name", Description: "give the stage a name"})
			continue
		}
		if j, ok := names[strings.ToLower(s.Name)]; ok {
			bad = append(bad, apperr.Field{
				Field: at + ".name", Description: fmt.Sprintf("stage %d has this name already", j+1),
			})
		}
		names[strings.ToLower(s.Name)] = i
	}
	for _, k := range []Kind{Open, Won, Lost} {
		if kinds[k] == 0 {
			bad = append(bad, apperr.Field{
				Field: FieldStages, Description: "a pipeline has at least one stage of kind " + k.String(),
			})
		}
	}
	reasons := make(map[string]bool, len(p.LostReasons))
	for i, r := range p.LostReasons {
		at := fmt.Sprintf("lost_reasons[%d].name", i)
		switch {
		case r.Name == "":
			bad = append(bad, apperr.Field{Field: at, Description: "give the reason a name"})
		case reasons[strings.ToLower(r.Name)]:
			bad = append(bad, apperr.Field{Field: at, Description: "there is a reason of this name already"})
		}
		reasons[strings.ToLower(r.Name)] = true
	}
	if len(bad) == 0 {
		return nil
	}
	err := ErrInvalid
	for _, f := range bad {
		err = err.WithField(f.Field, f.Description)
	}
	return err
}
