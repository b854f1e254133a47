package embedded_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"kontor.internal/libs/embedded"
)

func TestRedisKeysExpire(t *testing.T) {
	t.Parallel()
	client := redisClient(t, startRedis(t))
	require.NoError(t, client.Set(t.Context(), "k", "v", 200*time.Millisecond).Err())
	require.Equal(t, "v", client.Get(t.Context(), "k").Val())
	eventually(t, "the key is gone", func() bool { return client.Exists(t.Context(), "k").Val() == 0 })
}

func TestRedisStopsAndStartsAtTheSameAddressEmpty(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	client := redisClient(t, r)
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	url := r.URL()
	require.NoError(t, r.Stop())
	require.Error(t, client.Ping(t.Context()).Err())
	require.NoError(t, r.Start(t.Context()))
	require.Equal(t, url, r.URL())
	require.NoError(t, client.Ping(t.Context()).Err())
	require.Zero(t, client.Exists(t.Context(), "k").Val())
}

func startRedis(t *testing.T) *embedded.Redis {
	t.Helper()
	r, err := embedded.StartRedis(t.Context(), embedded.RedisOptions{Dir: openDir(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func redisClient(t *testing.T, r *embedded.Redis) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(r.URL())
	require.NoError(t, err)
	opts.MaxRetries = -1
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
