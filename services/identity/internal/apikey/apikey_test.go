package apikey_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/id"
	"kontor.internal/services/identity/internal/apikey"
)

// ID-8: the secret is shown once, its hash is what is kept.
func TestSecret(t *testing.T) {
	t.Parallel()
	keyID := id.New()
	secret, hash := apikey.NewSecret(keyID)
	require.True(t, strings.HasPrefix(secret, "kontor_"+keyID+"_"))
	gotID, got, err := apikey.Parse(secret)
	require.NoError(t, err)
	require.Equal(t, keyID, gotID)
	require.True(t, apikey.Same(hash, got))
	_, other, err := apikey.Parse(secret + "x")
	require.NoError(t, err)
	require.False(t, apikey.Same(hash, other))
	for _, s := range []string{"", "kontor_", "kontor_" + keyID, "kontor_" + keyID + "_", "kontor_x_y", "other_" + keyID + "_s", strings.ToUpper(secret)} {
		_, _, err := apikey.Parse(s)
		require.ErrorIs(t, err, apikey.ErrRefused, s)
	}
}

// ID-8: allow-list of addresses, and expiry.
func TestUsable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	nets, err := apikey.ParseNetworks([]string{"203.0.113.7", "2001:db8::/32", "10.1.2.3/8"})
	require.NoError(t, err)
	k := &apikey.Key{Networks: nets, ExpiresAt: now.Add(time.Hour)}
	for _, a := range []string{"203.0.113.7", "::ffff:203.0.113.7", "2001:db8::1", "10.9.9.9"} {
		require.NoError(t, k.Usable(now, a), a)
	}
	for _, a := range []string{"203.0.113.8", "", "localhost", "2001:db9::1", "203.0.113.7 "} {
		require.ErrorIs(t, k.Usable(now, a), apikey.ErrRefused, a)
	}
	require.ErrorIs(t, k.Usable(now.Add(time.Hour), "10.9.9.9"), apikey.ErrRefused, "expired")
	k.RevokedAt = now
	require.ErrorIs(t, k.Usable(now, "10.9.9.9"), apikey.ErrRefused, "revoked")
	require.NoError(t, (&apikey.Key{}).Usable(now, "anywhere"))

	for _, s := range []string{"", "10.0.0.0/33", "example.com", "fe80::1%eth0"} {
		_, err := apikey.ParseNetworks([]string{s})
		require.ErrorIs(t, err, apikey.ErrInvalid, s)
	}
}
