package idem_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/idem"
)

func TestOnlyARequestWithAnIDIsRemembered(t *testing.T) {
	t.Parallel()
	_, ok := idem.From(t.Context())
	require.False(t, ok)
	_, ok = idem.From(idem.With(t.Context(), idem.Request{Method: "m"}))
	require.False(t, ok)
	idem.Remember(t.Context(), idem.Answer{}) // does no harm
	idem.Done(t.Context())

	ctx := idem.With(t.Context(), idem.Request{Method: "m", ID: "1", Hash: []byte("h")})
	got, ok := idem.From(ctx)
	require.True(t, ok)
	require.Equal(t, idem.Request{Method: "m", ID: "1", Hash: []byte("h")}, got)
	_, ok = idem.Remembered(ctx)
	require.False(t, ok)
	idem.Remember(ctx, idem.Answer{Kind: "operation", RecordID: "o", Version: 2})
	a, ok := idem.Remembered(ctx)
	require.True(t, ok)
	require.Equal(t, idem.Answer{Kind: "operation", RecordID: "o", Version: 2}, a)
	idem.Done(ctx)
	_, ok = idem.From(ctx)
	require.False(t, ok, "a second write of the request is not the one it asks for")
}
