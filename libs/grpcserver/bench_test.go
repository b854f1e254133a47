package grpcserver_test

import (
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"kontor.internal/libs/authn/authntest"
	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/logx"
	"kontor.internal/libs/testkit"
)

func insecureCredentials() grpc.DialOption {
	return grpc.WithTransportCredentials(insecure.NewCredentials())
}

// BenchmarkChain is a whole call in memory: what the chain costs is the difference to BenchmarkBare.
func BenchmarkChain(b *testing.B) {
	s := setup(b, func(o *grpcserver.Options) { o.Log = logx.New(io.Discard, logx.Options{}) })
	conn := s.dial(b, grpcclient.Options{})
	ctx := s.as(b, ann)
	b.ReportAllocs()
	for b.Loop() {
		if err := invoke(ctx, conn, "View"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBare(b *testing.B) {
	issuer := authntest.NewIssuer(b)
	conn := testkit.GRPC(b, nil, func(r grpc.ServiceRegistrar) {
		register(r, "TestService", &handlers{})
	})
	ctx := issuer.Context(b.Context(), org, ann)
	b.ReportAllocs()
	for b.Loop() {
		if err := invoke(ctx, conn, "View"); err != nil {
			b.Fatal(err)
		}
	}
}
