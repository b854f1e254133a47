package importer

import (
	"time"

	"github.com/shopspring/decimal"

	"kontor.internal/libs/customfields"
	"kontor.internal/libs/imports"
	"kontor.internal/libs/money"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/store"
)

// row decides what becomes of one row.
func (w *batch) row(r *imports.Row) (store.Change, imports.Result, error) {
	ext := deal.ExternalID{Source: r.ExternalID.Source, ID: r.ExternalID.ID}
	d, known := w.there[ext]
	if ext.ID == "" {
		known = false
	}
	switch {
	case !known:
		return w.create(r, ext)
	case w.b.Duplicates == imports.Update && d.Version > 0:
		return w.update(r, d)
	case w.b.Duplicates == imports.Make:
		return store.Change{}, imports.Result{}, deal.ErrExternalID
	}
	return store.Change{}, imports.Result{Outcome: imports.Skipped, RecordID: d.ID}, nil
}

// env is the world at the time that something took place; zero if that is not known.
func (w *batch) env(at time.Time) deal.Env {
	day := w.day(at)
	return deal.Env{Now: w.now, At: at, Today: day, BaseCurrency: w.base, ToBase: w.rates.on(day), Custom: w.custom}
}

// pipelineOf returns the pipeline of a row.
func (w *batch) pipelineOf(r *imports.Row) (*pipeline.Pipeline, error) {
	p, ok := w.pipelines[r.Ref(fPipeline)]
	if !ok {
		return nil, pipeline.ErrNotFound
	}
	return p, nil
}

func (w *batch) create(r *imports.Row, ext deal.ExternalID) (store.Change, imports.Result, error) {
	none := imports.Result{}
	p, err := w.pipelineOf(r)
	if err != nil {
		return store.Change{}, none, err
	}
	in := w.draftOf(r, nil)
	if ext.ID != "" {
		in.ExternalIDs = []deal.ExternalID{ext}
	}
	if !w.scope.Allows(in.ResponsibleID) {
		return store.Change{}, none, deal.ErrForbidden.Saying("you may not import deals for this user").
			WithField(fResponsible, "you may not import deals for this user")
	}
	if err := w.works(in.ResponsibleID); err != nil {
		return store.Change{}, none, err
	}
	final, err := w.finalStage(r, p)
	if err != nil {
		return store.Change{}, none, err
	}
	first := final
	if final.Kind != pipeline.Open {
		if first, err = beginStage(r, p); err != nil {
			return store.Change{}, none, err
		}
	}
	in.PipelineID, in.StageID = p.ID, first.ID
	begun := w.begun(r)
	d, created, err := deal.New(in, deal.Making{
		ID: w.im.NewID(), OrganizationID: w.b.Organization, CreatorID: w.b.UserID,
		Origin: deal.Origin{Kind: "import", ID: w.b.OperationID}, Pipeline: p, Pricing: w.pricing(),
	}, w.env(begun))
	if err != nil {
		return store.Change{}, none, err
	}
	evs := []deal.Event{created}
	closing, err := w.closeAs(r, d, p, final)
	if err != nil {
		return store.Change{}, none, err
	}
	evs = append(evs, closing...)
	// The same external ID further down in the batch finds this one; its version says that it is not written yet.
	if ext.ID != "" {
		w.there[ext] = &deal.Deal{ID: d.ID}
	}
	return store.Change{After: d, Events: evs}, imports.Result{Outcome: imports.Created, RecordID: d.ID}, nil
}

// works refuses a responsible user who is known not to be active. One whom the directory does not know yet was found by the
// import's look-up a moment ago, and is as good as new.
func (w *batch) works(userID string) error {
	if u, known := w.im.Directory.User(w.b.Organization, userID); known && !u.Active {
		return deal.ErrUserNotFound.With("user_id", userID).
			WithField(fResponsible, u.Name+" is deactivated; translate to somebody who takes over, or activate the user for the import")
	}
	return nil
}

func (w *batch) finalStage(r *imports.Row, p *pipeline.Pipeline) (pipeline.Stage, error) {
	if !r.Has(fStage) {
		return p.First(pipeline.Open)
	}
	s, err := p.Stage(r.Ref(fStage))
	if err != nil {
		return s, pipeline.ErrStageNotFound.WithField(fStage, "the stage is not one of the pipeline "+p.Name)
	}
	return s, nil
}

func beginStage(r *imports.Row, p *pipeline.Pipeline) (pipeline.Stage, error) {
	if !r.Has(fBeginStage) {
		return p.LastOpen()
	}
	s, err := p.Stage(r.Ref(fBeginStage))
	if err != nil || s.Kind != pipeline.Open {
		return s, pipeline.ErrStageNotFound.WithField(fBeginStage, "the stage is not an open one of the pipeline "+p.Name)
	}
	return s, nil
}

// closeAs wins or loses an open deal if the stage of the row is a closed one.
func (w *batch) closeAs(r *imports.Row, d *deal.Deal, p *pipeline.Pipeline, final pipeline.Stage) ([]deal.Event, error) {
	at, _ := r.Time(fClose)
	env := w.env(at)
	switch final.Kind {
	case pipeline.Won:
		return d.Win(p, final.ID, env)
	case pipeline.Lost:
		return d.Lose(p, final.ID, "", r.Text(fLostReason), env)
	case pipeline.Open:
	}
	return nil, nil
}

// update changes a deal that is there: its fields to those that the mapping fills, then its stage.
func (w *batch) update(r *imports.Row, d *deal.Deal) (store.Change, imports.Result, error) {
	none := imports.Result{}
	if !w.scope.Allows(d.ResponsibleID) {
		return store.Change{}, none, deal.ErrForbidden
	}
	if to := r.Ref(fResponsible); to != "" && to != d.ResponsibleID {
		if err := w.works(to); err != nil {
			return store.Change{}, none, err
		}
	}
	before, after := *d, *d
	p, ok := w.pipelines[d.PipelineID]
	if !ok {
		return store.Change{}, none, pipeline.ErrNotFound
	}
	at := w.now
	if r.EffectiveAt != nil {
		at = *r.EffectiveAt
	}
	evs, err := after.Update(w.draftOf(r, d), w.mapped(r, d), p, w.pricing(), w.env(at))
	if err != nil {
		return store.Change{}, none, err
	}
	moves, err := w.restage(r, &after, at)
	if err != nil {
		return store.Change{}, none, err
	}
	evs = append(evs, moves...)
	if len(evs) == 0 {
		return store.Change{}, imports.Result{Outcome: imports.Skipped, RecordID: d.ID}, nil
	}
	*d = after
	return store.Change{Before: &before, After: &after, Events: evs}, imports.Result{Outcome: imports.Updated, RecordID: d.ID}, nil
}

// restage takes a deal to the stage of the row, by way of an open one if it is closed otherwise.
func (w *batch) restage(r *imports.Row, d *deal.Deal, at time.Time) ([]deal.Event, error) {
	if !r.Has(fStage) || r.Ref(fStage) == d.StageID {
		return nil, nil
	}
	p := w.pipelines[d.PipelineID]
	if r.Has(fPipeline) {
		var err error
		if p, err = w.pipelineOf(r); err != nil {
			return nil, err
		}
	}
	final, err := w.finalStage(r, p)
	if err != nil {
		return nil, err
	}
	env := w.env(at)
	var evs []deal.Event
	if d.State != pipeline.Open {
		to := ""
		if final.Kind == pipeline.Open {
			to = final.ID
		}
		if evs, err = d.Reopen(p, to, env); err != nil {
			return nil, err
		}
	}
	if final.Kind == pipeline.Open {
		moved, err := d.Move(p, final.ID, env)
		return append(evs, moved...), err
	}
	closed, err := w.closeAs(r, d, p, final)
	return append(evs, closed...), err
}

// draftOf reads a row. d is the deal that is there, or nil.
func (w *batch) draftOf(r *imports.Row, d *deal.Deal) deal.Draft {
	in := deal.Draft{
		Name: r.Text(fName), ResponsibleID: r.Ref(fResponsible), Type: r.Text(fType), CompanyID: r.Ref(fCompany),
		ContactID: r.Ref(fContact), Source: r.Text(fSource), Comment: r.Text(fComment),
		AvailableToEveryone: r.Bool(fEveryone),
	}
	if in.ResponsibleID == "" {
		in.ResponsibleID = w.b.UserID
	}
	if m, ok := r.Money(fAmount); ok {
		in.Amount, in.AmountSource = m, deal.ByHand
	}
	if r.Has(fProbability) {
		p := int32(min(max(r.Integer(fProbability), -1), 101)) // the deal refuses what is out of 0–100
		in.Probability = &p
	}
	if t, ok := r.Time(fPlanned); ok {
		in.PlannedClose = t
	}
	if r.Has(fProduct) || r.Has(fLineName) {
		in.Lines = []deal.LineInput{{Line: w.line(r, d)}}
	}
	if in.Type == "" && d != nil {
		in.Type = d.Type
	}
	var has customfields.Values
	if d != nil {
		has = d.Custom
	}
	in.Custom = w.custom.Fields.Import(*r, has)
	for key := range has {
		if in.Custom[key] == nil {
			in.Custom[key] = nil // the row takes it away
		}
	}
	return in
}

func (w *batch) line(r *imports.Row, d *deal.Deal) deal.Line {
	l := deal.Line{
		ProductID: r.Ref(fProduct), Name: r.Text(fLineName), Unit: r.Text(fUnit), Quantity: decimal.NewFromInt(1),
		TaxRate: r.Number(fTaxRate), TaxIncluded: true,
	}
	if r.Has(fQuantity) {
		l.Quantity = r.Number(fQuantity)
	}
	known := w.im.product(l.ProductID)
	if l.Name == "" {
		l.Name = known.name
	}
	if l.Unit == "" {
		l.Unit = known.unit
	}
	if r.Has(fDiscount) {
		l.DiscountKind, l.Discount = deal.DiscountPercent, r.Number(fDiscount)
	}
	amount, _ := r.Money(fAmount)
	switch {
	case r.Has(fPrice):
		l.Price = r.Number(fPrice)
	case !l.Quantity.IsZero():
		l.Price = amount.Amount.DivRound(l.Quantity, money.MinorUnits(amount.Currency)+4)
	}
	// The line that is there is the one that is meant.
	if d != nil && len(d.Lines) == 1 {
		l.ID = d.Lines[0].ID
	}
	return l
}

// pricing takes lines as they are: what was sold in the past is not held against today's catalog.
func (w *batch) pricing() deal.Pricing {
	return deal.Pricing{
		Products: w.products, MayUndercut: true, NewID: w.im.NewID,
		Convert: func(m money.Money, _ string) (money.Money, bool) { return m, false },
	}
}

// mapped lists the fields of a deal that the mapping fills.
func (w *batch) mapped(r *imports.Row, d *deal.Deal) []string {
	var out []string
	for from, to := range map[string]string{
		fName: deal.FieldName, fAmount: deal.FieldAmount, fResponsible: deal.FieldResponsible, fType: deal.FieldType,
		fProbability: deal.FieldProbability, fPlanned: deal.FieldPlannedClose, fCompany: deal.FieldCompany,
		fContact: deal.FieldContact, fSource: deal.FieldSource, fComment: deal.FieldComment,
		fEveryone: deal.FieldAvailableToEveryone,
	} {
		if r.Mapped(from) {
			out = append(out, to)
		}
	}
	// A row has one line; a deal with several keeps them.
	if (r.Mapped(fProduct) || r.Mapped(fLineName)) && len(d.Lines) <= 1 {
		out = append(out, deal.FieldLines)
	}
	return append(out, deal.FieldCustom)
}
