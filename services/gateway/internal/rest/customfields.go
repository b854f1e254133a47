package rest

import (
	"context"

	"google.golang.org/grpc"

	"kontor.internal/libs/apperr"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	customfieldsv1 "kontor.internal/proto/gen/kontor/customfields/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
)

// ErrCustomFieldKind is the answer to a kind of record that no service keeps custom fields of.
var ErrCustomFieldKind = apperr.NotFound("CUSTOM_FIELD_KIND_UNKNOWN",
	"there is no such kind of record with custom fields; use lead, contact, company, deal or product")

// customFields passes each call on to the service that keeps the kind of record.
type customFields map[string]customfieldsv1.CustomFieldsServiceClient

func newCustomFields(s Services) customFields {
	contacts := contactsv1.NewCustomFieldsServiceClient(s.Contacts)
	return customFields{
		"lead": contacts, "contact": contacts, "company": contacts,
		"deal": dealsv1.NewCustomFieldsServiceClient(s.Deals), "product": catalogv1.NewCustomFieldsServiceClient(s.Catalog),
	}
}

func (c customFields) of(kind string) (customfieldsv1.CustomFieldsServiceClient, error) {
	client, ok := c[kind]
	if !ok {
		return nil, apperr.ToStatus(ErrCustomFieldKind).Err()
	}
	return client, nil
}

// ListCustomFields see [customfieldsv1.CustomFieldsServiceClient].
func (c customFields) ListCustomFields(ctx context.Context, req *customfieldsv1.ListCustomFieldsRequest, opts ...grpc.CallOption,
) (*customfieldsv1.ListCustomFieldsResponse, error) {
	client, err := c.of(req.GetKind())
	if err != nil {
		return nil, err
	}
	return client.ListCustomFields(ctx, req, opts...)
}

// GetCustomField see [customfieldsv1.CustomFieldsServiceClient].
func (c customFields) GetCustomField(ctx context.Context, req *customfieldsv1.GetCustomFieldRequest, opts ...grpc.CallOption,
) (*customfieldsv1.GetCustomFieldResponse, error) {
	client, err := c.of(req.GetKind())
	if err != nil {
		return nil, err
	}
	return client.GetCustomField(ctx, req, opts...)
}

// CreateCustomField see [customfieldsv1.CustomFieldsServiceClient].
func (c customFields) CreateCustomField(ctx context.Context, req *customfieldsv1.CreateCustomFieldRequest, opts ...grpc.CallOption,
) (*customfieldsv1.CreateCustomFieldResponse, error) {
	client, err := c.of(req.GetKind())
	if err != nil {
		return nil, err
	}
	return client.CreateCustomField(ctx, req, opts...)
}

// UpdateCustomField see [customfieldsv1.CustomFieldsServiceClient].
func (c customFields) UpdateCustomField(ctx context.Context, req *customfieldsv1.UpdateCustomFieldRequest, opts ...grpc.CallOption,
) (*customfieldsv1.UpdateCustomFieldResponse, error) {
	client, err := c.of(req.GetKind())
	if err != nil {
		return nil, err
	}
	return client.UpdateCustomField(ctx, req, opts...)
}

// RetireCustomField see [customfieldsv1.CustomFieldsServiceClient].
func (c customFields) RetireCustomField(ctx context.Context, req *customfieldsv1.RetireCustomFieldRequest, opts ...grpc.CallOption,
) (*customfieldsv1.RetireCustomFieldResponse, error) {
	client, err := c.of(req.GetKind())
	if err != nil {
		return nil, err
	}
	return client.RetireCustomField(ctx, req, opts...)
}

// RestoreCustomField see [customfieldsv1.CustomFieldsServiceClient].
func (c customFields) RestoreCustomField(ctx context.Context, req *customfieldsv1.RestoreCustomFieldRequest, opts ...grpc.CallOption,
) (*customfieldsv1.RestoreCustomFieldResponse, error) {
	client, err := c.of(req.GetKind())
	if err != nil {
		return nil, err
	}
	return client.RestoreCustomField(ctx, req, opts...)
}

// ReorderCustomFields see [customfieldsv1.CustomFieldsServiceClient].
func (c customFields) ReorderCustomFields(ctx context.Context, req *customfieldsv1.ReorderCustomFieldsRequest, opts ...grpc.CallOption,
) (*customfieldsv1.ReorderCustomFieldsResponse, error) {
	client, err := c.of(req.GetKind())
	if err != nil {
		return nil, err
	}
	return client.ReorderCustomFields(ctx, req, opts...)
}
