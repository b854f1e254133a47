package api

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/exports"
	"kontor.internal/libs/fieldrules"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	optionsv1 "kontor.internal/proto/gen/kontor/options/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/catalog/internal/product"
	"kontor.internal/services/catalog/internal/publish"
)

// Export serves ExportService.
type Export struct {
	catalogv1.UnimplementedExportServiceServer
	*Products

	Directory *authz.Directory
}

// userName returns what users of an organisation are called by ID.
func (s *Export) userName(org string) func(id string) string {
	return func(id string) string {
		u, _ := s.Directory.User(org, id)
		return u.Name
	}
}

// ExportProducts see the contract.
func (s *Export) ExportProducts(req *catalogv1.ExportProductsRequest, to grpc.ServerStreamingServer[catalogv1.ExportProductsResponse]) error {
	ctx, list := to.Context(), req.GetList()
	if list.GetFormat() == typev1.ExportFormat_EXPORT_FORMAT_VCARD {
		return exports.ErrFormat
	}
	org, err := caller(ctx)
	if err != nil {
		return err
	}
	zone := s.Settings(org).Location
	custom, err := s.Products.Products.Custom(ctx, org)
	if err != nil {
		return err
	}
	var names map[string]string
	return exports.Send(exports.Request{
		Kind: publish.KindProduct, Like: &catalogv1.Product{}, Custom: custom.Fields.ExportColumns(s.userName(org)),
		Zone: zone, List: list, Fields: fieldrules.From(ctx), Time: s.Products.Products.Clock.Now().In(zone),
		Names: func(_, id string) string {
			if name := names[id]; name != "" {
				return name
			}
			return id
		},
	}, exports.Source{
		Read: func(p exports.Pages) ([]proto.Message, string, error) {
			// The right may be taken away while a long list is sent.
			if !authz.For(ctx, publish.KindProduct, optionsv1.Action_ACTION_EXPORT).All() {
				return nil, "", errScope
			}
			products, next, err := s.Store.List(ctx, org, p, list.GetShowDeleted())
			if err != nil {
				return nil, "", err
			}
			if err := s.Products.Products.Shown(ctx, org, products...); err != nil {
				return nil, "", err
			}
			if names, err = s.names(ctx, org, products); err != nil {
				return nil, "", err
			}
			out := make([]proto.Message, len(products))
			for i, p := range products {
				out[i] = publish.Product(p)
			}
			return out, next, nil
		},
		Begin: func() error { return s.Store.TellExport(ctx, org, authn.MustFrom(ctx).UserID, list) },
	}, func(p *typev1.ExportPart) error { return to.Send(&catalogv1.ExportProductsResponse{Part: p}) })
}

// names are what people call the sections and price types of a page of products.
func (s *Export) names(ctx context.Context, org string, products []*product.Product) (map[string]string, error) {
	var ids []string
	for _, p := range products {
		if p.SectionID != "" {
			ids = append(ids, p.SectionID)
		}
		for _, price := range p.Prices {
			ids = append(ids, price.PriceTypeID)
		}
	}
	return s.Store.Names(ctx, org, ids)
}
