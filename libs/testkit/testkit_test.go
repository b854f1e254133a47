package testkit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"kontor.internal/libs/telemetry"
	"kontor.internal/libs/testkit"
)

func TestEventuallyReturnsAtTheFirstSuccess(t *testing.T) {
	t.Parallel()
	calls := 0
	testkit.Eventually(t, func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	require.Equal(t, 3, calls)
}

func TestEventuallyFailsWithTheLastError(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	func() {
		defer func() { require.Equal(t, stopped, recover()) }()
		testkit.EventuallyWithin(r, 10*time.Millisecond, func() error { return errors.New("never ever") })
	}()
	require.Contains(t, r.said, "never ever")
}

func TestGRPCServesInMemory(t *testing.T) {
	t.Parallel()
	conn := testkit.GRPC(t, nil, func(r grpc.ServiceRegistrar) { healthpb.RegisterHealthServer(r, health.NewServer()) })
	res, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, res.GetStatus())
}

func TestRedisIsUsableAndShared(t *testing.T) {
	t.Parallel()
	key := testkit.Unique("key")
	require.NoError(t, testkit.Redis(t).Set(t.Context(), key, "v", time.Minute).Err())
	require.Equal(t, "v", testkit.Redis(t).Get(t.Context(), key).Val())
}

func TestUniqueKeepsTheNameAndDiffers(t *testing.T) {
	t.Parallel()
	a, b := testkit.Unique("kontor.deals.v1"), testkit.Unique("kontor.deals.v1")
	require.True(t, strings.HasPrefix(a, "kontor.deals.v1."))
	require.NotEqual(t, a, b)
}

func TestGoldenComparesJSONByMeaning(t *testing.T) {
	t.Parallel()
	testkit.Golden(t, "sample.json", []byte(`{"b":2,"a":1}`))
	testkit.Golden(t, "sample.txt", []byte("as it is\n"))
}

func TestOTLPCollectsSpans(t *testing.T) { // not parallel: tracing is the process's
	spans := testkit.OTLP(t)
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "testkit", Endpoint: spans.Endpoint})
	require.NoError(t, err)
	_, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "work")
	span.End()
	require.NoError(t, tel.Shutdown(t.Context()))
	require.Equal(t, "work", spans.Await(t, "work").GetName())
}
