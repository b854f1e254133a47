package suite

import (
	"context"
	"crypto/rand"
	"errors"
	"io"

	"kontor.internal/libs/embedded"
	"kontor.internal/libs/process"
	"kontor.internal/services/suite/internal/infra"
)

// Migrate makes the databases of all services and brings them up to date, on the embedded server if no other is
// given. It returns the names of the services.
func Migrate(ctx context.Context, cfg Config, out io.Writer) (done []string, err error) {
	lock, err := embedded.LockDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	secret, err := keptSecret(cfg.DataDir, rand.Text)
	if err != nil {
		return nil, err
	}
	log, err := process.NewLog("kontor", cfg.Config, out)
	if err != nil {
		return nil, err
	}
	server, err := infra.StartPostgres(ctx, cfg.infra(log))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	all := parts()
	if _, err := provision(ctx, server.PostgresURL, derive(secret, "databases"), all); err != nil {
		return nil, err
	}
	return names(all), nil
}
