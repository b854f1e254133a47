package deal

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/pipeline"
)

// Env is what the rules need to know of the world.
type Env struct {
	// Now is the present.
	Now time.Time
	// At is when what happens took place: Now, or a day known from an import; zero if it is not known.
	At time.Time
	// Today is midnight UTC of the day whose rate counts: that of At in the organisation's zone, or of Now.
	Today time.Time
	// BaseCurrency of the organisation.
	BaseCurrency string
	// ToBase turns an amount into the base currency at the rate of Today; false if there is none.
	ToBase func(m money.Money) (money.Money, bool)
	// Custom is the organisation's own fields.
	Custom Custom
}

// Making is what New is given beside the draft.
type Making struct {
	ID, OrganizationID string
	CreatorID          string
	Origin             Origin
	Pipeline           *pipeline.Pipeline
	Pricing            Pricing
}

// New makes a deal in an open stage: the one the draft names, else the first one. It returns ErrInvalid with the
// fields at fault, pipeline.ErrStageNotFound, ErrStageClosed, or why a line cannot be.
func New(in Draft, m Making, env Env) (*Deal, Created, error) {
	stage, err := openStage(m.Pipeline, in.StageID)
	if err != nil {
		return nil, Created{}, err
	}
	d := &Deal{
		ID: m.ID, OrganizationID: m.OrganizationID, Version: 1,
		PipelineID: m.Pipeline.ID, StageID: stage.ID, State: pipeline.Open,
		LeadID: in.LeadID, Origin: m.Origin, CreatorID: m.CreatorID,
		BegunAt: env.At, StageEnteredAt: env.At, CreatedAt: env.Now, UpdatedAt: env.Now,
	}
	for _, f := range Fields() {
		if err := d.setField(f, &in); err != nil {
			return nil, Created{}, err
		}
	}
	if d.Type == "" {
		d.Type = DefaultType
	}
	if d.AmountSource == 0 {
		d.AmountSource = FromLines
		if d.Amount.Currency != "" {
			d.AmountSource = ByHand
		}
	}
	if d.Amount.Currency == "" {
		d.Amount = money.Zero(env.BaseCurrency)
	}
	if d.Lines, err = Fill(in.Lines, nil, d.Amount.Currency, m.Pricing); err != nil {
		return nil, Created{}, err
	}
	d.settleAmount(money.Money{}, env)
	d.settleProbability(stage)
	if err := d.check(); err != nil {
		return nil, Created{}, err
	}
	if err := d.checkCustom(nil, m.Pipeline, env.Custom, in.Lenient); err != nil {
		return nil, Created{}, err
	}
	return d, Created{After: d.clone()}, nil
}

// openStage returns the open stage with the ID, or the first open one if there is no ID.
func openStage(p *pipeline.Pipeline, id string) (pipeline.Stage, error) {
	if id == "" {
		return p.First(pipeline.Open)
	}
	s, err := p.Stage(id)
	if err != nil {
		return pipeline.Stage{}, err
	}
	if s.Kind != pipeline.Open {
		return pipeline.Stage{}, ErrStageClosed.With("stage_id", id)
	}
	return s, nil
}

// closedStage returns the stage of a kind with the ID, or the first one of that kind if there is no ID.
func closedStage(p *pipeline.Pipeline, id string, k pipeline.Kind) (pipeline.Stage, error) {
	if id == "" {
		return p.First(k)
	}
	s, err := p.Stage(id)
	if err != nil {
		return pipeline.Stage{}, err
	}
	if s.Kind != k {
		return pipeline.Stage{}, pipeline.ErrStageNotFound.With("stage_id", id).
			Saying("the stage is not one of kind " + k.String())
	}
	return s, nil
}

// settleAmount reckons the amount from the lines where it follows them, and the base amount anew if the amount has
// become another than before.
func (d *Deal) settleAmount(before money.Money, env Env) {
	if d.AmountSource == FromLines {
		d.Amount = LinesTotal(d.Lines, d.Amount.Currency)
	}
	if d.Amount.Equal(before) {
		return
	}
	d.BaseDate = env.Today
	if d.Amount.Currency == env.BaseCurrency {
		d.Base = d.Amount
		return
	}
	d.Base = money.Money{}
	if b, ok := env.ToBase(d.Amount); ok {
		d.Base = b
	}
}

func (d *Deal) settleProbability(s pipeline.Stage) {
	if d.State != pipeline.Open {
		d.ProbabilityByHand = false
	}
	if !d.ProbabilityByHand {
		d.Probability = s.Probability
	}
}

// Update changes the named fields. It returns no event if nothing has changed. It returns ErrDeleted, ErrMask,
// ErrInvalid, ErrCurrency, ErrClosed if what a closed deal was worth would change, ErrReasonNotFound, or why a line
// cannot be.
func (d *Deal) Update(in Draft, fields []string, p *pipeline.Pipeline, pr Pricing, env Env) ([]Event, error) {
	if !d.DeletedAt.IsZero() {
		return nil, ErrDeleted
	}
	before := d.clone()
	for _, f := range fields {
		if err := d.setField(f, &in); err != nil {
			return nil, err
		}
	}
	if err := d.settleUpdate(in, fields, &before, p, pr, env); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	if err := d.checkCustom(&before, p, env.Custom, false); err != nil {
		return nil, err
	}
	if d.same(&before) {
		*d = before
		return nil, nil
	}
	if d.State != pipeline.Open && d.worthChanged(&before) {
		return nil, ErrClosed
	}
	d.touch(env)
	return []Event{Updated{Before: before, After: d.clone()}}, nil
}

func (d *Deal) settleUpdate(in Draft, fields []string, before *Deal, p *pipeline.Pipeline, pr Pricing, env Env) error {
	has := func(f string) bool { return slices.Contains(fields, f) }
	if has(FieldAmount) && !has(FieldAmountSource) {
		d.AmountSource = ByHand
	}
	if d.AmountSource == 0 {
		d.AmountSource = before.AmountSource
	}
	if d.Amount.Currency == "" {
		d.Amount = money.Zero(before.Amount.Currency)
	}
	switch {
	case has(FieldLines):
		lines, err := Fill(in.Lines, before.Lines, d.Amount.Currency, pr)
		if err != nil {
			return err
		}
		d.Lines = lines
	case len(d.Lines) > 0 && d.Amount.Currency != before.Amount.Currency:
		return ErrCurrency.WithField(FieldAmount, "send the lines with their new prices too")
	}
	d.settleAmount(before.Amount, env)

	stage, err := p.Stage(d.StageID)
	if err != nil {
		return err
	}
	if has(FieldProbability) && in.Probability != nil && d.State != pipeline.Open && *in.Probability != before.Probability {
		return ErrClosed
	}
	d.settleProbability(stage)

	if d.State == pipeline.Lost && (has(FieldLostReasonID) || has(FieldLostReason)) {
		if !has(FieldLostReasonID) {
			d.LostReasonID = ""
		}
		text := ""
		if has(FieldLostReason) {
			text = in.LostReason
		}
		return d.setLostReason(p, d.LostReasonID, text)
	}
	return nil
}

func (d *Deal) worthChanged(o *Deal) bool {
	return !d.Amount.Equal(o.Amount) || d.AmountSource != o.AmountSource || d.Probability != o.Probability ||
		!slices.EqualFunc(d.Lines, o.Lines, func(a, b Line) bool { return a.equal(&b) })
}

func (d *Deal) setLostReason(p *pipeline.Pipeline, id, text string) error {
	text = strings.TrimSpace(text)
	if id != "" {
		r, ok := p.LostReason(id)
		if !ok {
			return ErrReasonNotFound.With("lost_reason_id", id)
		}
		if text == "" {
			text = r.Name
		}
	}
	if id == "" {
		for _, r := range p.LostReasons {
			if strings.EqualFold(r.Name, text) {
				id = r.ID // said in the words of the list
			}
		}
	}
	if text == "" {
		return ErrReasonRequired.WithField(FieldLostReason, "give a reason of the pipeline or say it in words")
	}
	d.LostReasonID, d.LostReason = id, text
	return nil
}

// enter takes the deal into a stage of p, whatever its kind.
func (d *Deal) enter(p *pipeline.Pipeline, s pipeline.Stage, env Env) (Deal, StageChange) {
	before := d.clone()
	d.PipelineID, d.StageID, d.State = p.ID, s.ID, s.Kind
	d.StageEnteredAt = env.At
	d.settleProbability(s)
	d.touch(env)
	return before, change(&before, d, env.At)
}

func (d *Deal) touch(env Env) {
	d.Version++
	d.UpdatedAt = env.Now
	d.compute(env.Custom)
}

// Move takes an open deal to another open stage of p, which may be another pipeline than the deal is in. Any jump is
// free. A move to the stage it is in changes nothing and returns no event. It returns ErrDeleted, ErrClosed,
// pipeline.ErrStageNotFound or ErrStageClosed.
func (d *Deal) Move(p *pipeline.Pipeline, stageID string, env Env) ([]Event, error) {
	if err := d.mustBeOpen(); err != nil {
		return nil, err
	}
	s, err := openStage(p, stageID)
	if err != nil {
		return nil, err
	}
	if s.ID == d.StageID {
		return nil, nil
	}
	before, c := d.enter(p, s, env)
	return []Event{Moved{Before: before, After: d.clone(), Change: c}}, nil
}

// Win closes an open deal as won. It returns ErrDeleted, ErrClosed or pipeline.ErrStageNotFound.
func (d *Deal) Win(p *pipeline.Pipeline, stageID string, env Env) ([]Event, error) {
	if err := d.mustBeOpen(); err != nil {
		return nil, err
	}
	s, err := closedStage(p, stageID, pipeline.Won)
	if err != nil {
		return nil, err
	}
	d.ClosedAt, d.ReopenStageID = env.At, d.StageID
	before, c := d.enter(p, s, env)
	return []Event{Won{Before: before, After: d.clone(), Change: c}}, nil
}

// Lose closes an open deal as lost, for a reason of the pipeline, one in words, or both. It returns ErrDeleted,
// ErrClosed, ErrReasonRequired, ErrReasonNotFound or pipeline.ErrStageNotFound.
func (d *Deal) Lose(p *pipeline.Pipeline, stageID, reasonID, reason string, env Env) ([]Event, error) {
	if err := d.mustBeOpen(); err != nil {
		return nil, err
	}
	s, err := closedStage(p, stageID, pipeline.Lost)
	if err != nil {
		return nil, err
	}
	if err := d.setLostReason(p, reasonID, reason); err != nil {
		return nil, err
	}
	d.ClosedAt, d.ReopenStageID = env.At, d.StageID
	before, c := d.enter(p, s, env)
	return []Event{Lost{Before: before, After: d.clone(), Change: c}}, nil
}

// Reopen takes a closed deal back to an open stage: the one named, else the one it was closed from, else the first
// one. It returns ErrDeleted, ErrOpen, pipeline.ErrStageNotFound or ErrStageClosed.
func (d *Deal) Reopen(p *pipeline.Pipeline, stageID string, env Env) ([]Event, error) {
	switch {
	case !d.DeletedAt.IsZero():
		return nil, ErrDeleted
	case d.State == pipeline.Open:
		return nil, ErrOpen
	}
	if stageID == "" {
		if _, err := openStage(p, d.ReopenStageID); err == nil {
			stageID = d.ReopenStageID
		}
	}
	s, err := openStage(p, stageID)
	if err != nil {
		return nil, err
	}
	d.ClosedAt, d.ReopenStageID, d.LostReasonID, d.LostReason = time.Time{}, "", "", ""
	before, c := d.enter(p, s, env)
	return []Event{Reopened{Before: before, After: d.clone(), Change: c}}, nil
}

// Delete puts the deal into the bin. One that is there already is left as it is.
func (d *Deal) Delete(env Env) []Event {
	if !d.DeletedAt.IsZero() {
		return nil
	}
	d.DeletedAt = env.Now
	d.touch(env)
	return []Event{Deleted{After: d.clone()}}
}

// Undelete takes the deal out of the bin. One that is not there is left as it is.
func (d *Deal) Undelete(env Env) []Event {
	if d.DeletedAt.IsZero() {
		return nil
	}
	d.DeletedAt = time.Time{}
	d.touch(env)
	return []Event{Undeleted{After: d.clone()}}
}

func (d *Deal) mustBeOpen() error {
	switch {
	case !d.DeletedAt.IsZero():
		return ErrDeleted
	case d.State != pipeline.Open:
		return ErrClosed.With("state", d.State.String())
	}
	return nil
}

// Relocate takes the deal from a stage that is being removed to another one of the same kind; closed deals stay
// closed as they are.
func (d *Deal) Relocate(p *pipeline.Pipeline, s pipeline.Stage, env Env) Event {
	before, c := d.enter(p, s, env)
	return Moved{Before: before, After: d.clone(), Change: c}
}

func indexed(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// Rate sets the base amount of a deal that had no rate, and returns no event if it has one.
func (d *Deal) Rate(base string, rate decimal.Decimal, now time.Time) []Event {
	if d.Base.Currency != "" {
		return nil
	}
	before := d.clone()
	d.Base = d.Amount.Convert(base, rate)
	d.touch(Env{Now: now})
	return []Event{Updated{Before: before, After: d.clone()}}
}

// Rebase reckons the base amount in another base currency, of an open deal and of a closed one: what it was worth stays the
// same, in other money. rate is that of the day the amount was converted at; without one there is no base amount any more.
// It returns no event if nothing changes.
func (d *Deal) Rebase(base string, rate decimal.NullDecimal, now time.Time) []Event {
	next := money.Money{}
	switch {
	case d.Base.Currency == base:
		return nil
	case d.Amount.Currency == base:
		next = d.Amount
	case rate.Valid:
		next = d.Amount.Convert(base, rate.Decimal)
	}
	if next.Currency == d.Base.Currency { // neither before nor now
		return nil
	}
	before := d.clone()
	d.Base = next
	d.touch(Env{Now: now})
	return []Event{Updated{Before: before, After: d.clone()}}
}
