package api

import (
	"context"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/operation"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

// Operations serves the OperationsService of this context.
type Operations struct {
	catalogv1.UnimplementedOperationsServiceServer

	Operations *operation.Store
	// Undo starts the operation that takes another back and returns its UUID.
	Undo func(ctx context.Context, org, userID, opID string) (string, error)
}

// GetOperation see the contract.
func (s *Operations) GetOperation(ctx context.Context, req *operationv1.GetOperationRequest) (*operationv1.GetOperationResponse, error) {
	op, err := s.Operations.Get(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &operationv1.GetOperationResponse{Operation: op}, nil
}

// CancelOperation see the contract.
func (s *Operations) CancelOperation(ctx context.Context, req *operationv1.CancelOperationRequest) (*operationv1.CancelOperationResponse, error) {
	op, err := s.Operations.Cancel(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &operationv1.CancelOperationResponse{Operation: op}, nil
}

// UndoOperation see the contract.
func (s *Operations) UndoOperation(ctx context.Context, req *operationv1.UndoOperationRequest) (*operationv1.UndoOperationResponse, error) {
	who := authn.MustFrom(ctx)
	id, err := s.Undo(ctx, who.OrganizationID, who.UserID, req.GetId())
	if err != nil {
		return nil, err
	}
	op, err := s.Operations.Load(ctx, who.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	return &operationv1.UndoOperationResponse{Operation: op}, nil
}
