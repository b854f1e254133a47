package clients

import (
	"context"
	"fmt"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// Behalf lets jobs act for a user.
type Behalf struct {
	client    identityv1.InternalServiceClient
	directory *authz.Directory
}

// NewBehalf returns a client of identity for tokens.
func NewBehalf(dial Dial, d *authz.Directory) (*Behalf, error) {
	conn, err := dial("identity")
	if err != nil {
		return nil, fmt.Errorf("dial identity: %w", err)
	}
	return &Behalf{client: identityv1.NewInternalServiceClient(conn), directory: d}, nil
}

// As returns a context in which this service acts for the user, here and in calls to other services.
func (b *Behalf) As(ctx context.Context, org, userID string) (context.Context, error) {
	resp, err := b.client.IssueToken(ctx, &identityv1.IssueTokenRequest{Service: "deals", OrganizationId: org, UserId: userID})
	if err != nil {
		return nil, err
	}
	who := authn.Principal{OrganizationID: org, UserID: userID, Service: "deals"}
	return authz.With(authn.WithToken(ctx, who, resp.GetAccessToken()), b.directory, authz.None()), nil
}
