package signing_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/authn"
	"kontor.internal/services/identity/internal/signing"
)

// memory keeps keys for one test; the real store is tested with the service.
type memory struct{ keys []signing.Key }

func (m *memory) SigningKeys(context.Context) ([]signing.Key, error) {
	return slices.Clone(m.keys), nil
}

func (m *memory) ChangeSigningKeys(_ context.Context, fn func([]signing.Key) ([]signing.Key, []string)) error {
	add, remove := fn(slices.Clone(m.keys))
	m.keys = slices.DeleteFunc(append(m.keys, add...), func(k signing.Key) bool { return slices.Contains(remove, k.ID) })
	return nil
}

// ID-7: rotation without downtime. For a hundred days two replicas sign, and a service that fetches the keys now and then,
// every ten minutes around the change of keys, accepts every token as long as it is good.
func TestRotationNeedsNoPause(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := begin
	clock := func() time.Time { return now }
	m := &memory{}
	replicas := []*signing.Keys{
		signing.New(m, clock, slog.New(slog.DiscardHandler)), signing.New(m, clock, slog.New(slog.DiscardHandler)),
	}
	type issued struct {
		token string
		until time.Time
	}
	var jwks []byte
	var tokens []issued
	kids := make(map[string]bool)
	fetch := func(context.Context) ([]byte, error) { return jwks, nil }
	for step := 0; now.Before(time.Date(2026, 4, 11, 0, 0, 0, 0, time.UTC)); step++ {
		// Replicas look at different times.
		require.NoError(t, replicas[step%2].Load(t.Context()))
		if step%2 == 0 {
			public, err := replicas[(step/2)%2].Public(t.Context())
			require.NoError(t, err)
			for kid := range public {
				kids[kid] = true
			}
			require.LessOrEqual(t, len(public), 2)
			jwks, err = authn.JWKS(public)
			require.NoError(t, err)
		}
		token, expires, err := replicas[(step/3)%2].Issue(t.Context(), "org", "user", "session")
		require.NoError(t, err)
		tokens = append(tokens, issued{token, expires})
		tokens = slices.DeleteFunc(tokens, func(i issued) bool { return !now.Before(i.until) })
		v := authn.NewVerifier(fetch, clock)
		for _, i := range tokens {
			p, err := v.Verify(t.Context(), i.token)
			require.NoError(t, err, "at %s", now)
			require.Equal(t, "user", p.UserID)
		}
		// Slowly while keys change, quickly in between.
		if left := signing.Period - now.Sub(begin)%signing.Period; left < 2*signing.Lead || signing.Period-left < 2*signing.Overlap {
			now = now.Add(5 * time.Minute)
		} else {
			now = now.Add(min(6*time.Hour, left-signing.Lead))
		}
	}
	require.Len(t, kids, 4, "the first key and three that came after")
}

// After months without anybody looking, what is old goes and signing goes on.
func TestLongPause(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &memory{}
	k := signing.New(m, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	require.NoError(t, k.Load(t.Context()))
	first := m.keys[0].ID
	now = now.AddDate(1, 0, 0)
	require.NoError(t, k.Load(t.Context()))
	require.Len(t, m.keys, 2)
	_, _, err := k.Issue(t.Context(), "org", "user", "")
	require.NoError(t, err, "the old key signs until the new one is known everywhere")
	now = now.Add(signing.Lead + signing.Overlap)
	require.NoError(t, k.Load(t.Context()))
	require.Len(t, m.keys, 1)
	require.NotEqual(t, first, m.keys[0].ID)
}
