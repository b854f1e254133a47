// Package infra gets the suite its PostgreSQL, Kafka and Redis: those whose addresses are given, and embedded ones for
// the rest. It owns the data folder.
package infra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"kontor.internal/libs/embedded"
)

// Options say what is given. What is empty is started.
type Options struct {
	// DataDir keeps what embedded servers store.
	DataDir string
	// PostgresURL is an administrator's.
	PostgresURL string
	Brokers     []string
	RedisURL    string
	Log         *slog.Logger
}

// Infra is the running infrastructure.
type Infra struct {
	Addresses

	// The embedded servers; nil where an address was given.
	Postgres *embedded.Postgres
	Kafka    *embedded.Kafka
	Redis    *embedded.Redis

	dataDir string
	lock    *embedded.Lock // nil if another process runs all this
}

// Addresses are where it is.
type Addresses struct {
	PostgresURL string
	Brokers     []string
	RedisURL    string
}

// addressesFile lets other commands find what the running suite has started. It holds a password.
const addressesFile = "addresses"

// Claim takes the data folder, which is for one suite at a time. Start comes next. The error is embedded.ErrLocked if
// another process has it.
func Claim(dataDir string) (*Infra, error) {
	lock, err := embedded.LockDir(dataDir)
	if err != nil {
		return nil, err
	}
	return &Infra{dataDir: dataDir, lock: lock}, nil
}

// Start starts what is not given, all at once, and returns when everything answers. Close it in any case.
func (i *Infra) Start(ctx context.Context, o Options) error {
	i.Addresses = Addresses{PostgresURL: o.PostgresURL, Brokers: o.Brokers, RedisURL: o.RedisURL}
	g, gctx := errgroup.WithContext(ctx)
	if o.PostgresURL == "" {
		g.Go(func() error { return i.startPostgres(gctx, o) })
	}
	if len(o.Brokers) == 0 {
		g.Go(func() error { return i.startKafka(gctx, o) })
	}
	if o.RedisURL == "" {
		g.Go(func() error { return i.startRedis(gctx, o) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return i.tell()
}

// Attach is for commands beside the suite: what the running suite has started, or, if none runs, all of it until Close.
func Attach(ctx context.Context, o Options) (*Infra, error) {
	i, err := Claim(o.DataDir)
	switch {
	case errors.Is(err, embedded.ErrLocked):
		return ask(o)
	case err != nil:
		return nil, err
	}
	if err := i.Start(ctx, o); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

func ask(o Options) (*Infra, error) {
	i := &Infra{dataDir: o.DataDir}
	b, err := os.ReadFile(filepath.Join(o.DataDir, addressesFile))
	if err != nil {
		return nil, fmt.Errorf("the suite on %s is just starting or stopping; try again: %w", o.DataDir, err)
	}
	if err := json.Unmarshal(b, &i.Addresses); err != nil {
		return nil, fmt.Errorf("addresses of the running suite: %w", err)
	}
	return i, nil
}

func (i *Infra) tell() error {
	b, err := json.Marshal(i.Addresses)
	if err != nil {
		return err
	}
	file := filepath.Join(i.dataDir, addressesFile)
	if err := os.WriteFile(file+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func (i *Infra) startPostgres(ctx context.Context, o Options) (err error) {
	i.Postgres, err = embedded.StartPostgres(ctx, embedded.PostgresOptions{
		Dir: filepath.Join(o.DataDir, "postgres"), CacheDir: filepath.Join(o.DataDir, "cache"), Log: o.Log,
	})
	if err == nil {
		i.PostgresURL = i.Postgres.SocketURL()
	}
	return err
}

func (i *Infra) startKafka(ctx context.Context, o Options) (err error) {
	i.Kafka, err = embedded.StartKafka(ctx, embedded.KafkaOptions{Dir: filepath.Join(o.DataDir, "kafka"), Log: o.Log})
	if err == nil {
		i.Brokers = []string{i.Kafka.Addr()}
		// It has read all its segments, and reads them no more.
		debug.FreeOSMemory()
	}
	return err
}

func (i *Infra) startRedis(ctx context.Context, o Options) (err error) {
	i.Redis, err = embedded.StartRedis(ctx, embedded.RedisOptions{Dir: filepath.Join(o.DataDir, "redis")})
	if err == nil {
		i.RedisURL = i.Redis.URL()
	}
	return err
}

// Close stops the embedded servers and gives the folder up.
func (i *Infra) Close() error {
	if i.lock == nil {
		return nil
	}
	var errs []error
	if err := os.Remove(filepath.Join(i.dataDir, addressesFile)); !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	if i.Redis != nil {
		errs = append(errs, i.Redis.Close())
	}
	if i.Kafka != nil {
		errs = append(errs, i.Kafka.Close())
	}
	if i.Postgres != nil {
		errs = append(errs, i.Postgres.Close())
	}
	return errors.Join(append(errs, i.lock.Release())...)
}
