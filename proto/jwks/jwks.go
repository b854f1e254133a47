// Package jwks fetches the public keys that access tokens are signed with, for the processes that check them.
package jwks

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// Fetch asks identity for the keys, and returns them as a JWK set (RFC 7517).
func Fetch(ctx context.Context, identity grpc.ClientConnInterface) ([]byte, error) {
	res, err := identityv1.NewKeysServiceClient(identity).GetJwks(ctx, &identityv1.GetJwksRequest{})
	if err != nil {
		return nil, fmt.Errorf("fetch keys of access tokens: %w", err)
	}
	return protojson.Marshal(res)
}
