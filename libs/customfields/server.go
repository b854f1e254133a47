package customfields

import (
	"context"

	"kontor.internal/libs/aip"
	"kontor.internal/libs/authn"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
)

// Server is the methods of the CustomFieldsService of each context, which are alike.
type Server struct{ Definitions *Definitions }

// ListCustomFields see the contract.
func (s Server) ListCustomFields(
	ctx context.Context, req *customfieldsv1.ListCustomFieldsRequest,
) (*customfieldsv1.ListCustomFieldsResponse, error) {
	fields, err := s.Definitions.List(ctx, authn.MustFrom(ctx).OrganizationID, req.GetKind(), req.GetShowRetired())
	if err != nil {
		return nil, err
	}
	return &customfieldsv1.ListCustomFieldsResponse{CustomFields: fields}, nil
}

// GetCustomField see the contract.
func (s Server) GetCustomField(
	ctx context.Context, req *customfieldsv1.GetCustomFieldRequest,
) (*customfieldsv1.GetCustomFieldResponse, error) {
	f, err := s.Definitions.Get(ctx, authn.MustFrom(ctx).OrganizationID, req.GetKind(), req.GetId())
	if err != nil {
		return nil, err
	}
	return &customfieldsv1.GetCustomFieldResponse{CustomField: f}, nil
}

// CreateCustomField see the contract.
func (s Server) CreateCustomField(
	ctx context.Context, req *customfieldsv1.CreateCustomFieldRequest,
) (*customfieldsv1.CreateCustomFieldResponse, error) {
	f, err := s.Definitions.Create(ctx, authn.MustFrom(ctx).OrganizationID, req.GetKind(), req.GetCustomField())
	if err != nil {
		return nil, err
	}
	return &customfieldsv1.CreateCustomFieldResponse{CustomField: f}, nil
}

// UpdateCustomField see the contract.
func (s Server) UpdateCustomField(
	ctx context.Context, req *customfieldsv1.UpdateCustomFieldRequest,
) (*customfieldsv1.UpdateCustomFieldResponse, error) {
	in := req.GetCustomField()
	mask, err := aip.UpdateMask(req.GetUpdateMask(), in, updatable()...)
	if err != nil {
		return nil, err
	}
	if _, err := aip.Version(in.GetEtag()); err != nil {
		return nil, err
	}
	f, err := s.Definitions.Update(ctx, authn.MustFrom(ctx).OrganizationID, req.GetKind(), req.GetId(), mask, in)
	if err != nil {
		return nil, err
	}
	return &customfieldsv1.UpdateCustomFieldResponse{CustomField: f}, nil
}

// RetireCustomField see the contract.
func (s Server) RetireCustomField(
	ctx context.Context, req *customfieldsv1.RetireCustomFieldRequest,
) (*customfieldsv1.RetireCustomFieldResponse, error) {
	f, err := s.Definitions.Retire(ctx, authn.MustFrom(ctx).OrganizationID, req.GetKind(), req.GetId(), req.GetEtag())
	if err != nil {
		return nil, err
	}
	return &customfieldsv1.RetireCustomFieldResponse{CustomField: f}, nil
}

// RestoreCustomField see the contract.
func (s Server) RestoreCustomField(
	ctx context.Context, req *customfieldsv1.RestoreCustomFieldRequest,
) (*customfieldsv1.RestoreCustomFieldResponse, error) {
	f, err := s.Definitions.Restore(ctx, authn.MustFrom(ctx).OrganizationID, req.GetKind(), req.GetId(), req.GetEtag())
	if err != nil {
		return nil, err
	}
	return &customfieldsv1.RestoreCustomFieldResponse{CustomField: f}, nil
}

// ReorderCustomFields see the contract.
func (s Server) ReorderCustomFields(
	ctx context.Context, req *customfieldsv1.ReorderCustomFieldsRequest,
) (*customfieldsv1.ReorderCustomFieldsResponse, error) {
	fields, err := s.Definitions.Reorder(ctx, authn.MustFrom(ctx).OrganizationID, req.GetKind(), req.GetIds())
	if err != nil {
		return nil, err
	}
	return &customfieldsv1.ReorderCustomFieldsResponse{CustomFields: fields}, nil
}
