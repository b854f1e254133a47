package app_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
)

func (w *world) move(m member, sectionID, parent string) error {
	_, err := w.sections.UpdateSection(m.ctx, &catalogv1.UpdateSectionRequest{
		Id: sectionID, Section: &catalogv1.Section{ParentId: parent}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"parent_id"}},
	})
	return err
}

// CAT-2: sections nest without limit, and none stands within itself.
func TestSectionsNest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	parent := ""
	var chain []string
	for range 49 {
		parent = w.section(m, "Deep", parent).GetId()
		chain = append(chain, parent)
	}
	chain = append(chain, w.section(m, "Last", parent).GetId())
	require.Equal(t, "SECTION_CYCLE", reason(w.move(m, chain[0], chain[0])))
	require.Equal(t, "SECTION_CYCLE", reason(w.move(m, chain[0], chain[49])))
	require.Equal(t, "SECTION_CYCLE", reason(w.move(m, chain[10], chain[11])))
	require.NoError(t, w.move(m, chain[49], chain[3]))
	require.NoError(t, w.move(m, chain[49], chain[48]))
	require.Equal(t, "SECTION_NAME_TAKEN", reason(w.move(m, chain[30], "")), "chain[0] has the name at the top")

	resp, err := w.sections.ListSections(m.ctx, &catalogv1.ListSectionsRequest{Filter: `parent_id = ""`})
	require.NoError(t, err)
	require.Len(t, resp.GetSections(), 1)
	n, err := w.sections.CountSections(m.ctx, &catalogv1.CountSectionsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 50, n.GetCount())
	require.False(t, n.GetMore())
}

// CAT-2: two moves at once, each fine alone, make no ring together.
func TestSectionMovesAtOnceMakeNoRing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	for range 5 {
		a, b := w.section(m, "a", "").GetId(), w.section(m, "b", "").GetId()
		errs := make([]error, 2)
		var wg sync.WaitGroup
		wg.Go(func() { errs[0] = w.move(m, a, b) })
		wg.Go(func() { errs[1] = w.move(m, b, a) })
		wg.Wait()
		require.NotEqual(t, errs[0] == nil, errs[1] == nil, "%v, %v", errs[0], errs[1])
		for _, s := range []string{a, b, a} { // whichever is the inner one goes first
			_, _ = w.sections.DeleteSection(m.ctx, &catalogv1.DeleteSectionRequest{Id: s})
		}
	}
}

// CAT-2: a section is put into the bin only when nothing is in it.
func TestSectionBin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, stranger := w.organization(), w.organization()
	outer := w.section(m, "outer", "")
	inner := w.section(m, "inner", outer.GetId())
	p := w.product(m, &catalogv1.Product{Name: "P", SectionId: inner.GetId()})
	del := func(m member, id string) error {
		_, err := w.sections.DeleteSection(m.ctx, &catalogv1.DeleteSectionRequest{Id: id})
		return err
	}
	require.Equal(t, "SECTION_NOT_FOUND", reason(del(stranger, inner.GetId())))
	require.Equal(t, "SECTION_NOT_EMPTY", reason(del(m, outer.GetId())))
	require.Equal(t, "SECTION_NOT_EMPTY", reason(del(m, inner.GetId())))
	_, err := w.products.DeleteProduct(m.ctx, &catalogv1.DeleteProductRequest{Id: p.GetId()})
	require.NoError(t, err)
	require.NoError(t, del(m, inner.GetId()))
	require.NoError(t, del(m, outer.GetId()))

	_, err = w.sections.UndeleteSection(m.ctx, &catalogv1.UndeleteSectionRequest{Id: inner.GetId()})
	require.Equal(t, "SECTION_NOT_FOUND", reason(err), "what it stood in is in the bin")
	_, err = w.products.CreateProduct(m.ctx, &catalogv1.CreateProductRequest{Product: &catalogv1.Product{Name: "Q", SectionId: inner.GetId()}})
	require.Equal(t, "SECTION_NOT_FOUND", reason(err))
	for _, s := range []string{outer.GetId(), inner.GetId()} {
		_, err = w.sections.UndeleteSection(m.ctx, &catalogv1.UndeleteSectionRequest{Id: s})
		require.NoError(t, err)
	}
}

// CAT-1: "Base" is there from the start, once, and stays; others come and go.
func TestPriceTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { ids[i] = w.base(m) })
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	_, err := w.priceTypes.DeletePriceType(m.ctx, &catalogv1.DeletePriceTypeRequest{Id: ids[0]})
	require.Equal(t, "PRICE_TYPE_IS_BASE", reason(err))

	made, err := w.priceTypes.CreatePriceType(m.ctx, &catalogv1.CreatePriceTypeRequest{PriceType: &catalogv1.PriceType{Name: "Partner", Base: true}})
	require.NoError(t, err)
	require.False(t, made.GetPriceType().GetBase())
	_, err = w.priceTypes.CreatePriceType(m.ctx, &catalogv1.CreatePriceTypeRequest{PriceType: &catalogv1.PriceType{Name: "partner"}})
	require.Equal(t, "PRICE_TYPE_NAME_TAKEN", reason(err))
	renamed, err := w.priceTypes.UpdatePriceType(m.ctx, &catalogv1.UpdatePriceTypeRequest{
		Id: made.GetPriceType().GetId(), PriceType: &catalogv1.PriceType{Name: "Wholesale", Etag: "v1"},
	})
	require.NoError(t, err)
	require.Equal(t, "Wholesale", renamed.GetPriceType().GetName())
	_, err = w.priceTypes.DeletePriceType(m.ctx, &catalogv1.DeletePriceTypeRequest{Id: made.GetPriceType().GetId(), Etag: "v1"})
	require.Equal(t, "PRICE_TYPE_ETAG_MISMATCH", reason(err))
	_, err = w.priceTypes.DeletePriceType(m.ctx, &catalogv1.DeletePriceTypeRequest{Id: made.GetPriceType().GetId()})
	require.NoError(t, err)
}
