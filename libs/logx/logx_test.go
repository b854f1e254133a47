package logx_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authn"
	"kontor.internal/libs/logx"
	"kontor.internal/libs/telemetry"
)

func TestLinesSayWhoAndWhichTrace(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	log := logx.New(&buf, logx.Options{Service: "deals"}).With("component", "api").WithGroup("g")
	ctx := telemetry.Continue(t.Context(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ctx = authn.With(ctx, authn.Principal{OrganizationID: "acme", UserID: "ann", Service: "reporting"})
	log.InfoContext(ctx, "hello", logx.KeyAttempt, 2)
	log.DebugContext(ctx, "too quiet")

	var line map[string]any
	require.NoError(t, json.Unmarshal(buf.Bytes(), &line))
	require.Equal(t, "deals", line["service"])
	require.Equal(t, "api", line["component"])
	require.Equal(t, map[string]any{
		"trace_id": "0af7651916cd43dd8448eb211c80319c", "organization_id": "acme", "user_id": "ann",
		"acting_service": "reporting", "attempt": float64(2),
	}, line["g"])
}

func TestParseLevel(t *testing.T) {
	t.Parallel()
	l, err := logx.ParseLevel("warn")
	require.NoError(t, err)
	require.Equal(t, slog.LevelWarn, l)
	_, err = logx.ParseLevel("loud")
	require.Error(t, err)
}

func TestTextForPeople(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	logx.New(&buf, logx.Options{Text: true, Level: slog.LevelDebug}).DebugContext(t.Context(), "hello", "n", 1)
	require.Contains(t, buf.String(), "level=DEBUG msg=hello n=1")
}
