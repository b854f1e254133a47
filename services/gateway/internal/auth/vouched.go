package auth

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	"kontor.internal/libs/authn"
	identityv1 "kontor.internal/proto/gen/kontor/identity/v1"
)

// Vouched is a connection to identity that proves with each call about sessions that it is the gateway who says where the
// caller is. From anybody else identity does not believe it, for who can name any address is never limited.
type Vouched struct {
	grpc.ClientConnInterface

	Service, Secret string
}

// Invoke see [grpc.ClientConnInterface].
func (v *Vouched) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if strings.HasPrefix(method, "/"+identityv1.SessionsService_ServiceDesc.ServiceName+"/") ||
		strings.HasPrefix(method, "/"+identityv1.ExternalSignInsService_ServiceDesc.ServiceName+"/") {
		ctx = authn.WithServiceSecret(ctx, v.Service, v.Secret)
	}
	return v.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}
