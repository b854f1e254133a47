package clients

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/authz"
	"kontor.internal/libs/imports"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// Dial returns the connection to a service.
type Dial func(service string) (grpc.ClientConnInterface, error)

// service is the name that this service acts under.
const service = "contacts"

// Identity lets jobs act for users, and finds users for imports.
type Identity struct {
	tokens    identityv1.InternalServiceClient
	users     identityv1.UsersServiceClient
	directory *authz.Directory
}

// NewIdentity returns a client of identity.
func NewIdentity(dial Dial, d *authz.Directory) (*Identity, error) {
	conn, err := dial("identity")
	if err != nil {
		return nil, fmt.Errorf("dial identity: %w", err)
	}
	return &Identity{
		tokens: identityv1.NewInternalServiceClient(conn), users: identityv1.NewUsersServiceClient(conn), directory: d,
	}, nil
}

// As returns a context in which this service acts for the user, here and in calls to other services.
func (c *Identity) As(ctx context.Context, org, userID string) (context.Context, error) {
	resp, err := c.tokens.IssueToken(ctx, &identityv1.IssueTokenRequest{Service: service, OrganizationId: org, UserId: userID})
	if err != nil {
		return nil, err
	}
	who := authn.Principal{OrganizationID: org, UserID: userID, Service: service}
	return authz.With(authn.WithToken(ctx, who, resp.GetAccessToken()), c.directory, authz.None()), nil
}

// LookUpUsers finds users for imports; see [imports.Lookup].
func (c *Identity) LookUpUsers(ctx context.Context, q imports.Query) (map[string]imports.Found, error) {
	terms := make([]*identityv1.UserTerm, len(q.Keys))
	for i, k := range q.Keys {
		switch q.By {
		case imports.ByExternalID:
			terms[i] = &identityv1.UserTerm{Term: &identityv1.UserTerm_External{
				External: &identityv1.ExternalKey{Source: q.Source, Id: k},
			}}
		case imports.ByEmail:
			terms[i] = &identityv1.UserTerm{Term: &identityv1.UserTerm_Email{Email: k}}
		default:
			terms[i] = &identityv1.UserTerm{Term: &identityv1.UserTerm_Name{Name: k}}
		}
	}
	resp, err := c.users.LookupUsers(ctx, &identityv1.LookupUsersRequest{Terms: terms})
	if err != nil {
		return nil, err
	}
	out := make(map[string]imports.Found)
	for i, m := range resp.GetMatches() {
		if i < len(q.Keys) && (m.GetId() != "" || m.GetAmbiguous()) {
			out[q.Keys[i]] = imports.Found{ID: m.GetId(), Ambiguous: m.GetAmbiguous()}
		}
	}
	return out, nil
}
