// Package clients asks the services that catalog depends on: identity for tokens of jobs. Errors of theirs come back as
// ours (libs/grpcclient).
package clients

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// Dial returns the connection to a service.
type Dial func(service string) (grpc.ClientConnInterface, error)

// Behalf lets jobs act for a user.
type Behalf struct {
	service   string
	client    identityv1.InternalServiceClient
	directory *authz.Directory
}

// NewBehalf returns a client of identity for tokens that name service as who acts.
func NewBehalf(dial Dial, service string, d *authz.Directory) (*Behalf, error) {
	conn, err := dial("identity")
	if err != nil {
		return nil, fmt.Errorf("dial identity: %w", err)
	}
	return &Behalf{service: service, client: identityv1.NewInternalServiceClient(conn), directory: d}, nil
}

// As returns a context in which this service acts for the user, here and in calls to other services.
func (b *Behalf) As(ctx context.Context, org, userID string) (context.Context, error) {
	resp, err := b.client.IssueToken(ctx, &identityv1.IssueTokenRequest{Service: b.service, OrganizationId: org, UserId: userID})
	if err != nil {
		return nil, err
	}
	who := authn.Principal{OrganizationID: org, UserID: userID, Service: b.service}
	return authz.With(authn.WithToken(ctx, who, resp.GetAccessToken()), b.directory, authz.None()), nil
}
