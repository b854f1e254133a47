package limit_test

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/testkit"
	"kontor.internal/services/identity/internal/limit"
	"kontor.internal/services/identity/internal/session"
)

func rules() limit.Rules {
	return limit.Rules{"account": {Attempts: 3, Window: time.Minute}, "address": {Attempts: 5, Window: time.Minute}}
}

// ID-9: per account and per address, in Redis and, when that is gone, in the process.
func TestAttemptsAreLimited(t *testing.T) {
	t.Parallel()
	gone := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { _ = gone.Close() })
	for name, client := range map[string]*redis.Client{"redis": testkit.Redis(t), "no redis": nil, "redis gone": gone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := limit.New(client, rules(), time.Now, slog.New(slog.DiscardHandler))
			ann := session.Key{Kind: "account", Name: testkit.Unique("ann")}
			here := session.Key{Kind: "address", Name: testkit.Unique("here")}
			for range 3 {
				require.Zero(t, l.Take(t.Context(), ann, here))
			}
			wait := l.Take(t.Context(), ann, here)
			require.Greater(t, wait, 30*time.Second)
			require.LessOrEqual(t, wait, time.Minute)

			// Another account from there: one more, then the address has had its five.
			require.Zero(t, l.Take(t.Context(), session.Key{Kind: "account", Name: testkit.Unique("bob")}, here))
			require.NotZero(t, l.Take(t.Context(), session.Key{Kind: "account", Name: testkit.Unique("eve")}, here))

			// A right password forgives the account's attempts and its own of the address.
			l.Forgive(t.Context(), ann)
			require.Zero(t, l.Take(t.Context(), ann))
		})
	}
}

// Attempts side by side cannot slip through.
func TestAttemptsAtOnce(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]*redis.Client{"redis": testkit.Redis(t), "no redis": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := limit.New(client, rules(), time.Now, slog.New(slog.DiscardHandler))
			key := session.Key{Kind: "account", Name: testkit.Unique("ann")}
			var through atomic.Int64
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if l.Take(t.Context(), key) == 0 {
						through.Add(1)
					}
				})
			}
			wg.Wait()
			require.EqualValues(t, 3, through.Load())
		})
	}
}
