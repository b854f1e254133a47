package api

import (
	"kontor.internal/libs/customfields"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
)

// CustomFields serves the CustomFieldsService of this context.
type CustomFields struct {
	catalogv1.UnsafeCustomFieldsServiceServer
	customfields.Server
}
