package cli

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"kontor.internal/libs/apperr"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
	"kontor.internal/services/suite/internal/suite"
)

// dial connects to the services of the running suite as its operator. It says what to do if none answers, or another one.
func dial(ctx context.Context, cfg suite.Config) (*grpc.ClientConn, error) {
	conn, err := suite.Dial(cfg)
	if err != nil {
		return nil, err
	}
	_, err = identityv1.NewOrganizationsServiceClient(conn).ListOrganizations(ctx, &identityv1.ListOrganizationsRequest{PageSize: 1})
	switch apperr.ToStatus(err).Code() { //nolint:exhaustive // the rest speaks for itself
	case codes.OK:
		return conn, nil
	case codes.Unavailable:
		err = fmt.Errorf("no suite answers at %s: start it with `kontor suite`, or set KONTOR_GRPC_ADDR to where it is (%w)", cfg.GRPCAddr, err)
	case codes.PermissionDenied:
		err = fmt.Errorf("the suite at %s keeps its data elsewhere than in %s: set KONTOR_DATA_DIR to its folder", cfg.GRPCAddr, cfg.DataDir)
	}
	return nil, errors.Join(err, conn.Close())
}
