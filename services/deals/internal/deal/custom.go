package deal

import (
	"maps"
	"time"

	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/customfields"
	"kontor.internal/services/deals/internal/pipeline"
)

// Custom is what the check of a deal's custom fields goes by (CON-12).
type Custom struct {
	// Fields of the organisation.
	Fields *customfields.Kind
	// Message returns a deal as the API shows it, for formulas and conditions.
	Message func(*Deal) proto.Message
	// User reports whether there is such an active user in the organisation.
	User func(id string) bool
}

// FieldCustom is the name of all custom fields in an update.
const FieldCustom = "custom_fields"

// setCustom takes over the values that a draft has; nil takes one away.
func (d *Deal) setCustom(in customfields.Values) {
	next := maps.Clone(d.Custom)
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
	d.Custom = next
}

// checkCustom checks the custom fields of a deal that is made (before is nil) or changed, and computes formulas.
func (d *Deal) checkCustom(before *Deal, p *pipeline.Pipeline, c Custom, lenient bool) error {
	if c.Fields == nil {
		return nil
	}
	r := customfields.Record{
		Values: d.Custom, New: before == nil, Lenient: lenient, Pipeline: d.PipelineID, User: c.User,
		Message: func() proto.Message { return c.Message(d) },
	}
	if before != nil {
		r.Before = before.Custom
	}
	if p != nil {
		r.Reached = func(stage string) (was, is bool) {
			return before != nil && reached(p, before, stage), reached(p, d, stage)
		}
	}
	values, err := c.Fields.Check(r)
	if d.Custom = values; !c.Fields.Empty() {
		d.Fields = c.Fields
	}
	return err
}

// reached reports whether a deal stands at a stage of the pipeline or past it. A lost one has left the way.
func reached(p *pipeline.Pipeline, d *Deal, stageID string) bool {
	from, at := -1, -1
	for i := range p.Stages {
		if p.Stages[i].ID == stageID {
			from = i
		}
		if p.Stages[i].ID == d.StageID {
			at = i
		}
	}
	return from >= 0 && at >= from && d.State != pipeline.Lost
}

// compute brings formulas in line with what else has changed.
func (d *Deal) compute(c Custom) {
	before := *d
	if err := d.checkCustom(&before, nil, c, true); err != nil {
		d.Custom = before.Custom // not reached: nothing of it has changed
	}
}

// Recompute brings formulas in line with what they use; no event if nothing has changed.
func (d *Deal) Recompute(c Custom, now time.Time) []Event {
	before := d.clone()
	d.compute(c)
	if d.same(&before) {
		return nil
	}
	d.touch(Env{Now: now, Custom: c})
	return []Event{Updated{Before: before, After: d.clone()}}
}
