package app_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func (w *world) changed(m member, req *catalogv1.BulkProductsRequest) *operationv1.Operation {
	w.t.Helper()
	resp, err := w.bulk.BulkProducts(m.ctx, req)
	require.NoError(w.t, err)
	return w.finished(m, resp.GetOperation().GetId())
}

func (w *world) undone(m member, op *operationv1.Operation) *operationv1.Operation {
	w.t.Helper()
	resp, err := w.operations.UndoOperation(m.ctx, &operationv1.UndoOperationRequest{Id: op.GetId()})
	require.NoError(w.t, err)
	return w.finished(m, resp.GetOperation().GetId())
}

func (w *world) stored(m member, id string) *catalogv1.Product {
	w.t.Helper()
	resp, err := w.products.GetProduct(m.ctx, &catalogv1.GetProductRequest{Id: id})
	require.NoError(w.t, err)
	return resp.GetProduct()
}

// alike requires that a product is what it was, its version and the time of the change aside.
func alike(t *testing.T, was, is *catalogv1.Product) {
	t.Helper()
	was = proto.CloneOf(was)
	was.Etag, was.UpdateTime = is.GetEtag(), is.GetUpdateTime()
	require.True(t, proto.Equal(was, is), "%v\n%v", was, is)
}

// CON-13, rule 12: products are changed in bulk, put into the bin and taken out, and all of it is taken back.
func TestBulkOfProductsAndItsUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	shelf := w.section(m, "Shelf", "")
	var all []*catalogv1.Product
	for i := range 10 {
		all = append(all, w.product(m, &catalogv1.Product{
			Name: fmt.Sprintf("P%d", i), Unit: "piece", Sku: fmt.Sprintf("S%d", i),
			Prices: []*catalogv1.Price{{PriceTypeId: w.base(m), Price: eur("10.00")}},
		}))
	}
	other := w.product(m, &catalogv1.Product{Name: "Other", Unit: "kg"})
	op := w.changed(m, &catalogv1.BulkProductsRequest{
		Selection: &typev1.BulkSelection{Filter: `unit = "piece"`}, Action: typev1.BulkAction_BULK_ACTION_UPDATE,
		Product: &catalogv1.Product{SectionId: shelf.GetId(), Active: proto.Bool(false)}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"section_id", "active"}},
	})
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, map[string]int{"changed": 10, "unchanged": 0, "rejected": 0}, w.counts(op))
	require.Equal(t, shelf.GetId(), w.stored(m, all[3].GetId()).GetSectionId())
	require.False(t, w.stored(m, all[3].GetId()).GetActive())
	alike(t, other, w.stored(m, other.GetId()))
	again := w.changed(m, &catalogv1.BulkProductsRequest{
		Selection: &typev1.BulkSelection{Ids: []string{all[0].GetId()}}, Action: typev1.BulkAction_BULK_ACTION_UPDATE,
		Product: &catalogv1.Product{SectionId: shelf.GetId()},
	})
	require.Equal(t, 1, w.counts(again)["unchanged"])
	_, err := w.products.UpdateProduct(m.ctx, &catalogv1.UpdateProductRequest{Id: all[7].GetId(), Product: &catalogv1.Product{Description: "ours"}})
	require.NoError(t, err)
	back := w.undone(m, op)
	require.Equal(t, map[string]int{"removed": 0, "restored": 9, "unchanged": 0, "left": 1}, w.counts(back), "%v", back.GetErrors())
	require.Equal(t, "RECORD_CHANGED_SINCE", back.GetErrors()[0].GetReason())
	alike(t, all[3], w.stored(m, all[3].GetId()))

	op = w.changed(m, &catalogv1.BulkProductsRequest{Selection: &typev1.BulkSelection{Everything: true}, Action: typev1.BulkAction_BULK_ACTION_DELETE})
	require.Equal(t, 11, w.counts(op)["changed"])
	require.Equal(t, 11, w.counts(w.undone(m, op))["restored"])
	alike(t, other, w.stored(m, other.GetId()))
	w.changed(m, &catalogv1.BulkProductsRequest{Selection: &typev1.BulkSelection{Everything: true}, Action: typev1.BulkAction_BULK_ACTION_DELETE})
	op = w.changed(m, &catalogv1.BulkProductsRequest{
		Selection: &typev1.BulkSelection{Filter: `unit = "kg"`, ShowDeleted: true}, Action: typev1.BulkAction_BULK_ACTION_RESTORE,
	})
	require.Equal(t, 1, w.counts(op)["changed"])
	require.Nil(t, w.stored(m, other.GetId()).GetDeleteTime())

	looker := w.member(m.org, &accessv1.DirectoryGrant{Kind: "product", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL})
	everything := &typev1.BulkSelection{Everything: true}
	for name, c := range map[string]struct {
		who    member
		req    *catalogv1.BulkProductsRequest
		reason string
	}{
		"may only look":     {looker, &catalogv1.BulkProductsRequest{Selection: everything, Action: typev1.BulkAction_BULK_ACTION_DELETE}, "NOT_PERMITTED"},
		"nobody's":          {m, &catalogv1.BulkProductsRequest{Selection: everything, Action: typev1.BulkAction_BULK_ACTION_REASSIGN}, "BULK_ACTION_INVALID"},
		"one product alone": {m, &catalogv1.BulkProductsRequest{Selection: everything, Action: typev1.BulkAction_BULK_ACTION_UPDATE, Product: &catalogv1.Product{Sku: "x"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"sku"}}}, "INVALID_UPDATE_MASK"},
		"wrong filter":      {m, &catalogv1.BulkProductsRequest{Selection: &typev1.BulkSelection{Filter: "colour = 1"}, Action: typev1.BulkAction_BULK_ACTION_DELETE}, "INVALID_FILTER"},
	} {
		_, err := w.bulk.BulkProducts(c.who.ctx, c.req)
		require.Equal(t, c.reason, reason(err), name)
	}
}

// CON-17: an import of products is taken back with the sections it has made, and the file can be imported again.
func TestAnImportOfProductsIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	const mapping = `
kind: product
external_id: {source: shop, column: id}
duplicates: update
fields:
  name: {column: name}
  section: {path: ["{group}", "{sub}"]}
  price: {column: price, currency: EUR}
`
	w.importProducts(m, mapping, "id,name,group,sub,price\n1,One,A,,10\n2,Two,A,,20\n")
	was := w.all(m)
	second := w.importProducts(m, mapping, "id,name,group,sub,price\n1,Uno,B,C,11\n2,Two,A,,20\n3,Three,B,C,30\n")
	require.Zero(t, second.GetRejected(), "%v", second.GetErrors())
	op := w.undone(m, second)
	require.Equal(t, 0, w.counts(op)["left"], "%v", op.GetErrors())
	require.Equal(t, 3, w.counts(op)["removed"], "a product and two sections")
	now := w.all(m)
	require.Len(t, now, 2)
	for name, p := range now {
		alike(t, was[name], p)
	}
	sections, err := w.sections.ListSections(m.ctx, &catalogv1.ListSectionsRequest{})
	require.NoError(t, err)
	require.Len(t, sections.GetSections(), 1)
	third := w.importProducts(m, mapping, "id,name,group,sub,price\n3,Three,B,C,30\n")
	require.Equal(t, 1, w.counts(third)["created"], "%v", third.GetErrors())
}

func (w *world) all(m member) map[string]*catalogv1.Product {
	w.t.Helper()
	resp, err := w.products.ListProducts(m.ctx, &catalogv1.ListProductsRequest{})
	require.NoError(w.t, err)
	out := map[string]*catalogv1.Product{}
	for _, p := range resp.GetProducts() {
		out[p.GetName()] = p
	}
	return out
}

func (w *world) exported(m member, list *typev1.ExportList) (string, error) {
	stream, err := w.exports.ExportProducts(m.ctx, &catalogv1.ExportProductsRequest{List: list})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		b.Write(part.GetPart().GetData())
	}
}

// CON-18: products are exported as shown, with the names of sections and price types, and without formulas; it is told.
func TestExportOfProducts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	shelf := w.section(m, "Shelf", "")
	w.product(m, &catalogv1.Product{
		Name: "@SUM(A1)", Unit: "piece", SectionId: shelf.GetId(), TaxRate: "19", MinimumPrice: eur("5"),
		Prices: []*catalogv1.Price{{PriceTypeId: w.base(m), Price: eur("10.00")}, {PriceTypeId: w.base(m), Price: usd("12.00")}},
	})
	w.product(m, &catalogv1.Product{Name: "Left out", Unit: "kg"})
	base, err := w.priceTypes.GetPriceType(m.ctx, &catalogv1.GetPriceTypeRequest{Id: w.base(m)})
	require.NoError(t, err)
	name := base.GetPriceType().GetName()
	columns := []string{"name", "section_id", "prices", "minimum_price", "active", "tax_rate"}
	text, err := w.exported(m, &typev1.ExportList{Columns: columns, Filter: `unit = "piece"`, OrderBy: "name desc"})
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{columns, {"'@SUM(A1)", "Shelf", name + " 10.00 EUR; " + name + " 12.00 USD", "5.00 EUR", "true", "19"}}, rows)
	text, err = w.exported(m, &typev1.ExportList{Format: typev1.ExportFormat_EXPORT_FORMAT_XLSX})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "PK"))
	var told int
	require.NoError(t, w.db.App.QueryRow(t.Context(), m.org, `SELECT count(*) FROM events WHERE type = 'kontor.catalog.v1.ListExported'`).Scan(&told))
	require.Equal(t, 2, told)
	_, err = w.exported(m, &typev1.ExportList{Columns: []string{"colour"}})
	require.Equal(t, "EXPORT_COLUMN_UNKNOWN", reason(err))
	_, err = w.exported(m, &typev1.ExportList{Format: typev1.ExportFormat_EXPORT_FORMAT_VCARD})
	require.Equal(t, "EXPORT_FORMAT_UNFIT", reason(err))
	own := w.member(m.org, &accessv1.DirectoryGrant{Kind: "product", Scope: accessv1.Scope_SCOPE_OWN})
	_, err = w.exported(own, &typev1.ExportList{})
	require.Equal(t, "PERMISSION_DENIED", reason(err))
}
