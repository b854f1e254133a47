package suite

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// keys asks identity for the public keys of access tokens, a JWK set.
func keys(ctx context.Context, identity grpc.ClientConnInterface) ([]byte, error) {
	res, err := identityv1.NewKeysServiceClient(identity).GetJwks(ctx, &identityv1.GetJwksRequest{})
	if err != nil {
		return nil, err
	}
	return protojson.Marshal(res)
}

// derive makes the secret for one purpose from the installation's.
func derive(secret, purpose string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("kontor " + purpose))
	return hex.EncodeToString(mac.Sum(nil))
}
