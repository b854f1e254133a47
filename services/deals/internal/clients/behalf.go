package clients

import (
	"context"
	"fmt"

	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// Behalf lets jobs act for a user.
type Behalf struct {
	client identityv1.InternalServiceClient
}

// NewBehalf returns a client of identity for tokens.
func NewBehalf(dial Dial) (*Behalf, error) {
	conn, err := dial("identity")
	if err != nil {
		return nil, fmt.Errorf("dial identity: %w", err)
	}
	return &Behalf{client: identityv1.NewInternalServiceClient(conn)}, nil
}

// As returns a context in which calls are made for the user, by this service.
func (b *Behalf) As(ctx context.Context, org, userID string) (context.Context, error) {
	resp, err := b.client.IssueToken(ctx, &identityv1.IssueTokenRequest{Service: "deals", OrganizationId: org, UserId: userID})
	if err != nil {
		return nil, err
	}
	who := authn.Principal{OrganizationID: org, UserID: userID, Service: "deals"}
	return authn.WithToken(ctx, who, resp.GetAccessToken()), nil
}
