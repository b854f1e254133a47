package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/event"
	"kontor.internal/libs/imports"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
	"kontor.internal/services/catalog/internal/record"
)

// ProductImport writes imported products, some hundred in a transaction.
type ProductImport struct {
	Now   func() time.Time
	NewID func() string
	// Base returns the price type that the field "price" belongs to.
	Base func(ctx context.Context, org string) (string, error)
	// Custom returns what custom fields of an organisation are checked by.
	Custom func(ctx context.Context, org string) (product.Custom, error)
}

// Target is what a mapping for products can fill.
func (p *ProductImport) Target() imports.Target {
	return imports.Target{
		Kind: "product",
		Fields: []imports.Field{
			{Name: "name", Type: imports.Text, Required: true, MaxLen: 256, Doc: "name as on an offer"},
			{Name: "sku", Type: imports.Text, MaxLen: 64, Doc: "stock keeping unit"},
			{Name: "barcode", Type: imports.Text, MaxLen: 64, Doc: "EAN, UPC or another barcode"},
			{Name: "description", Type: imports.Text, MaxLen: 20000, Doc: "description"},
			{Name: "section", Type: imports.TextList, MaxLen: 256, Doc: "names of the sections it stands in, from the top; made when missing"},
			{Name: "unit", Type: imports.Text, MaxLen: 32, Doc: "unit it is sold by"},
			{Name: "active", Type: imports.Bool, Doc: "whether it is offered; yes if not mapped"},
			{Name: "sort", Type: imports.Integer, Doc: "place in the list"},
			{Name: "tax_rate", Type: imports.Number, Doc: "tax rate in percent"},
			{Name: "price", Type: imports.Money, Doc: "price of the base price type"},
			{Name: "minimum_price", Type: imports.Money, Doc: "what it must not be sold below"},
		},
		More: func(ctx context.Context, org string) ([]imports.Field, error) {
			custom, err := p.Custom(ctx, org)
			if err != nil {
				return nil, err
			}
			return custom.Fields.ImportFields(), nil
		},
		Apply: p.apply,
	}
}

// apply see [imports.Target].Apply. A product is known by its external ID, else by its SKU, else by its name.
func (p *ProductImport) apply(ctx context.Context, tx pgx.Tx, b imports.Batch) ([]imports.Result, []event.Event, error) {
	base, err := p.Base(ctx, b.Organization)
	if err != nil {
		return nil, nil, err
	}
	custom, err := p.Custom(ctx, b.Organization)
	if err != nil {
		return nil, nil, err
	}
	known, err := p.known(ctx, tx, b)
	if err != nil {
		return nil, nil, err
	}
	sections := &sectionPaths{now: p.Now(), newID: p.NewID, origin: origin(b), org: b.Organization}
	if err := sections.resolve(ctx, tx, b.Rows); err != nil {
		return nil, nil, err
	}
	w := productWrite{base: base, origin: origin(b), now: p.Now(), newID: p.NewID, policy: b.Duplicates, known: known, sections: sections, custom: custom}
	if err := w.lock(ctx, tx, b.Organization, b.Rows); err != nil {
		return nil, nil, err
	}
	results := make([]imports.Result, len(b.Rows))
	for i, row := range b.Rows {
		results[i] = w.row(row)
	}
	if err := insertProducts(ctx, tx, b.Organization, w.created); err != nil {
		return nil, nil, failure(err)
	}
	if err := updateProducts(ctx, tx, b.Organization, w.updated); err != nil {
		return nil, nil, failure(err)
	}
	return results, append(sections.events, w.events...), nil
}

func origin(b imports.Batch) record.Origin { return record.Origin{Kind: "import", ID: b.OperationID} }

func cause(o record.Origin) event.Option { return event.Cause("import/" + o.ID) }

// existing is a product that a row stands for.
type existing struct {
	id      string
	deleted bool
}

// known finds the products that the rows stand for, by key; a key says what it is a key of.
func (p *ProductImport) known(ctx context.Context, tx pgx.Tx, b imports.Batch) (map[string]existing, error) {
	var sources, ids, skus, names []string
	for _, row := range b.Rows {
		switch x := row.ExternalID; {
		case x.ID != "":
			sources, ids = append(sources, x.Source), append(ids, x.ID)
		case row.Text("sku") != "":
			skus = append(skus, row.Text("sku"))
		default:
			names = append(names, strings.ToLower(row.Text("name")))
		}
	}
	rows, err := tx.Query(ctx, `
		SELECT 'x/' || e.source || '/' || e.external_id, p.id::text, p.deleted_at IS NOT NULL
		FROM unnest($2::text[], $3::text[]) AS k (source, id)
		JOIN product_external_ids e ON e.organization_id = $1 AND e.source = k.source AND e.external_id = k.id
		JOIN products p ON p.organization_id = $1 AND p.id = e.product_id
		UNION ALL
		SELECT 's/' || sku, id::text, false FROM products
		WHERE organization_id = $1 AND deleted_at IS NULL AND sku <> '' AND sku = ANY($4)
		UNION ALL
		SELECT 'n/' || lower(name), id::text, false FROM products
		WHERE organization_id = $1 AND deleted_at IS NULL AND lower(name) = ANY($5)`,
		b.Organization, some(sources), some(ids), some(skus), some(names))
	if err != nil {
		return nil, fmt.Errorf("find products: %w", err)
	}
	out := map[string]existing{}
	var key string
	var e existing
	if _, err := pgx.ForEachRow(rows, []any{&key, &e.id, &e.deleted}, func() error { out[key] = e; return nil }); err != nil {
		return nil, fmt.Errorf("find products: %w", err)
	}
	return out, nil
}

// keyOf is what a row is known by.
func keyOf(row imports.Row) string {
	switch x := row.ExternalID; {
	case x.ID != "":
		return "x/" + x.Source + "/" + x.ID
	case row.Text("sku") != "":
		return "s/" + row.Text("sku")
	}
	return "n/" + strings.ToLower(row.Text("name"))
}

// productWrite decides what becomes of each row of a batch.
type productWrite struct {
	base     string
	origin   record.Origin
	now      time.Time
	newID    func() string
	policy   imports.Duplicates
	known    map[string]existing
	locked   map[string]*product.Product
	sections *sectionPaths
	custom   product.Custom

	created, updated []*product.Product
	events           []event.Event
}

func (w *productWrite) lock(ctx context.Context, tx pgx.Tx, org string, rows []imports.Row) error {
	w.locked = map[string]*product.Product{}
	if w.policy != imports.Update {
		return nil
	}
	var ids []string
	for _, row := range rows {
		if e, ok := w.known[keyOf(row)]; ok && !e.deleted {
			ids = append(ids, e.id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var err error
	w.locked, err = lockProducts(ctx, tx, org, ids)
	return err
}

func (w *productWrite) row(row imports.Row) imports.Result {
	key := keyOf(row)
	e, there := w.known[key]
	switch {
	case there && e.deleted:
		return imports.Refuse("external_id", "RECORD_IN_BIN", "the product with this external ID is in the bin; restore it and import the row again")
	case there && w.policy == imports.Update:
		return w.update(row, e.id)
	case there && (w.policy == imports.Skip || row.ExternalID.ID != ""):
		return imports.Result{Outcome: imports.Skipped, RecordID: e.id}
	}
	return w.create(row, key)
}

func (w *productWrite) create(row imports.Row, key string) imports.Result {
	draft := &product.Product{Active: true}
	w.fill(draft, row)
	if x := row.ExternalID; x.ID != "" {
		draft.ExternalIDs = []record.ExternalID{{Source: x.Source, ID: x.ID}}
	}
	p, ev, err := product.New(draft, w.newID(), w.origin, w.custom, w.now)
	if err != nil {
		return refused(err)
	}
	w.created = append(w.created, p)
	w.events = append(w.events, publish.ProductEvent(ev, cause(w.origin)))
	// A second row with the same key is a duplicate of this one.
	w.known[key], w.locked[p.ID] = existing{id: p.ID}, p
	return imports.Result{Outcome: imports.Created, RecordID: p.ID}
}

func (w *productWrite) update(row imports.Row, id string) imports.Result {
	p := w.locked[id]
	before := p.Clone()
	ev, err := p.Change(func(p *product.Product) { w.fill(p, row) }, w.custom, w.now)
	if err != nil {
		*p = *before // an earlier row of the batch may have made or changed it
		return refused(err)
	}
	if !slices.Contains(w.created, p) && !slices.Contains(w.updated, p) {
		w.updated = append(w.updated, p)
	}
	w.events = append(w.events, publish.ProductEvent(ev, cause(w.origin)))
	return imports.Result{Outcome: imports.Updated, RecordID: id}
}

// fill takes over the fields that the mapping fills.
func (w *productWrite) fill(p *product.Product, row imports.Row) {
	for field, dst := range map[string]*string{
		"name": &p.Name, "sku": &p.SKU, "barcode": &p.Barcode, "description": &p.Description, "unit": &p.Unit,
	} {
		if row.Mapped(field) {
			*dst = row.Text(field)
		}
	}
	if row.Has("active") {
		p.Active = row.Bool("active")
	}
	if row.Has("sort") {
		p.Sort = int32(min(max(row.Integer("sort"), -1<<31), 1<<31-1))
	}
	if row.Mapped("section") {
		p.SectionID = w.sections.id(row.List("section"))
	}
	if row.Mapped("tax_rate") {
		p.TaxRate = nil
		if row.Has("tax_rate") {
			d := row.Number("tax_rate")
			p.TaxRate = &d
		}
	}
	if m, ok := row.Money("price"); ok {
		p.SetPrice(w.base, m)
	}
	p.Custom = w.custom.Fields.Import(row, p.Custom)
	if row.Mapped("minimum_price") {
		p.MinimumPrice = nil
		if m, ok := row.Money("minimum_price"); ok {
			p.MinimumPrice = &m
		}
	}
}

// refused is the result of a row that breaks a rule of products.
func refused(err error) imports.Result {
	var e *apperr.Error
	if !errors.As(err, &e) {
		return imports.Refuse("", product.ErrInvalid.Reason, err.Error())
	}
	field, msg := "", e.Msg
	if len(e.Fields) > 0 {
		field = e.Fields[0].Field
		msg += ": " + field + " " + e.Fields[0].Description
	}
	return imports.Refuse(field, e.Reason, msg)
}
