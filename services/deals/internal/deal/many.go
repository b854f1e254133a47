package deal

import (
	"context"
	"slices"

	"kontor.internal/services/deals/internal/pipeline"
)

// BulkFields lists the fields that are set for many deals at once: those of Fields but what belongs to one deal alone.
func BulkFields() []string {
	return slices.DeleteFunc(Fields(), func(f string) bool { return f == FieldLines || f == FieldExternalIDs })
}

// CheckMany refuses what deals in bulk cannot be set to: users and clients that are not there. It asks neighbours.
func (s *Service) CheckMany(ctx context.Context, c Caller, in Draft, fields []string) error {
	in.LeadID = ""
	responsible := changed(fields, FieldResponsible, in.ResponsibleID, "")
	observers := in.ObserverIDs
	if !slices.Contains(fields, FieldObservers) {
		observers = nil
	}
	if err := s.checkUsers(c.OrganizationID, responsible, observers, nil); err != nil {
		return err
	}
	if err := s.followMerges(ctx, c.OrganizationID, &in); err != nil {
		return err
	}
	return s.checkClients(ctx, c, in.references(fields, nil))
}

// Reviser returns what sets fields of deals that are locked, as Update does of one. What the draft names has been checked by
// CheckMany. c.Act is to be that of an update.
func (s *Service) Reviser(ctx context.Context, c Caller, in Draft, fields []string) (func(*Deal) ([]Event, error), error) {
	if slices.Contains(fields, FieldResponsible) && in.ResponsibleID == "" {
		in.ResponsibleID = c.UserID
	}
	if err := s.followMerges(ctx, c.OrganizationID, &in); err != nil {
		return nil, err
	}
	env, pricing, err := s.world(ctx, c, in.Amount, nil)
	if err != nil {
		return nil, err
	}
	pipelines := map[string]*pipeline.Pipeline{}
	return func(d *Deal) ([]Event, error) {
		if err := c.mayAct(d); err != nil {
			return nil, err
		}
		p := pipelines[d.PipelineID]
		if p == nil {
			var err error
			if p, err = s.Pipelines.Get(ctx, c.OrganizationID, d.PipelineID); err != nil {
				return nil, err
			}
			pipelines[d.PipelineID] = p
		}
		if err := s.checkUsers(c.OrganizationID, changed(fields, FieldResponsible, in.ResponsibleID, d.ResponsibleID), nil, nil); err != nil {
			return nil, err
		}
		return d.Update(in, fields, p, pricing, env)
	}, nil
}

// Binner returns what puts deals that are locked into the bin, or takes them out of it.
func (s *Service) Binner(ctx context.Context, c Caller, restore bool) (func(*Deal) ([]Event, error), error) {
	env, err := s.env(ctx, c.OrganizationID)
	if err != nil {
		return nil, err
	}
	return func(d *Deal) ([]Event, error) {
		if err := c.mayAct(d); err != nil {
			return nil, err
		}
		if restore {
			return d.Undelete(env), nil
		}
		return d.Delete(env), nil
	}, nil
}

// Returner returns what makes deals that are locked what they were: see [Deal.TakeBack]. act is who takes back fields,
// bin who takes back the way to the bin or out of it.
func (s *Service) Returner(ctx context.Context, act, bin Caller) (func(now, was *Deal) ([]Event, error), error) {
	env, err := s.env(ctx, act.OrganizationID)
	if err != nil {
		return nil, err
	}
	return func(now, was *Deal) ([]Event, error) {
		as := act
		if was != nil && was.DeletedAt.IsZero() != now.DeletedAt.IsZero() {
			as = bin
		}
		if err := as.mayAct(now); err != nil {
			return nil, err
		}
		return now.TakeBack(was, env)
	}, nil
}

// TakeBack makes the deal what it was, for an operation that is undone; was is nil if the operation made it: then it goes
// into the bin and gives up its external IDs, so that the file can be imported again. Where the deal stood is taken back with
// the time it came there; that is told as the way to that stage. It returns ErrDeleted for one in the bin that was there
// before.
func (d *Deal) TakeBack(was *Deal, env Env) ([]Event, error) {
	before := d.clone()
	if was == nil {
		if !d.DeletedAt.IsZero() {
			return nil, ErrDeleted
		}
		d.ExternalIDs = nil
		return d.Delete(env), nil
	}
	next := was.clone()
	if before.Amount.Equal(next.Amount) { // rates that have come since stay
		next.Base, next.BaseDate = before.Base, before.BaseDate
	}
	next.Version, next.UpdatedAt = before.Version+1, env.Now
	if f := env.Custom.Fields; f != nil && !f.Empty() {
		next.Fields = f // what was valid then is not judged again
	}
	*d = next
	return []Event{d.takenBack(&before)}, nil
}

// takenBack tells of a deal that is what it was.
func (d *Deal) takenBack(before *Deal) Event {
	was, is := before.DeletedAt.IsZero(), d.DeletedAt.IsZero()
	c := change(before, d, d.UpdatedAt)
	switch {
	case was && !is:
		return Deleted{After: d.clone()}
	case !was && is:
		return Undeleted{After: d.clone()}
	case before.StageID == d.StageID:
		return Updated{Before: *before, After: d.clone()}
	case d.State == pipeline.Won:
		return Won{Before: *before, After: d.clone(), Change: c}
	case d.State == pipeline.Lost:
		return Lost{Before: *before, After: d.clone(), Change: c}
	case before.State != pipeline.Open:
		return Reopened{Before: *before, After: d.clone(), Change: c}
	}
	return Moved{Before: *before, After: d.clone(), Change: c}
}
