// Package limit holds requests to a rate for each organisation and each address, across all replicas of the gateway.
//
// The count lives in Redis, one number for each caller and window. A replica takes requests from it in small lots, so
// that few requests wait for Redis; a caller spread over R replicas may pass its limit by at most R lots. While Redis is
// gone each replica counts for itself: the limit loosens, the service goes on.
package limit

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor.internal/libs/apperr"
)

// ErrLimited is the answer to a request over the limit.
var ErrLimited = apperr.TooMany("RATE_LIMITED", "too many requests; slow down and try again after the time in Retry-After")

// Limiter counts requests.
type Limiter struct {
	// Redis holds the counts. Nil counts in this process alone.
	Redis redis.UniversalClient
	Log   *slog.Logger
	Now   func() time.Time
	// Window is the length of a counting window.
	Window time.Duration

	mu      sync.Mutex
	callers map[string]*caller
	swept   time.Time
}

// caller is what this replica knows of one caller's current window.
type caller struct {
	mu     sync.Mutex
	window int64
	taken  int // taken from the shared count, by this replica
	used   int // of those, used
	shared int // the shared count after the last lot was taken
}

const (
	// lots is into how many lots a limit is cut.
	lots = 50
	// redisTimeout bounds what a dead Redis may cost a request; it is asked again only once a lot.
	redisTimeout = 100 * time.Millisecond
)

// Decision says whether a request may pass, and what is left.
type Decision struct {
	Allowed          bool
	Limit, Remaining int
	Reset            time.Duration
}

// Take counts one request of the caller against limit requests per window.
func (l *Limiter) Take(ctx context.Context, key string, limit int) Decision {
	now := l.Now()
	window := now.UnixNano() / int64(l.Window)
	reset := time.Duration((window+1)*int64(l.Window) - now.UnixNano())
	c := l.caller(key, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.window != window {
		c.window, c.taken, c.used, c.shared = window, 0, 0, 0
	}
	if c.used == c.taken && c.shared < limit {
		l.takeLot(ctx, c, key, window, limit)
	}
	d := Decision{Limit: limit, Reset: reset}
	if c.used < c.taken {
		c.used++
		d.Allowed = true
		d.Remaining = max(0, limit-c.shared) + c.taken - c.used
	}
	return d
}

// takeLot takes the next lot from the shared count. The caller holds c.mu.
func (l *Limiter) takeLot(ctx context.Context, c *caller, key string, window int64, limit int) {
	lot := max(1, limit/lots)
	shared := c.shared + lot // without Redis: this replica's own count
	if l.Redis != nil {
		ctx, cancel := context.WithTimeout(ctx, redisTimeout)
		defer cancel()
		name := "kontor:limit:" + key + ":" + strconv.FormatInt(window, 36)
		var count *redis.IntCmd
		_, err := l.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			count = p.IncrBy(ctx, name, int64(lot))
			p.Expire(ctx, name, 2*l.Window)
			return nil
		})
		if err == nil {
			shared = int(count.Val())
		} else {
			l.Log.WarnContext(ctx, "rate limits are counted in this process alone", "error", err)
		}
	}
	over := max(0, shared-limit)
	c.taken += max(0, lot-over)
	c.shared = shared
}

func (l *Limiter) caller(key string, now time.Time) *caller {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.callers == nil || now.Sub(l.swept) > 10*l.Window {
		// Whoever is counted right now starts a new lot; nobody is counted twice.
		l.callers, l.swept = make(map[string]*caller), now
	}
	c, ok := l.callers[key]
	if !ok {
		c = &caller{}
		l.callers[key] = c
	}
	return c
}

// WriteHeaders tells the caller of the limit, as draft-ietf-httpapi-ratelimit-headers has it.
func (d Decision) WriteHeaders(h http.Header) {
	h.Set("RateLimit-Limit", strconv.Itoa(d.Limit))
	h.Set("RateLimit-Remaining", strconv.Itoa(d.Remaining))
	h.Set("RateLimit-Reset", strconv.Itoa(int(d.Reset/time.Second)+1))
}
