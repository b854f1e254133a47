package api

import (
	"context"

	"kontor.internal/libs/authn"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

// UndoOperation see the contract.
func (s *operationsServer) UndoOperation(ctx context.Context, req *operationv1.UndoOperationRequest) (*operationv1.UndoOperationResponse, error) {
	id, err := s.undo(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	op, err := s.operations.Load(ctx, authn.MustFrom(ctx).OrganizationID, id)
	if err != nil {
		return nil, err
	}
	return &operationv1.UndoOperationResponse{Operation: op}, nil
}
