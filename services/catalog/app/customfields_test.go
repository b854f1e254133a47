package app_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"

	"kontor.internal/libs/testkit"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

func (w *world) define(m member, f *customfieldsv1.CustomField) *customfieldsv1.CustomField {
	w.t.Helper()
	resp, err := w.custom.CreateCustomField(m.ctx, &customfieldsv1.CreateCustomFieldRequest{Kind: "product", CustomField: f})
	require.NoError(w.t, err)
	return resp.GetCustomField()
}

// CON-12: custom fields of products are checked, unique, computed, listed, counted and sorted by; an update changes those it
// names; they are imported, exported, set in bulk, and taken back.
func TestCustomFieldsOfProducts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runJobs()
	m := w.organization()
	w.define(m, &customfieldsv1.CustomField{Label: "Weight", Type: customfieldsv1.Type_TYPE_NUMBER})
	w.define(m, &customfieldsv1.CustomField{Label: "Code", Type: customfieldsv1.Type_TYPE_STRING, Unique: true})
	size := w.define(m, &customfieldsv1.CustomField{Label: "Size", Type: customfieldsv1.Type_TYPE_CHOICE, Choices: []*customfieldsv1.Choice{{Label: "Small"}, {Label: "Large"}}})
	values := func(weight float64, code string) map[string]*structpb.Value {
		return map[string]*structpb.Value{"weight": structpb.NewNumberValue(weight), "code": structpb.NewStringValue(code)}
	}
	a := w.product(m, &catalogv1.Product{Name: "a", CustomFields: values(2, "C-1")})
	b := w.product(m, &catalogv1.Product{Name: "b", CustomFields: values(5, "C-2")})
	w.product(m, &catalogv1.Product{Name: "c"})
	for want, custom := range map[string]map[string]*structpb.Value{
		"CUSTOM_FIELD_VALUE_TAKEN": values(1, "c-2"),
		"CUSTOM_FIELDS_INVALID":    {"nope": structpb.NewNumberValue(1)},
	} {
		_, err := w.products.CreateProduct(m.ctx, &catalogv1.CreateProductRequest{Product: &catalogv1.Product{Name: "d", CustomFields: custom}})
		require.Equal(t, want, reason(err))
	}
	names := func(filter, order string) string {
		list, err := w.products.ListProducts(m.ctx, &catalogv1.ListProductsRequest{Filter: filter, OrderBy: order, PageSize: 2})
		require.NoError(t, err)
		out := make([]string, 0, 3)
		for _, p := range list.GetProducts() {
			out = append(out, p.GetName())
		}
		for token := list.GetNextPageToken(); token != ""; {
			list, err = w.products.ListProducts(m.ctx, &catalogv1.ListProductsRequest{Filter: filter, OrderBy: order, PageSize: 2, PageToken: token})
			require.NoError(t, err)
			for _, p := range list.GetProducts() {
				out = append(out, p.GetName())
			}
			token = list.GetNextPageToken()
		}
		return strings.Join(out, " ")
	}
	require.Equal(t, "b", names("custom_fields.weight > 3", ""))
	require.Equal(t, "b a c", names("", "custom_fields.weight desc"))
	n, err := w.products.CountProducts(m.ctx, &catalogv1.CountProductsRequest{Filter: `custom_fields.code = "C-1"`})
	require.NoError(t, err)
	require.EqualValues(t, 1, n.GetCount())

	// One is changed, the others stay; in the bin its value is free again.
	up, err := w.products.UpdateProduct(m.ctx, &catalogv1.UpdateProductRequest{
		Id: a.GetId(), Product: &catalogv1.Product{CustomFields: values(3, "")}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"custom_fields.weight"}},
	})
	require.NoError(t, err)
	require.InEpsilon(t, 3, up.GetProduct().GetCustomFields()["weight"].GetNumberValue(), 0)
	require.Equal(t, "C-1", up.GetProduct().GetCustomFields()["code"].GetStringValue())
	_, err = w.products.DeleteProduct(m.ctx, &catalogv1.DeleteProductRequest{Id: b.GetId()})
	require.NoError(t, err)
	w.product(m, &catalogv1.Product{Name: "e", CustomFields: values(1, "C-2")})
	_, err = w.products.UndeleteProduct(m.ctx, &catalogv1.UndeleteProductRequest{Id: b.GetId()})
	require.Equal(t, "CUSTOM_FIELD_VALUE_TAKEN", reason(err))

	// A formula is computed for those that are there.
	w.define(m, &customfieldsv1.CustomField{Label: "Double", Type: customfieldsv1.Type_TYPE_FORMULA, Formula: "custom_fields.weight * 2.0"})
	testkit.Eventually(t, func() error {
		if names("custom_fields.double = 6", "") != "a" {
			return errors.New("not computed")
		}
		return nil
	})

	// Imported, exported, set for many.
	op := w.importProducts(m, `
kind: product
external_id: {source: shop, column: id}
fields:
  name: {column: name}
  custom_fields.weight: {column: weight}
  custom_fields.size: {column: size}
`, "id,name,weight,size\n1,Imported,4.5,Large\n2,Wrong,1,Huge\n")
	require.Equal(t, 1, w.counts(op)["created"], "%v", op.GetErrors())
	require.Equal(t, 1, w.counts(op)["rejected"])
	require.Equal(t, "Imported", names("custom_fields.size = Large AND custom_fields.double = 9", ""))
	text, err := w.exported(m, &typev1.ExportList{Columns: []string{"name", "custom_fields.weight", "custom_fields.size"}, Filter: `name = "Imported"`})
	require.NoError(t, err)
	require.Equal(t, "name,custom_fields.weight,custom_fields.size\nImported,4.5,Large\n", text)
	was := w.stored(m, a.GetId())
	op = w.changed(m, &catalogv1.BulkProductsRequest{
		Selection: &typev1.BulkSelection{Filter: "custom_fields.weight >= 3"}, Action: typev1.BulkAction_BULK_ACTION_UPDATE,
		Product: &catalogv1.Product{CustomFields: map[string]*structpb.Value{"size": structpb.NewStringValue("Small")}},
	})
	require.Equal(t, 2, w.counts(op)["changed"], "%v", op.GetErrors())
	require.Equal(t, size.GetChoices()[0].GetId(), w.stored(m, a.GetId()).GetCustomFields()["size"].GetStringValue())
	require.Equal(t, 2, w.counts(w.undone(m, op))["restored"])
	alike(t, was, w.stored(m, a.GetId()))
	require.Empty(t, names("custom_fields.size = Small", ""), "the index follows")

	// Retired: neither shown nor taken.
	_, err = w.custom.RetireCustomField(m.ctx, &customfieldsv1.RetireCustomFieldRequest{Kind: "product", Id: size.GetId()})
	require.NoError(t, err)
	list, err := w.products.ListProducts(m.ctx, &catalogv1.ListProductsRequest{Filter: `name = "Imported"`})
	require.NoError(t, err)
	require.NotContains(t, list.GetProducts()[0].GetCustomFields(), "size")
}
