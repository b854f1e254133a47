package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	searchv1 "kontor.internal/proto/gen/kontor/search/v1"
)

// CON-14: products are found by name with mistakes and in other alphabets, by SKU and barcode however they are written; another
// organisation's and those in the bin are not.
func TestSearchOfProducts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, other := w.organization(), w.organization()
	find := func(who member, typed string) []*searchv1.Hit {
		resp, err := w.search.Search(who.ctx, &searchv1.SearchRequest{Query: typed, Patient: true})
		require.NoError(t, err, typed)
		return resp.GetHits()
	}
	w.product(m, &catalogv1.Product{Name: "Espresso machine Venezia", Sku: "ES-100/2", Barcode: "4006381333931"})
	w.product(m, &catalogv1.Product{Name: "Кофемолка"})
	gone := w.product(m, &catalogv1.Product{Name: "Zeppelin"})
	_, err := w.products.DeleteProduct(m.ctx, &catalogv1.DeleteProductRequest{Id: gone.GetId()})
	require.NoError(t, err)
	for typed, want := range map[string]struct{ title, field string }{
		"venezia": {"Espresso machine Venezia", "name"}, "machine espr": {"Espresso machine Venezia", "name"}, "expresso": {"Espresso machine Venezia", "name"},
		"es1002": {"Espresso machine Venezia", "sku"}, "4006381 333931": {"Espresso machine Venezia", "barcode"}, "kofemolka": {"Кофемолка", "name"},
	} {
		hits := find(m, typed)
		require.NotEmpty(t, hits, typed)
		require.Equal(t, want.title, hits[0].GetTitle(), typed)
		require.Equal(t, "product", hits[0].GetKind())
		require.Equal(t, want.field, hits[0].GetMatches()[0].GetField(), typed)
	}
	require.Empty(t, find(m, "zeppelin"), "it is in the bin")
	require.Empty(t, find(other, "venezia"), "it is another organisation's")
}
