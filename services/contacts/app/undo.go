package app

import (
	"context"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/operation"
	"kontor.internal/libs/undo"
	"kontor.internal/services/contacts/internal/mergework"
)

// startUndo takes operations of the caller back: merges of many groups by taking each merge back, others from their events.
func startUndo(run *undo.Runner, batch *mergework.Runner) func(context.Context, string) (string, error) {
	return func(ctx context.Context, opID string) (string, error) {
		op, err := run.Operations.Get(ctx, opID)
		if err != nil {
			return "", err
		}
		if op.GetKind() != mergework.OperationKind {
			who := authn.MustFrom(ctx)
			return run.Start(ctx, who.OrganizationID, who.UserID, opID)
		}
		if op.GetEndTime() == nil {
			return "", operation.ErrNotEnded
		}
		_, id, err := operation.Split(opID)
		if err != nil {
			return "", err
		}
		return batch.StartUndo(ctx, id)
	}
}
