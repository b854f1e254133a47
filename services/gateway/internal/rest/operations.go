package rest

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	"kontor.internal/libs/apperr"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	contactsv1 "kontor.internal/proto/gen/kontor/contacts/v1"
	dealsv1 "kontor.internal/proto/gen/kontor/deals/v1"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

// ErrOperationNotFound is the answer to an ID that names no service with operations.
var ErrOperationNotFound = apperr.NotFound("OPERATION_NOT_FOUND", "operation not found")

// operations passes each call on to the service that the operation's ID names.
type operations map[string]operationv1.OperationsServiceClient

func newOperations(s Services) operations {
	return operations{
		"identity": identityv1.NewOperationsServiceClient(s.Identity),
		"contacts": contactsv1.NewOperationsServiceClient(s.Contacts),
		"catalog":  catalogv1.NewOperationsServiceClient(s.Catalog),
		"deals":    dealsv1.NewOperationsServiceClient(s.Deals),
	}
}

func (o operations) of(id string) (operationv1.OperationsServiceClient, error) {
	service, _, _ := strings.Cut(id, ".")
	c, ok := o[service]
	if !ok {
		return nil, apperr.ToStatus(ErrOperationNotFound).Err()
	}
	return c, nil
}

// GetOperation see [operationv1.OperationsServiceClient].
func (o operations) GetOperation(ctx context.Context, req *operationv1.GetOperationRequest, opts ...grpc.CallOption,
) (*operationv1.GetOperationResponse, error) {
	c, err := o.of(req.GetId())
	if err != nil {
		return nil, err
	}
	return c.GetOperation(ctx, req, opts...)
}

// CancelOperation see [operationv1.OperationsServiceClient].
func (o operations) CancelOperation(ctx context.Context, req *operationv1.CancelOperationRequest, opts ...grpc.CallOption,
) (*operationv1.CancelOperationResponse, error) {
	c, err := o.of(req.GetId())
	if err != nil {
		return nil, err
	}
	return c.CancelOperation(ctx, req, opts...)
}

// UndoOperation see [operationv1.OperationsServiceClient].
func (o operations) UndoOperation(ctx context.Context, req *operationv1.UndoOperationRequest, opts ...grpc.CallOption,
) (*operationv1.UndoOperationResponse, error) {
	c, err := o.of(req.GetId())
	if err != nil {
		return nil, err
	}
	return c.UndoOperation(ctx, req, opts...)
}
