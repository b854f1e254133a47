package testkit

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// GRPC serves what register puts on the server, in memory, and returns a
// connection to it. A nil server stands for a bare one; a service's test passes
// one with the real interceptors. Both end with the test.
func GRPC(t testing.TB, srv *grpc.Server, register func(grpc.ServiceRegistrar), dial ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	if srv == nil {
		srv = grpc.NewServer()
	}
	register(srv)
	ln := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()

	opts := append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return ln.DialContext(ctx) }),
	}, dial...)
	conn, err := grpc.NewClient("passthrough:///bufconn", opts...)
	if err != nil {
		t.Fatalf("testkit: dial: %v", err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
		if err := <-served; err != nil {
			t.Errorf("testkit: serve: %v", err)
		}
	})
	return conn
}
