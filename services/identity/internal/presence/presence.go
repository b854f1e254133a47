// Package presence keeps, in Redis, who is away for a short while. It may be lost: then everybody is available. Planned
// absences are stored with the user.
package presence

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// lasts is how long somebody stays away who never says to be back.
	lasts    = 12 * time.Hour
	patience = 200 * time.Millisecond
)

// Presence knows who is away.
type Presence struct {
	redis *redis.Client
	log   *slog.Logger
}

// New returns a presence. With a nil client nobody is away.
func New(client *redis.Client, log *slog.Logger) *Presence { return &Presence{redis: client, log: log} }

func key(org, user string) string { return "kontor:identity:away:" + org + ":" + user }

// Set notes that the user is away, or is back.
func (p *Presence) Set(ctx context.Context, org, user string, away bool) {
	if p.redis == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	if away {
		err = p.redis.Set(ctx, key(org, user), "1", lasts).Err()
	} else {
		err = p.redis.Del(ctx, key(org, user)).Err()
	}
	if err != nil {
		p.log.WarnContext(ctx, "presence not stored", "error", err)
	}
}

// Away returns those of the users who are away. Without Redis nobody is.
func (p *Presence) Away(ctx context.Context, org string, users []string) map[string]bool {
	if p.redis == nil || len(users) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	keys := make([]string, len(users))
	for i, u := range users {
		keys[i] = key(org, u)
	}
	got, err := p.redis.MGet(ctx, keys...).Result()
	if err != nil {
		p.log.WarnContext(ctx, "presence not read", "error", err)
		return nil
	}
	away := make(map[string]bool)
	for i, v := range got {
		if v != nil {
			away[users[i]] = true
		}
	}
	return away
}
