// Package infra gets the suite its PostgreSQL, Kafka and Redis: those whose addresses are given, and embedded ones for
// the rest.
package infra

import (
	"context"
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
	PostgresURL string
	Brokers     []string
	RedisURL    string

	// The embedded servers; nil where an address was given.
	Postgres *embedded.Postgres
	Kafka    *embedded.Kafka
	Redis    *embedded.Redis
}

// Start starts what is not given, all at once, and returns when everything answers.
func Start(ctx context.Context, o Options) (*Infra, error) {
	i := &Infra{PostgresURL: o.PostgresURL, Brokers: o.Brokers, RedisURL: o.RedisURL}
	g, ctx := errgroup.WithContext(ctx)
	if o.PostgresURL == "" {
		g.Go(func() error { return i.startPostgres(ctx, o) })
	}
	if len(o.Brokers) == 0 {
		g.Go(func() error { return i.startKafka(ctx, o) })
	}
	if o.RedisURL == "" {
		g.Go(func() error { return i.startRedis(ctx, o) })
	}
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// StartPostgres starts PostgreSQL alone, unless it is given.
func StartPostgres(ctx context.Context, o Options) (*Infra, error) {
	i := &Infra{PostgresURL: o.PostgresURL}
	if o.PostgresURL != "" {
		return i, nil
	}
	if err := i.startPostgres(ctx, o); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

func (i *Infra) startPostgres(ctx context.Context, o Options) (err error) {
	i.Postgres, err = embedded.StartPostgres(ctx, embedded.PostgresOptions{
		Dir: filepath.Join(o.DataDir, "postgres"), CacheDir: filepath.Join(o.DataDir, "cache"), Log: o.Log,
	})
	if err == nil {
		i.PostgresURL = i.Postgres.URL()
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
	dir := filepath.Join(o.DataDir, "redis")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("redis folder: %w", err)
	}
	i.Redis, err = embedded.StartRedis(ctx, embedded.RedisOptions{Dir: dir})
	if err == nil {
		i.RedisURL = i.Redis.URL()
	}
	return err
}

// Close stops the embedded servers.
func (i *Infra) Close() error {
	var errs []error
	if i.Redis != nil {
		errs = append(errs, i.Redis.Close())
	}
	if i.Kafka != nil {
		errs = append(errs, i.Kafka.Close())
	}
	if i.Postgres != nil {
		errs = append(errs, i.Postgres.Close())
	}
	return errors.Join(errs...)
}
