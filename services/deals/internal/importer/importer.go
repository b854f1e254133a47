// Package importer takes rows of files in as deals: which fields there are, and how a batch of rows becomes deals with
// their events. What happened before today keeps its time: a deal that is imported as won was made when it began and won
// when it was closed.
package importer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/clock"
	"kontor.internal/libs/event"
	"kontor.internal/libs/imports"
	"kontor.internal/services/deals/internal/deal"
	"kontor.internal/services/deals/internal/pipeline"
	"kontor.internal/services/deals/internal/publish"
	"kontor.internal/services/deals/internal/store"
)

// Names of the fields that a mapping may fill.
const (
	fName        = "name"
	fPipeline    = "pipeline"
	fStage       = "stage"
	fBeginStage  = "begin_stage"
	fAmount      = "amount"
	fResponsible = "responsible"
	fType        = "type"
	fProbability = "probability"
	fPlanned     = "planned_close_date"
	fCompany     = "company"
	fContact     = "contact"
	fSource      = "source"
	fComment     = "comment"
	fProduct     = "product"
	fLineName    = "line_name"
	fQuantity    = "quantity"
	fUnit        = "unit"
	fPrice       = "price"
	fDiscount    = "discount_percent"
	fTaxRate     = "tax_rate"
	fBegin       = "begin_time"
	fClose       = "close_time"
	fLostReason  = "lost_reason"
	fEveryone    = "available_to_everyone"
)

// fields are what a mapping may fill. A new field of a deal that files may bring is added here and in draftOf.
func fields() []imports.Field {
	return []imports.Field{
		{Name: fName, Type: imports.Text, Required: true, MaxLen: 255, Doc: "what the deal is called"},
		{Name: fPipeline, Type: imports.Ref, RefKind: "pipeline", Doc: "the pipeline; the default one if empty"},
		{Name: fStage, Type: imports.Ref, RefKind: "stage", Within: fPipeline, Doc: "the stage it is in; the first one if empty"},
		{Name: fBeginStage, Type: imports.Ref, RefKind: "stage", Within: fPipeline, Doc: "for a closed deal, the open stage it began in; the last open one if empty"},
		{Name: fAmount, Type: imports.Money, Doc: "what it is worth"},
		{Name: fResponsible, Type: imports.Ref, RefKind: "user", Doc: "who answers for it; who imports if empty"},
		{Name: fType, Type: imports.Text, MaxLen: 64, Doc: "type of deal; sale if empty"},
		{Name: fProbability, Type: imports.Integer, Doc: "percent; that of the stage if empty"},
		{Name: fPlanned, Type: imports.Date, Doc: "day it is expected to close"},
		{Name: fCompany, Type: imports.Ref, RefKind: "company", Doc: "the client"},
		{Name: fContact, Type: imports.Ref, RefKind: "contact", Doc: "the person"},
		{Name: fSource, Type: imports.Text, MaxLen: 128, Doc: "where it came from"},
		{Name: fComment, Type: imports.Text, MaxLen: 10000, Doc: "free text"},
		{Name: fProduct, Type: imports.Ref, RefKind: "product", Doc: "product of the deal's line"},
		{Name: fLineName, Type: imports.Text, MaxLen: 512, Doc: "what the line sells; the product's name if empty"},
		{Name: fQuantity, Type: imports.Number, Doc: "quantity of the line; 1 if empty"},
		{Name: fUnit, Type: imports.Text, MaxLen: 32, Doc: "unit of the line"},
		{Name: fPrice, Type: imports.Number, Doc: "price of one; the amount by the quantity if empty"},
		{Name: fDiscount, Type: imports.Number, Doc: "discount of the line in percent"},
		{Name: fTaxRate, Type: imports.Number, Doc: "tax rate of the line in percent, included in the price"},
		{Name: fBegin, Type: imports.Time, Doc: "when it began; the mapping's effective_time if empty"},
		{Name: fClose, Type: imports.Time, Doc: "when it was won or lost"},
		{Name: fLostReason, Type: imports.Text, MaxLen: 512, Doc: "why it was lost"},
		{Name: fEveryone, Type: imports.Bool, Doc: "whether everyone may see it"},
	}
}

// Importer is the target of imports of deals.
type Importer struct {
	Organizations deal.Organizations
	Directory     *authz.Directory
	Pipelines     *pipeline.Service
	Store         *store.Pipelines
	Clock         clock.Clock
	NewID         func() string
	// Custom returns what custom fields of an organisation are checked by.
	Custom func(ctx context.Context, org string) (deal.Custom, error)

	mu       sync.Mutex
	products map[string]named
}

type named struct{ name, unit string }

// maxProducts bounds what is remembered of products.
const maxProducts = 100000

// Seen remembers what a product that was looked up is called, so that its line can be named.
func (im *Importer) Seen(_, id, name, unit string) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if im.products == nil || len(im.products) >= maxProducts {
		im.products = make(map[string]named)
	}
	im.products[id] = named{name: name, unit: unit}
}

func (im *Importer) product(id string) named {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.products[id]
}

// Target is what deals offer to be filled.
func (im *Importer) Target() imports.Target {
	return imports.Target{Kind: publish.KindDeal, Fields: fields(), More: im.more, Apply: im.Apply}
}

// more is the custom fields; see [imports.Target].More.
func (im *Importer) more(ctx context.Context, org string) ([]imports.Field, error) {
	custom, err := im.Custom(ctx, org)
	if err != nil {
		return nil, err
	}
	return custom.Fields.ImportFields(), nil
}

// Lookups are those that this service answers itself.
func (im *Importer) Lookups() map[string]imports.Lookup {
	by := []imports.By{imports.ByName, imports.ByID}
	return map[string]imports.Lookup{
		"pipeline": {By: by, Find: func(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
			return found(im.Store.FindPipelines(ctx, q.Organization, q.By == imports.ByID, q.Keys))
		}},
		"stage": {By: by, Find: func(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
			return found(im.Store.FindStages(ctx, q.Organization, q.Within, q.By == imports.ByID, q.Keys))
		}},
	}
}

func found(in map[string]store.Named, err error) (map[string]imports.Found, error) {
	if err != nil {
		return nil, err
	}
	out := make(map[string]imports.Found, len(in))
	for k, n := range in {
		out[k] = imports.Found{ID: n.ID, Ambiguous: n.Ambiguous}
	}
	return out, nil
}

// batch is what Apply works with.
type batch struct {
	im        *Importer
	b         imports.Batch
	pipelines map[string]*pipeline.Pipeline
	there     map[deal.ExternalID]*deal.Deal
	products  map[string]deal.Product
	rates     rates
	scope     authz.Scope
	zone      *time.Location
	base      string
	now       time.Time
	custom    deal.Custom
}

// Apply see imports.Target.
func (im *Importer) Apply(ctx context.Context, tx pgx.Tx, b imports.Batch) ([]imports.Result, []event.Event, error) {
	w := batch{im: im, b: b, now: im.Clock.Now(), scope: importScope(im.Directory, b)}
	w.zone, w.base = im.Organizations.Settings(b.Organization)
	var err error
	if w.custom, err = im.Custom(ctx, b.Organization); err != nil {
		return nil, nil, err
	}
	if err := w.read(ctx, tx); err != nil {
		return nil, nil, err
	}
	results := make([]imports.Result, len(b.Rows))
	changes := make([]store.Change, 0, len(b.Rows))
	for i := range b.Rows {
		c, res, err := w.row(&b.Rows[i])
		if err != nil {
			results[i] = refused(err)
			if results[i].Reject == nil {
				return nil, nil, err
			}
			continue
		}
		results[i] = res
		if len(c.Events) > 0 {
			changes = append(changes, c)
		}
	}
	evs, err := store.WriteDeals(ctx, tx, b.Organization, changes, b.UserID, event.Cause("import/"+b.OperationID))
	if err != nil {
		return nil, nil, err
	}
	return results, evs, nil
}

// refused turns an expected failure into the rejection of the row; any other is an outage.
func refused(err error) imports.Result {
	var e *apperr.Error
	if !errors.As(err, &e) {
		return imports.Result{}
	}
	field, msg := "", e.Msg
	if len(e.Fields) > 0 {
		field, msg = e.Fields[0].Field, e.Fields[0].Description
	}
	return imports.Refuse(field, e.Reason, msg)
}

// read gets, in a handful of statements, what the rows need.
func (w *batch) read(ctx context.Context, tx pgx.Tx) error {
	var err error
	if w.pipelines, err = store.PipelinesIn(ctx, tx, w.b.Organization); err != nil {
		return err
	}
	ids := make([]deal.ExternalID, 0, len(w.b.Rows))
	w.rates.base = w.base
	w.products = make(map[string]deal.Product)
	for i := range w.b.Rows {
		r := &w.b.Rows[i]
		if r.ExternalID.ID != "" {
			ids = append(ids, deal.ExternalID{Source: r.ExternalID.Source, ID: r.ExternalID.ID})
		}
		if id := r.Ref(fProduct); id != "" {
			w.products[id] = deal.Product{ID: id, Name: w.im.product(id).name, Offered: true}
		}
		if m, ok := r.Money(fAmount); ok && m.Currency != w.base {
			w.rates.want(m.Currency, w.day(w.begun(r)), w.day(w.now))
		}
	}
	if len(ids) > 0 {
		if w.there, err = store.DealsByExternalID(ctx, tx, w.b.Organization, ids); err != nil {
			return err
		}
	}
	if w.there == nil {
		w.there = make(map[deal.ExternalID]*deal.Deal)
	}
	return w.rates.read(ctx, tx, w.b.Organization)
}

// begun is when the deal of a row began; zero if that is not known.
func (w *batch) begun(r *imports.Row) time.Time {
	if t, ok := r.Time(fBegin); ok {
		return t
	}
	if r.EffectiveAt != nil {
		return *r.EffectiveAt
	}
	return time.Time{}
}

// day is the day of a time in the organisation, or today if the time is not known.
func (w *batch) day(t time.Time) time.Time {
	if t.IsZero() {
		t = w.now
	}
	return deal.Day(t, w.zone)
}
