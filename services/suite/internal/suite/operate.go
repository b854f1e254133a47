package suite

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	"google.golang.org/grpc"

	"kontor.internal/libs/grpcclient"
	"kontor.internal/libs/pg"
)

// operator is the name under which commands call the services' own methods.
const operator = "kontor-cli"

// serviceSecret is the secret that services share: the configured one, or one made from the installation's.
func (c *Config) serviceSecret(installation string) string {
	if c.ServiceSecret != "" {
		return c.ServiceSecret
	}
	return derive(installation, "services")
}

// IdentitySecret is the secret that identity works with, by which seals of its audit log are checked: the configured one,
// or the one that the installation in the data folder has made. Of separate services it may be unknown.
func IdentitySecret(cfg Config, separate bool) (string, error) {
	if cfg.Parts.Identity.Secret != "" || separate {
		return cfg.Parts.Identity.Secret, nil
	}
	secret, err := keptSecret(cfg.DataDir, rand.Text)
	if err != nil {
		return "", err
	}
	return derive(secret, "identity"), nil
}

// Dial connects to the services of the running suite with the right to call what is for services only. Close the
// connection.
func Dial(cfg Config) (*grpc.ClientConn, error) {
	if _, err := os.Stat(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("there is no suite in %s; set KONTOR_DATA_DIR to its folder: %w", cfg.DataDir, err)
	}
	secret, err := keptSecret(cfg.DataDir, rand.Text)
	if err != nil {
		return nil, err
	}
	return grpcclient.Dial(cfg.GRPCAddr, grpcclient.Options{Service: operator, Secret: cfg.serviceSecret(secret)})
}

// System opens a service's database as kontor_system, which sees all organisations. Close it.
func (a *Attached) System(ctx context.Context, service string) (*pg.DB, error) {
	urls, ok := a.Databases[service]
	if !ok {
		return nil, unknownDatabase(service)
	}
	return pg.Open(ctx, pg.Config{URL: urls.Service, Role: pg.RoleSystem, MaxConns: 2, Log: a.Log})
}
