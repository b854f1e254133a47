package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// RedisOptions say how to run Redis.
type RedisOptions struct {
	// Dir keeps the port, nothing else: what Redis holds may be lost. May be empty (no folder).
	Dir string
}

// Redis is a running miniredis.
type Redis struct {
	addr string

	mu     sync.Mutex
	server *miniredis.Miniredis // nil while stopped
	stop   chan struct{}
	idle   sync.WaitGroup
}

// StartRedis starts a server and returns when it listens.
func StartRedis(ctx context.Context, opts RedisOptions) (*Redis, error) {
	r := &Redis{addr: loopback(0)}
	if opts.Dir == "" {
		return r, r.Start(ctx)
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded redis: %w", err)
	}
	err := onFreePort(ctx, filepath.Join(opts.Dir, "port"), func(port int) error {
		r.addr = loopback(port)
		return r.Start(ctx)
	})
	return r, err
}

// URL is the address as clients take it.
func (r *Redis) URL() string { return "redis://" + r.addr + "/0" }

// Start starts a stopped server again, empty, at the same address.
func (r *Redis) Start(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server != nil {
		return nil
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(r.addr); err != nil {
		return fmt.Errorf("embedded redis: %w", err)
	}
	r.server, r.addr, r.stop = server, server.Addr(), make(chan struct{})
	r.idle.Add(1)
	go r.passTime(server, r.stop)
	return nil
}

// passTime lets keys expire. The server's clock stands still by itself, and the
// one it could run looks at every key on every command; so time is moved from
// here, the less often the longer it takes.
func (r *Redis) passTime(server *miniredis.Miniredis, stop <-chan struct{}) {
	defer r.idle.Done()
	const atMost = 50 * time.Millisecond
	var (
		last  = time.Now() //nolint:forbidigo // real time is what this keeps
		pause = atMost
	)
	for {
		select {
		case <-stop:
			return
		case now := <-time.After(pause):
			server.FastForward(now.Sub(last))
			last = now
			pause = max(atMost, 20*time.Since(now))
		}
	}
}

// Stop ends the server; its content is gone.
func (r *Redis) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return nil
	}
	close(r.stop)
	r.idle.Wait()
	r.server.Close()
	r.server = nil
	return nil
}

// Close see [Redis.Stop].
func (r *Redis) Close() error { return r.Stop() }
