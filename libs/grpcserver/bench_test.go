package grpcserver_test

import (
	"context"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"kontor.internal/libs/authn/authntest"
	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/logx"
	"kontor.internal/libs/testkit"
	catalogv1 "kontor.internal/proto/gen/kontor/catalog/v1"
)

func insecureCredentials() grpc.DialOption {
	return grpc.WithTransportCredentials(insecure.NewCredentials())
}

// BenchmarkChain is a whole call in memory: what the chain costs is the difference to BenchmarkBare.
func BenchmarkChain(b *testing.B) {
	s := setup(b, func(o *grpcserver.Options) { o.Log = logx.New(io.Discard, logx.Options{}) })
	client := catalogv1.NewSectionsServiceClient(s.dial(b, grpcclient.Options{}))
	ctx := s.as(b, ann)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.GetSection(ctx, &catalogv1.GetSectionRequest{Id: sectionID}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBare(b *testing.B) {
	issuer := authntest.NewIssuer(b)
	conn := testkit.GRPC(b, nil, func(r grpc.ServiceRegistrar) {
		catalogv1.RegisterSectionsServiceServer(r, &sections{get: func(context.Context) error { return nil }})
	})
	client := catalogv1.NewSectionsServiceClient(conn)
	ctx := issuer.Context(b.Context(), org, ann)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.GetSection(ctx, &catalogv1.GetSectionRequest{Id: sectionID}); err != nil {
			b.Fatal(err)
		}
	}
}
