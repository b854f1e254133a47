package auth

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"kontor.internal/libs/authn"
)

// Located is a connection to a service that says with each call where the client is, and proves that it is the gateway
// who says so (ID-10). The proof opens no method.
type Located struct {
	grpc.ClientConnInterface

	// Proof is authn.AddressProof of the services' secret.
	Proof string
}

// Invoke see [grpc.ClientConnInterface].
func (l *Located) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return l.ClientConnInterface.Invoke(l.outgoing(ctx), method, args, reply, opts...)
}

// NewStream see [grpc.ClientConnInterface].
func (l *Located) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return l.ClientConnInterface.NewStream(l.outgoing(ctx), desc, method, opts...)
}

func (l *Located) outgoing(ctx context.Context) context.Context {
	address, _ := ctx.Value(addressKey{}).(string)
	if address == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, authn.MetadataAddress, address, authn.MetadataAddressProof, l.Proof)
}
