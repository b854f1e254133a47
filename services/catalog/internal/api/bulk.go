package api

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/bulk"
	"kontor.internal/libs/customfields"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
)

// Bulk serves BulkService.
type Bulk struct {
	catalogv1.UnimplementedBulkServiceServer
	*Products

	// Start starts a bulk change and returns the UUID of its operation.
	Start func(ctx context.Context, req bulk.Request) (string, error)
}

// productFields are what updates of products may set.
func productFields() []string {
	return []string{
		"name", "sku", "barcode", "description", "picture_file_ids", "section_id", "unit", "active", "sort", "tax_rate", "prices",
		"minimum_price", "external_ids", "custom_fields",
	}
}

// bulkFields are those of them that are set for many at once: what belongs to one product alone is not among them.
func bulkFields() []string {
	return slices.DeleteFunc(productFields(), func(f string) bool { return slices.Contains([]string{"sku", "barcode", "external_ids"}, f) })
}

// BulkProducts see the contract.
func (s *Bulk) BulkProducts(ctx context.Context, req *catalogv1.BulkProductsRequest) (*catalogv1.BulkProductsResponse, error) {
	org, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	action := bulk.Needs(req.GetAction())
	if !authz.For(ctx, publish.KindProduct, action).All() {
		return nil, authz.NotPermitted(publish.KindProduct, action)
	}
	change, err := bulk.Encode(req, req.GetProduct(), bulkFields()...)
	if err != nil {
		return nil, err
	}
	if _, err := BulkSetter(req); err != nil {
		return nil, err
	}
	id, err := s.Start(ctx, bulk.Request{
		Organization: org, UserID: authn.MustFrom(ctx).UserID, Kind: publish.KindProduct, Change: change,
	}.Selected(req.GetSelection()))
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, org, id)
	if err != nil {
		return nil, err
	}
	return &catalogv1.BulkProductsResponse{Operation: op}, nil
}

// BulkSetter returns what sets the fields of a bulk update on a product.
func BulkSetter(req *catalogv1.BulkProductsRequest) (func(*product.Product), error) {
	mask, err := aip.UpdateMask(req.GetUpdateMask(), req.GetProduct(), bulkFields()...)
	if err != nil {
		return nil, err
	}
	in, err := publish.ToProduct(req.GetProduct())
	if err != nil {
		return nil, err
	}
	patch := customPatch(req.GetUpdateMask(), req.GetProduct())
	return func(p *product.Product) {
		setProduct(p, in.Clone(), mask)
		p.SetCustom(patch)
	}, nil
}

// customPatch is the custom fields that an update changes: those that the mask names one by one, which are taken away if the
// product does not have them, or those that the product has, null taking one away.
func customPatch(mask *fieldmaskpb.FieldMask, m *catalogv1.Product) customfields.Values {
	given, out := customfields.FromProto(m.GetCustomFields()), customfields.Values{}
	whole := len(mask.GetPaths()) == 0
	for _, path := range mask.GetPaths() {
		whole = whole || path == "*" || path == "custom_fields"
		if key, ok := strings.CutPrefix(path, customfields.Prefix); ok {
			out[key] = given[key]
		}
	}
	if whole {
		for key := range m.GetCustomFields() {
			out[key] = given[key]
		}
	}
	return out
}
