package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/id"
	"kontor.internal/libs/testkit"
	accessv1 "kontor.internal/proto/gen/kontor/access/v1"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
)

// Decisions 26: every key begins with the organisation, every tenant table is under row-level security.
func TestTenantKeys(t *testing.T) {
	t.Parallel()
	testkit.AssertTenantKeys(t, newWorld(t).db, "outbox", "inbox_positions", "inbox_parked")
}

// CAT-1: every field is kept as given, amounts to the last digit.
func TestProductKeepsItsFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	base := w.base(m)
	shelf := w.section(m, "GTX", "")
	in := &catalogv1.Product{
		Name: " GTX Pro ", Sku: "GTX-1", Barcode: "4006381333931", Description: "Fast.", PictureFileIds: []string{id.New(), id.New()},
		SectionId: shelf.GetId(), Unit: "piece", Active: proto.Bool(true), Sort: 7, TaxRate: "5.5",
		Prices: []*catalogv1.Price{
			{PriceTypeId: base, Price: usd("4821.123456789")},
			{PriceTypeId: base, Price: &typev1.Money{CurrencyCode: "JPY", Amount: "700000"}},
			{PriceTypeId: base, Price: &typev1.Money{CurrencyCode: "KWD", Amount: "1.234"}},
		},
		MinimumPrice: usd("4000.10"), ExternalIds: []*typev1.ExternalId{{Source: "shop", Id: "p-1"}},
	}
	made := w.product(m, in)
	resp, err := w.products.GetProduct(m.ctx, &catalogv1.GetProductRequest{Id: made.GetId()})
	require.NoError(t, err)
	got := resp.GetProduct()
	require.True(t, proto.Equal(made, got), "as answered and as read:\n%v\n%v", made, got)

	require.Equal(t, "GTX Pro", got.GetName())
	require.Equal(t, "v1", got.GetEtag())
	require.Equal(t, "5.5", got.GetTaxRate())
	require.Equal(t, in.GetPictureFileIds(), got.GetPictureFileIds())
	require.Equal(t, "user", got.GetOrigin().GetKind())
	amounts := map[string]string{}
	for _, p := range got.GetPrices() {
		amounts[p.GetPrice().GetCurrencyCode()] = p.GetPrice().GetAmount()
	}
	require.Equal(t, map[string]string{"USD": "4821.123456789", "JPY": "700000", "KWD": "1.234"}, amounts)
	require.Equal(t, "4000.10", got.GetMinimumPrice().GetAmount())
}

// CAT-1: what cannot be kept is refused with its field and reason.
func TestProductRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	base := w.base(m)
	w.product(m, &catalogv1.Product{Name: "First", Sku: "A", ExternalIds: []*typev1.ExternalId{{Source: "shop", Id: "1"}}})
	for name, tc := range map[string]struct {
		p      *catalogv1.Product
		reason string
	}{
		"no name":             {&catalogv1.Product{Name: "  "}, "PRODUCT_INVALID"},
		"SKU taken":           {&catalogv1.Product{Name: "x", Sku: "A"}, "PRODUCT_SKU_TAKEN"},
		"external ID taken":   {&catalogv1.Product{Name: "x", ExternalIds: []*typev1.ExternalId{{Source: "shop", Id: "1"}}}, "PRODUCT_EXTERNAL_ID_TAKEN"},
		"unknown section":     {&catalogv1.Product{Name: "x", SectionId: id.New()}, "SECTION_NOT_FOUND"},
		"unknown price type":  {&catalogv1.Product{Name: "x", Prices: []*catalogv1.Price{{PriceTypeId: id.New(), Price: eur("1")}}}, "PRICE_TYPE_NOT_FOUND"},
		"negative price":      {&catalogv1.Product{Name: "x", Prices: []*catalogv1.Price{{PriceTypeId: base, Price: eur("-1")}}}, "PRODUCT_INVALID"},
		"two prices":          {&catalogv1.Product{Name: "x", Prices: []*catalogv1.Price{{PriceTypeId: base, Price: eur("1")}, {PriceTypeId: base, Price: eur("2")}}}, "PRODUCT_INVALID"},
		"tax of 101 percent":  {&catalogv1.Product{Name: "x", TaxRate: "101"}, "PRODUCT_INVALID"},
		"two IDs of a source": {&catalogv1.Product{Name: "x", ExternalIds: []*typev1.ExternalId{{Source: "a", Id: "1"}, {Source: "a", Id: "2"}}}, "PRODUCT_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.products.CreateProduct(m.ctx, &catalogv1.CreateProductRequest{Product: tc.p})
			require.Equal(t, tc.reason, reason(err), "%v", err)
		})
	}
}

// CAT-1, decisions 15: only the fields of the mask change, and only if nobody was faster.
func TestProductUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	base := w.base(m)
	p := w.product(m, &catalogv1.Product{Name: "Old", Sku: "S", Active: proto.Bool(true), Prices: []*catalogv1.Price{{PriceTypeId: base, Price: eur("1")}}})
	update := func(etag string, mask []string, in *catalogv1.Product) (*catalogv1.Product, error) {
		in.Etag = etag
		resp, err := w.products.UpdateProduct(m.ctx, &catalogv1.UpdateProductRequest{
			Id: p.GetId(), Product: in, UpdateMask: &fieldmaskpb.FieldMask{Paths: mask},
		})
		return resp.GetProduct(), err
	}
	got, err := update("v1", []string{"name", "active"}, &catalogv1.Product{Name: "New", Sku: "ignored", Active: proto.Bool(false)})
	require.NoError(t, err)
	require.Equal(t, "New", got.GetName())
	require.False(t, got.GetActive())
	require.Equal(t, "S", got.GetSku())
	require.Len(t, got.GetPrices(), 1)
	require.Equal(t, "v2", got.GetEtag())

	_, err = update("v1", []string{"name"}, &catalogv1.Product{Name: "Late"})
	require.Equal(t, "PRODUCT_ETAG_MISMATCH", reason(err))
	require.Equal(t, codes.Aborted, status.Code(err))

	got, err = update("", []string{"prices"}, &catalogv1.Product{})
	require.NoError(t, err)
	require.Empty(t, got.GetPrices())

	_, err = update("", []string{"create_time"}, &catalogv1.Product{Name: "x"})
	require.Equal(t, "INVALID_UPDATE_MASK", reason(err))

	history, err := w.products.GetProductHistory(m.ctx, &catalogv1.GetProductHistoryRequest{Id: p.GetId(), PageSize: 2})
	require.NoError(t, err)
	require.Len(t, history.GetEntries(), 2)
	changed := func(e *typev1.HistoryEntry) (fields []string) {
		for _, c := range e.GetChanges() {
			fields = append(fields, c.GetField())
		}
		return fields
	}
	require.Equal(t, []string{"prices"}, changed(history.GetEntries()[0]))
	require.Equal(t, []string{"name", "active"}, changed(history.GetEntries()[1]))
	require.Equal(t, "Old", history.GetEntries()[1].GetChanges()[0].GetOldValue().GetStringValue())
	require.Equal(t, m.user, history.GetEntries()[0].GetUserId())
	rest, err := w.products.GetProductHistory(m.ctx, &catalogv1.GetProductHistoryRequest{Id: p.GetId(), PageSize: 2, PageToken: history.GetNextPageToken()})
	require.NoError(t, err)
	require.Len(t, rest.GetEntries(), 1)
	require.Equal(t, "kontor.catalog.v1.ProductCreated", rest.GetEntries()[0].GetType())
	require.Empty(t, rest.GetNextPageToken())
}

// CON-23, decisions 24: the bin, and back.
func TestProductBin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	p := w.product(m, &catalogv1.Product{Name: "P", Sku: "S"})
	deleted, err := w.products.DeleteProduct(m.ctx, &catalogv1.DeleteProductRequest{Id: p.GetId(), Etag: "v1"})
	require.NoError(t, err)
	require.NotNil(t, deleted.GetProduct().GetDeleteTime())
	_, err = w.products.DeleteProduct(m.ctx, &catalogv1.DeleteProductRequest{Id: p.GetId()})
	require.Equal(t, "PRODUCT_NOT_FOUND", reason(err))
	count := func(bin bool) int32 {
		resp, err := w.products.CountProducts(m.ctx, &catalogv1.CountProductsRequest{ShowDeleted: bin})
		require.NoError(t, err)
		return resp.GetCount()
	}
	require.EqualValues(t, 0, count(false))
	require.EqualValues(t, 1, count(true))

	// Its SKU is free meanwhile; taken, the product cannot come back.
	other := w.product(m, &catalogv1.Product{Name: "Q", Sku: "S"})
	_, err = w.products.UndeleteProduct(m.ctx, &catalogv1.UndeleteProductRequest{Id: p.GetId()})
	require.Equal(t, "PRODUCT_SKU_TAKEN", reason(err))
	_, err = w.products.DeleteProduct(m.ctx, &catalogv1.DeleteProductRequest{Id: other.GetId()})
	require.NoError(t, err)
	back, err := w.products.UndeleteProduct(m.ctx, &catalogv1.UndeleteProductRequest{Id: p.GetId()})
	require.NoError(t, err)
	require.Nil(t, back.GetProduct().GetDeleteTime())
	require.Equal(t, "v3", back.GetProduct().GetEtag())
}

// Issue: the same request ID twice has one effect and the same answer; with another request it is refused.
func TestProductIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	req := &catalogv1.CreateProductRequest{Product: &catalogv1.Product{Name: "Once", Sku: "S"}, RequestId: "r-1"}
	first, err := w.products.CreateProduct(m.ctx, req)
	require.NoError(t, err)
	_, err = w.products.UpdateProduct(m.ctx, &catalogv1.UpdateProductRequest{Id: first.GetProduct().GetId(), Product: &catalogv1.Product{Name: "Renamed"}})
	require.NoError(t, err)
	second, err := w.products.CreateProduct(m.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(first, second), "%v\n%v", first, second)
	req.Product.Name = "Other"
	_, err = w.products.CreateProduct(m.ctx, req)
	require.Equal(t, "REQUEST_ID_REUSED", reason(err))
}

// Issue, ID-4: another organisation's product is not there; without a grant for all records the catalog is closed.
func TestProductIsolationAndRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, theirs := w.organization(), w.organization()
	p := w.product(mine, &catalogv1.Product{Name: "Mine", Sku: "S"})
	_, err := w.products.GetProduct(theirs.ctx, &catalogv1.GetProductRequest{Id: p.GetId()})
	require.Equal(t, "PRODUCT_NOT_FOUND", reason(err))
	_, err = w.products.UpdateProduct(theirs.ctx, &catalogv1.UpdateProductRequest{Id: p.GetId(), Product: &catalogv1.Product{Name: "Stolen"}})
	require.Equal(t, "PRODUCT_NOT_FOUND", reason(err))
	batch, err := w.products.BatchGetProducts(theirs.ctx, &catalogv1.BatchGetProductsRequest{Ids: []string{p.GetId()}})
	require.NoError(t, err)
	require.Empty(t, batch.GetProducts())
	w.product(theirs, &catalogv1.Product{Name: "Theirs", Sku: "S"}) // the SKU is free there

	viewer := w.member(mine.org, &accessv1.DirectoryGrant{Kind: "product", Action: optionsv1.Action_ACTION_VIEW, Scope: accessv1.Scope_SCOPE_ALL})
	_, err = w.products.GetProduct(viewer.ctx, &catalogv1.GetProductRequest{Id: p.GetId()})
	require.NoError(t, err)
	_, err = w.products.CreateProduct(viewer.ctx, &catalogv1.CreateProductRequest{Product: &catalogv1.Product{Name: "x"}})
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	own := w.member(mine.org, &accessv1.DirectoryGrant{Kind: "*", Scope: accessv1.Scope_SCOPE_OWN})
	_, err = w.products.CreateProduct(own.ctx, &catalogv1.CreateProductRequest{Product: &catalogv1.Product{Name: "x"}})
	require.Equal(t, codes.PermissionDenied, status.Code(err))

	// Row-level security holds below the queries too.
	var n int
	require.NoError(t, w.db.App.QueryRow(t.Context(), theirs.org, `SELECT count(*) FROM products`).Scan(&n))
	require.Equal(t, 1, n)
	require.Error(t, w.db.App.Pool().QueryRow(t.Context(), `SELECT count(*) FROM products`).Scan(&n), "without an organisation nothing is readable")
}

// CAT-2: lists filter, sort and page; every page size gives the same list.
func TestProductLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	shelf := w.section(m, "Shelf", "")
	for i, name := range []string{"b", "a", "d", "c", "e"} {
		p := &catalogv1.Product{Name: name, Sort: int32(i), Active: proto.Bool(i%2 == 0)}
		if i < 2 {
			p.SectionId = shelf.GetId()
		}
		w.product(m, p)
	}
	read := func(size int32, filter, order string) []string {
		var names []string
		for token := ""; ; {
			resp, err := w.products.ListProducts(m.ctx, &catalogv1.ListProductsRequest{PageSize: size, Filter: filter, OrderBy: order, PageToken: token})
			require.NoError(t, err)
			require.LessOrEqual(t, len(resp.GetProducts()), int(size))
			for _, p := range resp.GetProducts() {
				names = append(names, p.GetName())
			}
			if token = resp.GetNextPageToken(); token == "" {
				return names
			}
		}
	}
	for _, size := range []int32{1, 4, 5, 6} {
		require.Equal(t, []string{"a", "b", "c", "d", "e"}, read(size, "", ""))
		require.Equal(t, []string{"e", "c", "d", "a", "b"}, read(size, "", "sort desc"))
	}
	require.Equal(t, []string{"b", "d", "e"}, read(2, "active = true", "name"))
	require.Equal(t, []string{"a", "b"}, read(2, `section_id = "`+shelf.GetId()+`"`, "name"))
	require.Equal(t, []string{"c", "d", "e"}, read(2, `section_id = ""`, "name"))

	w.product(m, &catalogv1.Product{Name: "z", ExternalIds: []*typev1.ExternalId{{Source: "demo", Id: "1"}}})
	require.Equal(t, []string{"z"}, read(2, "external_ids.demo:*", ""))
	require.Equal(t, []string{"z"}, read(2, `external_ids.demo = "1"`, ""))
	require.Empty(t, read(2, `external_ids.demo = "2" OR external_ids.shop:*`, ""))

	for req, want := range map[*catalogv1.ListProductsRequest]string{
		{Filter: "color = red"}: "INVALID_FILTER", {OrderBy: "color"}: "INVALID_ORDER_BY", {PageToken: "x"}: "INVALID_PAGE_TOKEN",
	} {
		_, err := w.products.ListProducts(m.ctx, req)
		require.Equal(t, want, reason(err))
	}
}

// DEAL-6: deals find products by name, SKU and external ID, many at once, with their list price.
func TestLookupAndSearchProducts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	base := w.base(m)
	pro := w.product(m, &catalogv1.Product{
		Name: "GTX Pro", Sku: "G-1", Active: proto.Bool(true), Unit: "piece", TaxRate: "19", ExternalIds: []*typev1.ExternalId{{Source: "shop", Id: "7"}},
		Prices:       []*catalogv1.Price{{PriceTypeId: base, Price: usd("4821")}, {PriceTypeId: base, Price: eur("4500.50")}},
		MinimumPrice: eur("4000"),
	})
	w.product(m, &catalogv1.Product{Name: "Twin", Active: proto.Bool(true)})
	w.product(m, &catalogv1.Product{Name: "twin", Active: proto.Bool(true)})
	w.product(m, &catalogv1.Product{Name: "Inactive GTX", Active: proto.Bool(false)})

	lookup := func(by catalogv1.LookupProductsRequest_By, source string, keys ...string) map[string]int {
		resp, err := w.products.LookupProducts(m.ctx, &catalogv1.LookupProductsRequest{By: by, Source: source, Keys: keys})
		require.NoError(t, err)
		out := map[string]int{}
		for _, match := range resp.GetMatches() {
			out[match.GetKey()] = len(match.GetProducts())
		}
		return out
	}
	require.Equal(t, map[string]int{" gtx PRO ": 1, "Twin": 2}, lookup(catalogv1.LookupProductsRequest_BY_NAME, "", " gtx PRO ", "Twin", "none"))
	require.Equal(t, map[string]int{"G-1": 1}, lookup(catalogv1.LookupProductsRequest_BY_SKU, "", "G-1", "g-1"))
	require.Equal(t, map[string]int{"7": 1}, lookup(catalogv1.LookupProductsRequest_BY_EXTERNAL_ID, "shop", "7", "8"))
	require.Empty(t, lookup(catalogv1.LookupProductsRequest_BY_EXTERNAL_ID, "another", "7"))

	batch, err := w.products.BatchGetProducts(m.ctx, &catalogv1.BatchGetProductsRequest{Ids: []string{pro.GetId(), id.New()}})
	require.NoError(t, err)
	require.Len(t, batch.GetProducts(), 1)
	s := batch.GetProducts()[0]
	require.Equal(t, "4500.50", s.GetListPrice().GetAmount(), "the price in the base currency comes first")
	require.Equal(t, "4000.00", s.GetMinimumPrice().GetAmount())
	require.Equal(t, "19", s.GetTaxRate())
	require.True(t, s.GetActive())

	for query, want := range map[string]string{"gt": "name", "PRO": "name", "g-": "sku", "100%": ""} {
		resp, err := w.products.SearchProducts(m.ctx, &catalogv1.SearchProductsRequest{Query: query})
		require.NoError(t, err)
		if want == "" {
			require.Empty(t, resp.GetHits())
			continue
		}
		require.Len(t, resp.GetHits(), 1, query)
		require.Equal(t, want, resp.GetHits()[0].GetField())
		require.Equal(t, pro.GetId(), resp.GetHits()[0].GetProduct().GetId())
	}
}

// CAT-1: a product is offered unless its maker says otherwise, and an answer always tells.
func TestNewProductIsOffered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.organization()
	for want, said := range map[bool]*bool{true: nil, false: proto.Bool(false)} {
		p := w.product(m, &catalogv1.Product{Name: "New", Active: said})
		got, err := w.products.GetProduct(m.ctx, &catalogv1.GetProductRequest{Id: p.GetId()})
		require.NoError(t, err)
		require.Equal(t, want, got.GetProduct().GetActive())
		require.True(t, got.GetProduct().ProtoReflect().Has(got.GetProduct().ProtoReflect().Descriptor().Fields().ByName("active")))
	}
	resp, err := w.products.ListProducts(m.ctx, &catalogv1.ListProductsRequest{Filter: "active = true"})
	require.NoError(t, err)
	require.Len(t, resp.GetProducts(), 1)
}
