package deal

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/clock"
	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/pipeline"
)

// Service is the use cases: it asks neighbours first, outside of any transaction, then lets the deal decide inside
// the store's.
type Service struct {
	Store         Store
	Pipelines     Pipelines
	Products      Products
	Clients       Clients
	Rates         Rates
	Organizations Organizations
	Clock         clock.Clock
	NewID         func() string
	// Merged returns what records of contacts are part of now, by the IDs of those that were merged into another.
	Merged func(ctx context.Context, org string, ids []string) (map[string]string, error)
	// Custom returns what custom fields of an organisation are checked by; nil if deals have none.
	Custom func(ctx context.Context, org string) (Custom, error)
}

// Sees reports whether the caller may see the deal.
func (c Caller) Sees(d *Deal) bool {
	return c.View.Allows(d.ResponsibleID) || !c.View.None() && (d.AvailableToEveryone || slices.Contains(d.ObserverIDs, c.UserID))
}

func (c Caller) mayAct(d *Deal) error {
	switch {
	case !c.Sees(d):
		return ErrNotFound
	case !c.Act.Allows(d.ResponsibleID):
		return ErrForbidden
	}
	return nil
}

// Get returns a deal that the caller sees, or ErrNotFound.
func (s *Service) Get(ctx context.Context, c Caller, id string) (*Deal, error) {
	d, err := s.Store.Get(ctx, c.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	if !c.Sees(d) {
		return nil, ErrNotFound
	}
	return s.shown(ctx, c.OrganizationID)(d, nil)
}

// shown returns what takes the values of retired fields from a deal that is on its way to a caller.
func (s *Service) shown(ctx context.Context, org string) func(*Deal, error) (*Deal, error) {
	return func(d *Deal, err error) (*Deal, error) {
		if err != nil || len(d.Custom) == 0 {
			return d, err
		}
		custom, err := s.Custom(ctx, org)
		if err != nil {
			return nil, err
		}
		d.Custom = custom.Fields.Show(d.Custom)
		return d, nil
	}
}

// Shown takes the values of retired fields from deals that are on their way to a caller.
func (s *Service) Shown(ctx context.Context, org string, deals []*Deal) error {
	for _, d := range deals {
		if _, err := s.shown(ctx, org)(d, nil); err != nil {
			return err
		}
	}
	return nil
}

// Create makes a deal. id is the ID to give it, or empty. If it is taken by a deal that the same user made, that deal
// is returned: whoever makes IDs up front can repeat the call.
func (s *Service) Create(ctx context.Context, c Caller, id string, in Draft, origin Origin) (*Deal, error) {
	if in.ResponsibleID == "" {
		in.ResponsibleID = c.UserID
	}
	if !c.Act.Allows(in.ResponsibleID) {
		return nil, ErrForbidden.Saying("you may not make deals for this user")
	}
	if err := s.checkUsers(c.OrganizationID, in.ResponsibleID, in.ObserverIDs, nil); err != nil {
		return nil, err
	}
	if err := s.followMerges(ctx, c.OrganizationID, &in); err != nil {
		return nil, err
	}
	if err := s.checkClients(ctx, c, in.references(Fields(), nil)); err != nil {
		return nil, err
	}
	p, err := s.pipelineFor(ctx, c.OrganizationID, in.PipelineID, in.StageID)
	if err != nil {
		return nil, err
	}
	env, pricing, err := s.world(ctx, c, in.Amount, in.Lines)
	if err != nil {
		return nil, err
	}
	made := id != ""
	if !made {
		id = s.NewID()
	}
	d, ev, err := New(in, Making{
		ID: id, OrganizationID: c.OrganizationID, CreatorID: c.UserID, Origin: origin, Pipeline: p, Pricing: pricing,
	}, env)
	if err != nil {
		return nil, err
	}
	stored, err := s.Store.Create(ctx, d, ev)
	if made && errors.Is(err, ErrExists) {
		if there, gerr := s.Store.Get(ctx, c.OrganizationID, id); gerr == nil && there.CreatorID == c.UserID {
			return there, nil
		}
	}
	return s.shown(ctx, c.OrganizationID)(stored, err)
}

// pipelineFor returns the pipeline with the ID; without one, that of the stage; without either, the default one.
func (s *Service) pipelineFor(ctx context.Context, org, pipelineID, stageID string) (*pipeline.Pipeline, error) {
	if pipelineID == "" && stageID != "" {
		return s.Pipelines.OfStage(ctx, org, stageID)
	}
	return s.Pipelines.Get(ctx, org, pipelineID)
}

// Update changes the named fields of a deal.
func (s *Service) Update(ctx context.Context, c Caller, id string, version int64, in Draft, fields []string) (*Deal, error) {
	now, err := s.Get(ctx, c, id)
	if err != nil {
		return nil, err
	}
	p, err := s.Pipelines.Get(ctx, c.OrganizationID, now.PipelineID)
	if err != nil {
		return nil, err
	}
	if slices.Contains(fields, FieldResponsible) && in.ResponsibleID == "" {
		in.ResponsibleID = c.UserID
	}
	if err := s.followMerges(ctx, c.OrganizationID, &in); err != nil {
		return nil, err
	}
	if err := s.checkClients(ctx, c, in.references(fields, now)); err != nil {
		return nil, err
	}
	var env Env
	var pricing Pricing
	lines := in.Lines
	if !slices.Contains(fields, FieldLines) {
		lines = nil
	}
	amount := now.Amount
	if slices.Contains(fields, FieldAmount) && in.Amount.Currency != "" {
		amount = in.Amount
	}
	if env, pricing, err = s.world(ctx, c, amount, lines); err != nil {
		return nil, err
	}
	return s.save(ctx, c, id, version, func(ctx context.Context, d *Deal) ([]Event, error) {
		if err := c.mayAct(d); err != nil {
			return nil, err
		}
		if d.PipelineID != p.ID { // moved to another pipeline meanwhile
			if p, err = s.Pipelines.Get(ctx, c.OrganizationID, d.PipelineID); err != nil {
				return nil, err
			}
		}
		if err := s.checkUsers(c.OrganizationID, changed(fields, FieldResponsible, in.ResponsibleID, d.ResponsibleID),
			in.ObserverIDs, d.ObserverIDs); err != nil {
			return nil, err
		}
		return d.Update(in, fields, p, pricing, env)
	})
}

// save is Store.Update for the eyes of a caller.
func (s *Service) save(ctx context.Context, c Caller, id string, version int64, fn func(context.Context, *Deal) ([]Event, error)) (*Deal, error) {
	return s.shown(ctx, c.OrganizationID)(s.Store.Update(ctx, c.OrganizationID, id, version, fn))
}

// changed returns the new value if the field is changed to another one, else "".
func changed(fields []string, field, to, from string) string {
	if !slices.Contains(fields, field) || to == from {
		return ""
	}
	return to
}

// checkUsers refuses users who are not there or not active; those who were observers already may stay.
func (s *Service) checkUsers(org, responsible string, observers, before []string) error {
	if responsible != "" && !s.Organizations.ActiveUser(org, responsible) {
		return ErrUserNotFound.With("user_id", responsible).WithField(FieldResponsible, "there is no such active user")
	}
	for _, o := range observers {
		if !slices.Contains(before, o) && !s.Organizations.ActiveUser(org, o) {
			return ErrUserNotFound.With("user_id", o).WithField(FieldObservers, "there is no such active user: "+o)
		}
	}
	return nil
}

// Move takes an open deal to another open stage, of another pipeline too.
func (s *Service) Move(ctx context.Context, c Caller, id string, version int64, stageID string) (*Deal, error) {
	return s.act(ctx, c, id, version, stageID, func(d *Deal, p *pipeline.Pipeline, env Env) ([]Event, error) {
		return d.Move(p, stageID, env)
	})
}

// Win closes an open deal as won.
func (s *Service) Win(ctx context.Context, c Caller, id string, version int64, stageID string) (*Deal, error) {
	return s.act(ctx, c, id, version, "", func(d *Deal, p *pipeline.Pipeline, env Env) ([]Event, error) {
		return d.Win(p, stageID, env)
	})
}

// Lose closes an open deal as lost.
func (s *Service) Lose(ctx context.Context, c Caller, id string, version int64, stageID, reasonID, reason string) (*Deal, error) {
	return s.act(ctx, c, id, version, "", func(d *Deal, p *pipeline.Pipeline, env Env) ([]Event, error) {
		return d.Lose(p, stageID, reasonID, reason, env)
	})
}

// Reopen takes a closed deal back to work.
func (s *Service) Reopen(ctx context.Context, c Caller, id string, version int64, stageID string) (*Deal, error) {
	return s.act(ctx, c, id, version, "", func(d *Deal, p *pipeline.Pipeline, env Env) ([]Event, error) {
		return d.Reopen(p, stageID, env)
	})
}

// Delete puts a deal into the bin.
func (s *Service) Delete(ctx context.Context, c Caller, id string, version int64) (*Deal, error) {
	if _, err := s.Get(ctx, c, id); err != nil {
		return nil, err
	}
	env, err := s.env(ctx, c.OrganizationID)
	if err != nil {
		return nil, err
	}
	return s.save(ctx, c, id, version, func(_ context.Context, d *Deal) ([]Event, error) {
		if err := c.mayAct(d); err != nil {
			return nil, err
		}
		return d.Delete(env), nil
	})
}

// Undelete takes a deal out of the bin. A stage always has its deals in the bin with it, so the deal has a place to
// go back to.
func (s *Service) Undelete(ctx context.Context, c Caller, id string, version int64) (*Deal, error) {
	if _, err := s.Get(ctx, c, id); err != nil {
		return nil, err
	}
	env, err := s.env(ctx, c.OrganizationID)
	if err != nil {
		return nil, err
	}
	return s.save(ctx, c, id, version, func(_ context.Context, d *Deal) ([]Event, error) {
		if err := c.mayAct(d); err != nil {
			return nil, err
		}
		return d.Undelete(env), nil
	})
}

// act changes the stage of a deal: with the pipeline of the stage named, else with the deal's own.
func (s *Service) act(ctx context.Context, c Caller, id string, version int64, stageID string,
	fn func(*Deal, *pipeline.Pipeline, Env) ([]Event, error),
) (*Deal, error) {
	now, err := s.Get(ctx, c, id)
	if err != nil {
		return nil, err
	}
	if err := c.mayAct(now); err != nil {
		return nil, err
	}
	p, err := s.pipelineFor(ctx, c.OrganizationID, "", stageID)
	if stageID == "" {
		p, err = s.Pipelines.Get(ctx, c.OrganizationID, now.PipelineID)
	}
	if err != nil {
		return nil, err
	}
	env, err := s.env(ctx, c.OrganizationID)
	if err != nil {
		return nil, err
	}
	return s.save(ctx, c, id, version, func(ctx context.Context, d *Deal) ([]Event, error) {
		if err := c.mayAct(d); err != nil {
			return nil, err
		}
		if stageID == "" && d.PipelineID != p.ID { // moved to another pipeline meanwhile
			if p, err = s.Pipelines.Get(ctx, c.OrganizationID, d.PipelineID); err != nil {
				return nil, err
			}
		}
		before := d.clone()
		evs, err := fn(d, p, env)
		if err != nil || len(evs) == 0 {
			return nil, err
		}
		return evs, d.checkCustom(&before, p, env.Custom, false)
	})
}

// env is the world for changes that do not touch amounts.
func (s *Service) env(ctx context.Context, org string) (Env, error) {
	now := s.Clock.Now()
	zone, base := s.Organizations.Settings(org)
	var custom Custom
	if s.Custom != nil {
		var err error
		if custom, err = s.Custom(ctx, org); err != nil {
			return Env{}, err
		}
	}
	return Env{
		Custom: custom,
		Now:    now, At: now, Today: Day(now, zone), BaseCurrency: base,
		ToBase: func(money.Money) (money.Money, bool) { return money.Money{}, false },
	}, nil
}

// Day is midnight UTC of the day that t is in a zone.
func Day(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// world asks the catalog about the products on the lines and looks up the rates that the amounts need.
func (s *Service) world(ctx context.Context, c Caller, amount money.Money, lines []LineInput) (Env, Pricing, error) {
	env, err := s.env(ctx, c.OrganizationID)
	if err != nil {
		return Env{}, Pricing{}, err
	}
	currency := amount.Currency
	if currency == "" {
		currency = env.BaseCurrency
	}
	pricing := Pricing{MayUndercut: c.MayUndercut, NewID: s.NewID}
	if ids := productsOf(lines); len(ids) > 0 {
		products, err := s.Products.Products(ctx, ids)
		if err != nil {
			return Env{}, Pricing{}, err
		}
		pricing.Products = products
	}
	currencies := []string{currency}
	for _, p := range pricing.Products {
		currencies = append(currencies, p.ListPrice.Currency, p.MinimumPrice.Currency)
	}
	slices.Sort(currencies)
	currencies = slices.DeleteFunc(slices.Compact(currencies), func(cur string) bool {
		return cur == "" || cur == env.BaseCurrency
	})
	var rates map[string]Rate
	if len(currencies) > 0 {
		var err error
		if rates, err = s.Rates.ToBase(ctx, c.OrganizationID, env.BaseCurrency, env.Today, currencies...); err != nil {
			return Env{}, Pricing{}, err
		}
	}
	convert := converter(env.BaseCurrency, rates)
	pricing.Convert = convert
	env.ToBase = func(m money.Money) (money.Money, bool) { return convert(m, env.BaseCurrency) }
	return env, pricing, nil
}

// productsOf lists the products that must be asked about.
func productsOf(lines []LineInput) []string {
	ids := make([]string, 0, len(lines))
	for i := range lines {
		if lines[i].ProductID != "" {
			ids = append(ids, lines[i].ProductID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// converter turns amounts into other currencies over the base currency, rounded once at the end.
func converter(base string, rates map[string]Rate) func(money.Money, string) (money.Money, bool) {
	rate := func(cur string) (decimal.Decimal, bool) {
		if cur == base {
			return decimal.NewFromInt(1), true
		}
		r, ok := rates[cur]
		return r.Amount, ok && r.Amount.IsPositive()
	}
	return func(m money.Money, to string) (money.Money, bool) {
		if m.Currency == to {
			return m, true
		}
		from, ok := rate(m.Currency)
		if !ok {
			return money.Money{}, false
		}
		into, ok := rate(to)
		if !ok {
			return money.Money{}, false
		}
		return money.Money{Currency: to, Amount: m.Amount.Mul(from).DivRound(into, 18)}.Round(), true
	}
}
