package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

func (w *world) importProducts(m member, mapping, content string) *operationv1.Operation {
	w.t.Helper()
	resp, err := w.products.ImportProducts(m.ctx, &catalogv1.ImportProductsRequest{FileId: w.files.put(content), Mapping: mapping})
	require.NoError(w.t, err)
	return w.finished(m, resp.GetOperation().GetId())
}

func (w *world) counts(op *operationv1.Operation) map[string]int {
	out := map[string]int{}
	for k, v := range op.GetResult().AsMap() {
		out[k] = int(v.(float64))
	}
	return out
}

const exampleProducts = "product,series,sales_price\nGTX Basic,GTX,550\nGTX Pro,GTX,4821\nMG Special,MG,55\nMG Advanced,MG,3393\n"

// Issue, main job: products with section and price, by the example mapping; done again nothing is doubled.
func TestImportByTheExampleMapping(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../docs/examples/sales/*products*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 1)
	mapping, err := os.ReadFile(files[0])
	require.NoError(t, err)

	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	op := w.importProducts(m, string(mapping), exampleProducts)
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, map[string]int{"created": 4, "updated": 0, "skipped": 0, "rejected": 0}, w.counts(op))
	require.EqualValues(t, 4, op.GetDone())

	sections, err := w.sections.ListSections(m.ctx, &catalogv1.ListSectionsRequest{OrderBy: "name"})
	require.NoError(t, err)
	require.Len(t, sections.GetSections(), 2)
	require.Equal(t, "GTX", sections.GetSections()[0].GetName())
	products, err := w.products.ListProducts(m.ctx, &catalogv1.ListProductsRequest{Filter: `section_id = "` + sections.GetSections()[0].GetId() + `"`})
	require.NoError(t, err)
	require.Len(t, products.GetProducts(), 2)
	pro := products.GetProducts()[1]
	require.Equal(t, "GTX Pro", pro.GetName())
	require.Equal(t, "4821.00", pro.GetPrices()[0].GetPrice().GetAmount())
	require.Equal(t, "USD", pro.GetPrices()[0].GetPrice().GetCurrencyCode())
	require.True(t, pro.GetActive())
	require.Equal(t, "import", pro.GetOrigin().GetKind())
	require.True(t, strings.HasSuffix(op.GetId(), pro.GetOrigin().GetId()), "it says which import made it (CON-9)")

	again := w.importProducts(m, string(mapping), exampleProducts)
	require.Equal(t, map[string]int{"created": 0, "updated": 0, "skipped": 4, "rejected": 0}, w.counts(again))
}

// CON-17: duplicates updated, rows at fault rejected one by one, with a file of them.
func TestImportUpdatesAndRejects(t *testing.T) {
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
  sku: {column: sku}
  section: {path: ["{a}", "{b}"]}
  tax_rate: {column: tax}
`
	op := w.importProducts(m, mapping, "id,name,sku,a,b,tax\n1,One,S1,x,y,5\n2,Two,S1,x,y,5\n3,Three,S3,x,z,500\n4,Four,S4,x,z,\n1,Again,S1,,,\n")
	require.Equal(t, operationv1.State_STATE_SUCCEEDED, op.GetState(), op.GetError())
	require.Equal(t, map[string]int{"created": 2, "updated": 1, "skipped": 0, "rejected": 2}, w.counts(op))
	got := map[int64]string{}
	for _, e := range op.GetErrors() {
		got[e.GetLine()] = e.GetReason()
	}
	require.Equal(t, map[int64]string{3: "PRODUCT_SKU_TAKEN", 4: "PRODUCT_INVALID"}, got)
	file := w.files.all()[op.GetRejectsFileId()]
	require.Contains(t, file, "2,Two,S1,x,y,5,3,,PRODUCT_SKU_TAKEN,")

	op = w.importProducts(m, mapping, "id,name,sku,a,b,tax\n1,Uno,S1,x,z,7\n")
	require.Equal(t, map[string]int{"created": 0, "updated": 1, "skipped": 0, "rejected": 0}, w.counts(op))
	list, err := w.products.ListProducts(m.ctx, &catalogv1.ListProductsRequest{Filter: `sku = "S1"`})
	require.NoError(t, err)
	require.Equal(t, "Uno", list.GetProducts()[0].GetName())
	require.Equal(t, "7", list.GetProducts()[0].GetTaxRate())

	// One in the bin is not made a second time.
	_, err = w.products.DeleteProduct(m.ctx, &catalogv1.DeleteProductRequest{Id: list.GetProducts()[0].GetId()})
	require.NoError(t, err)
	op = w.importProducts(m, mapping, "id,name,sku,a,b,tax\n1,Uno,S1,x,z,7\n")
	require.Equal(t, "RECORD_IN_BIN", op.GetErrors()[0].GetReason())
}

// Issue, bad input: what is wrong with the file or the mapping as a whole is told at once.
func TestImportRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	for want, mapping := range map[string]string{
		"IMPORT_COLUMN_MISSING":  "kind: product\nfields: {name: {column: title}}\n",
		"IMPORT_MAPPING_INVALID": "kind: deal\nfields: {name: {column: product}}\n",
	} {
		_, err := w.products.ImportProducts(m.ctx, &catalogv1.ImportProductsRequest{FileId: w.files.put(exampleProducts), Mapping: mapping})
		require.Equal(t, want, reason(err), "%v", err)
	}
	_, err := w.operations.GetOperation(m.ctx, &operationv1.GetOperationRequest{Id: "catalog.01890a5d-ac96-774b-bcce-b302099a8057"})
	require.Equal(t, "OPERATION_NOT_FOUND", reason(err))
}
