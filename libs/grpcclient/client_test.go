package grpcclient_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/authn"
	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/telemetry"
	operationv1 "kontor.internal/proto/gen/kontor/operation/v1"
)

// neighbour answers as the test says and keeps what it was sent.
type neighbour struct {
	operationv1.UnimplementedOperationsServiceServer

	answer func(context.Context) error

	mu    sync.Mutex
	calls int
	md    metadata.MD
}

func (n *neighbour) GetOperation(ctx context.Context, _ *operationv1.GetOperationRequest) (*operationv1.GetOperationResponse, error) {
	n.mu.Lock()
	n.calls++
	n.md, _ = metadata.FromIncomingContext(ctx)
	n.mu.Unlock()
	return &operationv1.GetOperationResponse{}, n.answer(ctx)
}

func (n *neighbour) seen() (int, metadata.MD) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls, n.md
}

func start(t *testing.T, answer func(context.Context) error) (*neighbour, string) {
	t.Helper()
	n := &neighbour{answer: answer}
	srv := grpc.NewServer()
	operationv1.RegisterOperationsServiceServer(srv, n)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Stop()
		require.NoError(t, <-done)
	})
	return n, ln.Addr().String()
}

func dial(t *testing.T, target string, o grpcclient.Options) operationv1.OperationsServiceClient {
	t.Helper()
	conn, err := grpcclient.Dial(target, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return operationv1.NewOperationsServiceClient(conn)
}

func fine(context.Context) error { return nil }

func TestCallsCarryWhoAndWhichTrace(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	n, addr := start(t, fine)
	ctx := authn.WithToken(telemetry.Continue(t.Context(), parent), authn.Principal{UserID: "ann"}, "abc")

	_, err := dial(t, addr, grpcclient.Options{Service: "deals", Secret: "s3cret"}).GetOperation(ctx, &operationv1.GetOperationRequest{})
	require.NoError(t, err)
	_, md := n.seen()
	require.Equal(t, []string{"Bearer abc"}, md[authn.MetadataAuthorization])
	require.Equal(t, []string{parent}, md[telemetry.Header])
	require.Equal(t, []string{"deals"}, md[authn.MetadataService])
	require.Equal(t, []string{"s3cret"}, md[authn.MetadataServiceSecret])

	own := metadata.AppendToOutgoingContext(ctx, authn.MetadataAuthorization, "Bearer other", telemetry.Header, "x")
	_, err = dial(t, addr, grpcclient.Options{}).GetOperation(own, &operationv1.GetOperationRequest{})
	require.NoError(t, err)
	_, md = n.seen()
	require.Equal(t, []string{"Bearer other"}, md[authn.MetadataAuthorization], "what the caller says itself stays")
	require.Equal(t, []string{"x"}, md[telemetry.Header])
	require.Empty(t, md[authn.MetadataServiceSecret])
}

func TestErrorsOfNeighbours(t *testing.T) {
	t.Parallel()
	errGone := apperr.NotFound("COMPANY_NOT_FOUND", "company not found")
	tests := []struct {
		name   string
		answer error
		want   codes.Code // that our own caller is shown
		reason string
	}{
		{"an expected failure is passed on", apperr.ToStatus(errGone).Err(), codes.NotFound, "COMPANY_NOT_FOUND"},
		{"an internal error is ours", status.Error(codes.Internal, "nil pointer"), codes.Internal, ""},
		{"an outage is one", status.Error(codes.Unavailable, "shutting down"), codes.Unavailable, "SERVICE_UNAVAILABLE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, addr := start(t, func(context.Context) error { return tt.answer })
			_, err := dial(t, addr, grpcclient.Options{}).GetOperation(t.Context(), &operationv1.GetOperationRequest{})
			require.Equal(t, tt.want, apperr.ToStatus(err).Code())
			require.Equal(t, tt.reason, apperr.Reason(err))

			_, err = dial(t, addr, grpcclient.Options{Raw: true}).GetOperation(t.Context(), &operationv1.GetOperationRequest{})
			require.Equal(t, status.Code(tt.answer), status.Code(err))
		})
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	_, err = dial(t, ln.Addr().String(), grpcclient.Options{}).GetOperation(t.Context(), &operationv1.GetOperationRequest{})
	require.Equal(t, "SERVICE_UNAVAILABLE", apperr.Reason(err))
}

// A service that was gone is tried again soon, however long it was gone: gRPC of itself would wait 1 s, 1.6 s, 2.6 s … 2 min.
func TestWhoIsGoneIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	began := time.Now()
	var tries []time.Duration // by the connection's goroutine, until cancel
	c := dial(t, "passthrough:///gone", grpcclient.Options{Dialer: func(context.Context, string) (net.Conn, error) {
		if tries = append(tries, time.Since(began)); len(tries) == 6 {
			cancel()
		}
		return nil, errors.New("nobody there")
	}})
	_, err := c.GetOperation(ctx, &operationv1.GetOperationRequest{}, grpc.WaitForReady(true))
	require.Error(t, err)
	require.Less(t, time.Since(began), 9*time.Second, "six attempts; of itself gRPC takes 16 s")
}

func TestCallsHaveADeadline(t *testing.T) {
	t.Parallel()
	const own, usual = time.Hour, 2 * time.Second
	_, addr := start(t, func(ctx context.Context) error {
		d, ok := ctx.Deadline()
		switch left := time.Until(d); {
		case !ok:
			return status.Error(codes.FailedPrecondition, "no deadline")
		case left > usual:
			return nil // the caller's own
		}
		<-ctx.Done()
		return ctx.Err()
	})
	client := dial(t, addr, grpcclient.Options{Timeout: usual})
	ctx, cancel := context.WithTimeout(t.Context(), own)
	defer cancel()
	_, err := client.GetOperation(ctx, &operationv1.GetOperationRequest{})
	require.NoError(t, err)
	_, err = client.GetOperation(t.Context(), &operationv1.GetOperationRequest{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestCancelledCallsSaySo(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	_, addr := start(t, func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	})
	client := dial(t, addr, grpcclient.Options{Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := client.GetOperation(ctx, &operationv1.GetOperationRequest{})
		done <- err
	}()
	<-begun
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

// Replicas that come and go: calls go round all of them.
func TestCallsGoRoundAllReplicas(t *testing.T) {
	t.Parallel()
	a, addrA := start(t, fine)
	b, addrB := start(t, fine)
	r := manual.NewBuilderWithScheme("replicas")
	r.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: addrA}, {Addr: addrB}}})
	client := dial(t, "replicas:///x", grpcclient.Options{GRPC: []grpc.DialOption{grpc.WithResolvers(r)}})
	require.Eventually(t, func() bool {
		_, err := client.GetOperation(t.Context(), &operationv1.GetOperationRequest{})
		na, _ := a.seen()
		nb, _ := b.seen()
		return err == nil && na > 0 && nb > 0
	}, 5*time.Second, time.Millisecond)
}
