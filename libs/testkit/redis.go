package testkit

import (
	"context"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"kontor.internal/libs/embedded"
)

// redisServer is one per test process.
var redisServer shared[string]

// Redis returns a client of a Redis server: the one KONTOR_TEST_REDIS_URL names,
// else the embedded one. Tests share it, so keys come from [Unique].
func Redis(t testing.TB) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(RedisURL(t))
	if err != nil {
		t.Fatalf("testkit: KONTOR_TEST_REDIS_URL: %v", err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatalf("testkit: redis does not answer: %v", err)
	}
	return client
}

// RedisURL is the address of the server [Redis] connects to.
func RedisURL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("KONTOR_TEST_REDIS_URL"); url != "" {
		return url
	}
	requireReal(t, "redis-server", "KONTOR_TEST_REDIS_URL", "`make test` starts one and sets it")
	return redisServer.get(t, func() (string, error) {
		r, err := embedded.StartRedis(context.Background(), embedded.RedisOptions{})
		if err != nil {
			return "", err
		}
		return r.URL(), nil
	})
}
