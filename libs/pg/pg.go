// Package pg is the access of a service to its own PostgreSQL: every statement belongs to one organisation, every write
// leaves its events.
//
// Row-level security is forced on all tenant tables, and the setting it goes by is made in the same round trip as the
// statement ([DB.Query]) or the start of the transaction ([DB.Read], [DB.Write]). A write stores rows, events, outbox
// pointers and the answer to the caller's request ID in one transaction, then wakes the relay ([DB.Write]; blind writes
// in one round trip: [DB.WriteBatch]).
package pg

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"kontor.internal/libs/clock"
)

// Group roles, of which a service's login role is a member. A pool takes one on with its connections.
const (
	// RoleApp is subject to row-level security. The default.
	RoleApp = "kontor_app"
	// RoleSystem sees all organisations: relay, consumers' bookkeeping, jobs.
	RoleSystem = "kontor_system"
	// RoleAccounts reaches identity's tables of persons, which belong to no organisation (decisions 8).
	RoleAccounts = "kontor_accounts"
)

// Config says how to reach a database.
type Config struct {
	// URL is the login role's.
	URL string
	// Role is the group role to work as; RoleApp if empty.
	Role string
	// MaxConns bounds the pool; 16 if zero.
	MaxConns int32
	// Clock tells when events happen; the system's if nil.
	Clock clock.Clock
	// Tracer sees every statement, if set.
	Tracer pgx.QueryTracer
	// Log gets what happens outside of calls; discarded if nil.
	Log *slog.Logger
	// Silent leaves out the NOTIFY after writes: in-process wake-ups (OnWrite) and the relay's poll remain.
	Silent bool
}

// DB is a pool of connections to one database in one role.
type DB struct {
	pool   *pgxpool.Pool
	clock  clock.Clock
	log    *slog.Logger
	wakes  atomic.Pointer[[]func()]
	notify *notifier
}

// Open returns a pool. It does not connect yet: use Ping to know whether the database answers.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	if cfg.Role == "" {
		cfg.Role = RoleApp
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	pc.ConnConfig.RuntimeParams["role"] = cfg.Role
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if pc.ConnConfig.RuntimeParams["application_name"] == "" {
		pc.ConnConfig.RuntimeParams["application_name"] = "kontor"
	}
	pc.ConnConfig.Tracer = cfg.Tracer
	pc.ConnConfig.ConnectTimeout = 5 * time.Second
	if pc.MaxConns = cfg.MaxConns; pc.MaxConns <= 0 {
		pc.MaxConns = 16
	}
	pc.AfterConnect = sendUUIDs
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	db := &DB{pool: pool, clock: cfg.Clock, log: cfg.Log}
	if !cfg.Silent {
		db.notify = startNotifier(ctx, pc.ConnConfig, cfg.Log)
	}
	return db, nil
}

// Close waits for connections in use and closes all.
func (db *DB) Close() {
	if db.notify != nil {
		db.notify.stop()
	}
	db.pool.Close()
}

// Pool is for what this package does not do: a connection of one's own, a library that wants a pool. Its statements see
// no organisation.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return visible(err)
	}
	return nil
}

// OnWrite makes fn be called after every commit that left something in the outbox. fn must not block.
func (db *DB) OnWrite(fn func()) {
	for {
		old := db.wakes.Load()
		var wakes []func()
		if old != nil {
			wakes = append(wakes, *old...)
		}
		wakes = append(wakes, fn)
		if db.wakes.CompareAndSwap(old, &wakes) {
			return
		}
	}
}

// written wakes the relays, here and elsewhere.
func (db *DB) written() {
	if wakes := db.wakes.Load(); wakes != nil {
		for _, wake := range *wakes {
			wake()
		}
	}
	if db.notify != nil {
		db.notify.poke()
	}
}

// Connect opens a connection outside the pool, for what needs one of its own: a session lock, LISTEN. It must reach the
// server directly, not through a pooler in transaction mode.
func (db *DB) Connect(ctx context.Context, params map[string]string) (*pgx.Conn, error) {
	cfg := db.pool.Config().ConnConfig
	cfg.Tracer = nil
	maps.Copy(cfg.RuntimeParams, params)
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, visible(err)
	}
	return conn, nil
}
