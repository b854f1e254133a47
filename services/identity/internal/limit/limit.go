// Package limit counts attempts in Redis (ID-9): per account against guessing one password, per address against trying
// one password on many accounts. An attempt is counted before it is checked, so that attempts side by side cannot slip
// through, and taken back when it was right.
//
// When Redis does not answer, the process counts by itself with the same limits: still limited, though each replica
// then counts apart. It says so in the log, and goes back to Redis as soon as that answers.
package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"kontor.internal/services/identity/internal/session"
)

// Rule is how many attempts are let through in a window.
type Rule struct {
	Attempts int64
	Window   time.Duration
}

// Rules are those of the installation, by kind of key.
type Rules map[string]Rule

// DefaultRules return the rules that hold unless the installation says otherwise. Many people may share an address.
func DefaultRules() Rules {
	return Rules{
		"account": {Attempts: 10, Window: 15 * time.Minute},
		"address": {Attempts: 100, Window: 15 * time.Minute},
		"refresh": {Attempts: 300, Window: 5 * time.Minute},
		"api-key": {Attempts: 300, Window: 5 * time.Minute},
		"smtp":    {Attempts: 20, Window: 5 * time.Minute},
		// Letters to one address that anybody may ask for, uses of links from one address, letters of an organisation.
		"reset":  {Attempts: 5, Window: time.Hour},
		"link":   {Attempts: 100, Window: 15 * time.Minute},
		"letter": {Attempts: 500, Window: time.Hour},
		// Sign-ins at providers that one address begins and does not complete, and an organisation's looks at its providers.
		"external": {Attempts: 100, Window: 15 * time.Minute},
		"oidc":     {Attempts: 20, Window: 5 * time.Minute},
	}
}

const (
	// patience is how long a sign-in waits for Redis before it is counted here.
	patience = 300 * time.Millisecond
	// pause is how long Redis is left alone after it did not answer.
	pause = 5 * time.Second
	// atMost bounds the keys counted here.
	atMost = 100_000
)

// Limiter counts attempts.
type Limiter struct {
	redis *redis.Client
	rules Rules
	now   func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	counts map[string]*count
	until  time.Time // Redis is left alone until then
}

type count struct {
	n   int64
	end time.Time
}

// New returns a limiter. A nil client has it count here alone.
func New(client *redis.Client, rules Rules, now func() time.Time, log *slog.Logger) *Limiter {
	return &Limiter{redis: client, rules: rules, now: now, log: log, counts: make(map[string]*count)}
}

// take adds an attempt to each key and returns, by key, the attempts in the window and the milliseconds left of it. A
// key without an end would never be let through again, hence the check for it.
const take = `
local out = {}
for i, key in ipairs(KEYS) do
	local n = redis.call('INCR', key)
	if n == 1 or redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[i]) end
	out[#out + 1] = n
	out[#out + 1] = redis.call('PTTL', key)
end
return out`

// forgive takes an attempt back, and forgets an account's altogether.
const forgive = `
for i, key in ipairs(KEYS) do
	if ARGV[i] == '1' then redis.call('DEL', key)
	elseif tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return 0`

// Take see [session.Limiter.Take].
func (l *Limiter) Take(ctx context.Context, keys ...session.Key) time.Duration {
	if l.reachable() {
		wait, err := l.takeRedis(ctx, keys)
		if err == nil {
			return wait
		}
		l.lost(ctx, err)
	}
	return l.takeHere(keys)
}

// Forgive see [session.Limiter.Forgive].
func (l *Limiter) Forgive(ctx context.Context, keys ...session.Key) {
	l.forgiveHere(keys)
	if !l.reachable() {
		return
	}
	names, all := make([]string, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		names[i], all[i] = name(k), 0
		if k.Kind == "account" {
			all[i] = 1
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.redis.Eval(ctx, forgive, names, all...).Err(); err != nil {
		l.lost(ctx, err)
	}
}

func (l *Limiter) takeRedis(ctx context.Context, keys []session.Key) (time.Duration, error) {
	names, windows := make([]string, len(keys)), make([]any, len(keys))
	for i, k := range keys {
		names[i], windows[i] = name(k), l.rules[k.Kind].Window.Milliseconds()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := l.redis.Eval(ctx, take, names, windows...).Int64Slice()
	if err != nil {
		return 0, err
	}
	var wait time.Duration
	for i, k := range keys {
		if got[2*i] > l.rules[k.Kind].Attempts {
			wait = max(wait, time.Duration(got[2*i+1])*time.Millisecond, time.Second)
		}
	}
	return wait, nil
}

func (l *Limiter) takeHere(keys []session.Key) time.Duration {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	var wait time.Duration
	for _, k := range keys {
		rule := l.rules[k.Kind]
		c := l.counts[name(k)]
		if c == nil || !now.Before(c.end) {
			c = &count{end: now.Add(rule.Window)}
			l.counts[name(k)] = c
		}
		if c.n++; c.n > rule.Attempts {
			wait = max(wait, c.end.Sub(now), time.Second)
		}
	}
	return wait
}

func (l *Limiter) forgiveHere(keys []session.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		switch c := l.counts[name(k)]; {
		case c == nil:
		case k.Kind == "account":
			delete(l.counts, name(k))
		case c.n > 0:
			c.n--
		}
	}
}

// sweep is for holders of mu. If everything is in use, what is left is dropped: a flood of names must not take all the
// memory, and the addresses it comes from are counted again from their next attempt.
func (l *Limiter) sweep(now time.Time) {
	if len(l.counts) < atMost {
		return
	}
	for k, c := range l.counts {
		if !now.Before(c.end) {
			delete(l.counts, k)
		}
	}
	if len(l.counts) >= atMost {
		clear(l.counts)
	}
}

func (l *Limiter) reachable() bool {
	if l.redis == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.now().Before(l.until)
}

func (l *Limiter) lost(ctx context.Context, err error) {
	l.mu.Lock()
	l.until = l.now().Add(pause)
	l.mu.Unlock()
	l.log.WarnContext(ctx, "redis does not answer; attempts are counted in this process", "error", err)
}

// name is the key in Redis. Names come from outside and may be personal: they are hashed.
func name(k session.Key) string {
	sum := sha256.Sum256([]byte(k.Name))
	return "kontor:identity:attempts:" + k.Kind + ":" + hex.EncodeToString(sum[:16])
}
