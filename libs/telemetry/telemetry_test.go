package telemetry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"kontor.internal/libs/telemetry"
	"kontor.internal/libs/testkit"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestContinue(t *testing.T) {
	t.Parallel()
	ctx := telemetry.Continue(t.Context(), parent)
	require.Equal(t, parent, telemetry.Parent(ctx))
	require.Equal(t, parent, telemetry.Parent(telemetry.Continue(ctx, "")), "a trace goes on")

	fresh, other := telemetry.Continue(t.Context(), ""), telemetry.Continue(t.Context(), "rubbish")
	require.NotEqual(t, telemetry.Parent(fresh)[:35], telemetry.Parent(other)[:35], "each is a trace of its own")
	require.True(t, strings.HasSuffix(telemetry.Parent(fresh), "-00"), "nothing is recorded")
	require.Empty(t, telemetry.Parent(t.Context()))
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", parent[:54], parent + "0", "01" + parent[2:], strings.ReplaceAll(parent, "-", "_"),
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0af7651916cd43dd8448eb211c8031zz-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033zz-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz",
	} {
		_, ok := telemetry.Parse(s)
		require.False(t, ok, s)
	}
}

// Not parallel: Setup sets the process-wide defaults.
func TestSpansReachTheCollector(t *testing.T) {
	spans := testkit.OTLP(t)
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "deals", Version: "v1", Endpoint: spans.Endpoint})
	require.NoError(t, err)
	require.True(t, tel.Enabled())
	require.NotEmpty(t, tel.ServerOptions())
	require.NotEmpty(t, tel.DialOptions())
	_, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "deals.store.Update")
	span.End()
	require.NoError(t, tel.Shutdown(t.Context()))
	spans.Await(t, "deals.store.Update")
}

func TestOffCostsNothing(t *testing.T) {
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "deals"})
	require.NoError(t, err)
	require.False(t, tel.Enabled())
	require.Empty(t, tel.ServerOptions())
	require.Empty(t, tel.DialOptions())
	require.NoError(t, tel.Shutdown(t.Context()))

	var none *telemetry.Telemetry
	require.False(t, none.Enabled())
	_, span := none.TracerProvider().Tracer("x").Start(t.Context(), "y")
	defer span.End()
	require.False(t, span.IsRecording())
	require.False(t, trace.SpanContextFromContext(t.Context()).IsValid())
}

func TestShutdownDoesNotHangWithoutACollector(t *testing.T) {
	tel, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "deals", Endpoint: "http://127.0.0.1:1"})
	require.NoError(t, err)
	_, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "lost")
	span.End()
	start := time.Now()
	require.NoError(t, tel.Shutdown(t.Context()))
	require.Less(t, time.Since(start), 4*time.Second)
}
