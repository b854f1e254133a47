package app

import (
	"context"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/undo"
)

// startUndo takes operations back for the caller.
func startUndo(run *undo.Runner) func(context.Context, string) (string, error) {
	return func(ctx context.Context, opID string) (string, error) {
		who := authn.MustFrom(ctx)
		return run.Start(ctx, who.OrganizationID, who.UserID, opID)
	}
}
