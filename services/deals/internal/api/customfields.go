package api

import (
	"kontor.internal/libs/customfields"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
)

// CustomFieldsServer serves the CustomFieldsService of this context.
type CustomFieldsServer struct {
	dealsv1.UnsafeCustomFieldsServiceServer
	customfields.Server
}
