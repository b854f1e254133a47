package grpcserver_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"kontor.internal/libs/authn/authntest"
	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/grpcserver"
	"kontor.internal/libs/logx"
	"kontor.internal/libs/telemetry"
)

// Before the server serves not all services may be registered, and after it has stopped their databases may be gone.
func TestLocalServesNoLongerThanTheServer(t *testing.T) {
	t.Parallel()
	s, err := grpcserver.New(grpcserver.Options{
		Log: logx.New(&lines{}, logx.Options{}), Verifier: authntest.NewIssuer(t).Verifier(), Directory: directory(),
	})
	require.NoError(t, err)
	client := healthpb.NewHealthClient(s.Local())
	_, err = client.Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.Equal(t, codes.Unavailable, status.Code(err))
	_, err = client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	require.Equal(t, codes.Unavailable, status.Code(err))

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Listen(ctx, "127.0.0.1:0") }()
	require.Eventually(t, func() bool {
		_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
		return err == nil
	}, 5*time.Second, time.Millisecond)
	stop()
	require.NoError(t, <-done)
	_, err = client.Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.Equal(t, codes.Unavailable, status.Code(err))
}

// A handler may change its request without the caller's changing.
func TestLocalCallsShareNoMessages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.local = true
	conn := b.dial(t, grpcclient.Options{Raw: true})
	var seen atomic.Pointer[request]
	b.handlers.onRequest(func(r *request) {
		seen.Store(r)
		r.with("name", "changed by the handler")
	})
	mine := newRequest().with("id", recordID).with("name", "mine")
	require.NoError(t, send(b.as(t, ann), conn, "View", mine))
	require.NotSame(t, mine, seen.Load())
	require.Equal(t, "mine", mine.Get(mine.field("name")).String())
	require.Equal(t, "changed by the handler", seen.Load().Get(mine.field("name")).String())
}

// What the caller has in its context stays there; only metadata and the deadline cross, as over a network.
func TestLocalCallsLeaveTheCallersContextBehind(t *testing.T) { eitherWay(t, testContext) }

func testContext(t *testing.T, b *bench) {
	type key struct{}
	deadline := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(context.WithValue(b.as(t, ann), key{}, "secret"), deadline)
	defer cancel()
	b.handlers.on("View", func(ctx context.Context) error {
		require.Nil(t, ctx.Value(key{}))
		d, ok := ctx.Deadline()
		require.True(t, ok)
		require.WithinDuration(t, deadline, d, time.Second)
		require.Equal(t, []string{"x"}, metadata.ValueFromIncomingContext(ctx, "some-key"))
		return grpc.SetTrailer(ctx, metadata.Pairs("left", "over"))
	})
	var trailer metadata.MD
	require.NoError(t, b.dial(t, grpcclient.Options{}).Invoke(metadata.AppendToOutgoingContext(ctx, "some-key", "x"),
		"/kontor.test.v1.TestService/View", newRequest().with("id", recordID), newResponse(), grpc.Trailer(&trailer)))
	require.Equal(t, []string{"over"}, trailer.Get("left"))
}

func TestGivingUpReachesTheHandler(t *testing.T) { eitherWay(t, testGivingUp) }

func testGivingUp(t *testing.T, b *bench) {
	began, ended := make(chan struct{}), make(chan struct{})
	b.handlers.on("View", func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(b.as(t, ann))
	go func() {
		<-began
		cancel()
	}()
	err := invoke(ctx, b.dial(t, grpcclient.Options{Raw: true}), "View")
	require.Equal(t, codes.Canceled, status.Code(err))
	<-ended
}

// One trace goes through both ends, whether spans are recorded or not.
func TestTraceGoesThrough(t *testing.T) {
	t.Parallel()
	for name, endpoint := range map[string]string{"recorded": "http://127.0.0.1:1", "not recorded": ""} {
		t.Run(name, func(t *testing.T) {
			tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "test", Endpoint: endpoint})
			require.NoError(t, err)
			b := setup(t, func(o *grpcserver.Options) { o.Telemetry = tel })
			b.local = true
			b.handlers.on("View", func(ctx context.Context) error {
				sc := trace.SpanContextFromContext(ctx)
				require.Equal(t, "0af7651916cd43dd8448eb211c80319c", sc.TraceID().String())
				// A span of its own, where one is recorded.
				require.Equal(t, tel.Enabled(), sc.SpanID().String() != "b7ad6b7169203331")
				require.Equal(t, tel.Enabled(), trace.SpanFromContext(ctx).IsRecording())
				return nil
			})
			ctx := telemetry.Continue(b.as(t, ann), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			require.NoError(t, invoke(ctx, b.dial(t, grpcclient.Options{Telemetry: tel}), "View"))
		})
	}
}

func BenchmarkLocal(b *testing.B) {
	s := setup(b)
	s.local = true
	conn := s.dial(b, grpcclient.Options{})
	ctx := s.as(b, ann)
	b.ReportAllocs()
	for b.Loop() {
		if err := invoke(ctx, conn, "View"); err != nil {
			b.Fatal(err)
		}
	}
}
