// Package suite runs every service in one process.
//
//	infrastructure ─► databases, migrations ─► topics ─► services on one gRPC server ─► first administrator ─► gateway
//
// It shares all code with the separate binaries: only the addresses differ. Each service has its own database and its
// own consumers, and reaches the others over gRPC, which needs no network here: see docs/adr/0009.
package suite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"kontor.internal/libs/pg"
	"kontor.internal/libs/process"
	"kontor.internal/services/suite/internal/infra"
)

// Config is what the operator may set.
type Config struct {
	process.Config

	DataDir     string `env:"KONTOR_DATA_DIR" flag:"data-dir" default:".kontor" help:"folder that keeps everything"`
	PostgresURL string `env:"KONTOR_POSTGRES_URL" secret:"true" help:"administrator's URL of a PostgreSQL server; started here if empty"`
	// DatabasePassword is for installations whose services are told their database URLs, such as docker-compose.yml.
	DatabasePassword string `env:"KONTOR_DATABASE_PASSWORD" secret:"true" help:"password of the services' database roles; made from the installation's secret if empty"`
	AdminEmail       string `env:"KONTOR_ADMIN_EMAIL" help:"first administrator, at the first start"`
	AdminPassword    string `env:"KONTOR_ADMIN_PASSWORD" secret:"true" help:"the first administrator's password; made up if empty"`

	// Parts hold what the services may be told.
	Parts partConfigs
}

// Validate checks what can be checked without touching anything.
func (c *Config) Validate() error {
	if c.DataDir == "" {
		return errors.New("KONTOR_DATA_DIR is empty")
	}
	return nil
}

// provision is how the services' databases are made.
func (c *Config) provision(secret string) pg.ProvisionOptions {
	return pg.ProvisionOptions{Secret: derive(secret, "databases"), Password: c.DatabasePassword}
}

func (c *Config) infra(log *slog.Logger) infra.Options {
	return infra.Options{
		DataDir: c.DataDir, PostgresURL: c.PostgresURL, Brokers: c.Brokers, RedisURL: c.RedisURL,
		Log: log,
	}
}

// checkPorts finds out whether the addresses are free before anything is started, and says what to do if not.
func (c *Config) checkPorts(ctx context.Context) error {
	var errs []error
	for _, a := range []struct{ addr, env string }{
		{c.Parts.Gateway.HTTPAddr, "KONTOR_HTTP_ADDR"},
		{c.GRPCAddr, "KONTOR_GRPC_ADDR"},
		{c.AdminAddr, "KONTOR_ADMIN_ADDR"},
	} {
		var lc net.ListenConfig
		ln, err := lc.Listen(ctx, "tcp", a.addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot listen on %s: %w; stop what uses it, or set %s to another address", a.addr, err, a.env))
			continue
		}
		errs = append(errs, ln.Close())
	}
	return errors.Join(errs...)
}
