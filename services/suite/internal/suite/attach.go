package suite

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"

	"kontor.internal/libs/pg"
	"kontor.internal/libs/process"
	"kontor.internal/services/suite/internal/infra"
)

// Attached is what a command beside the suite works on: the infrastructure of the running suite, or of its own while
// none runs. Its databases are there and up to date.
type Attached struct {
	// Databases by service.
	Databases map[string]pg.URLs
	Brokers   []string
	Log       *slog.Logger

	infra *infra.Infra // nil if the services run apart
}

// Attach connects a command to the installation of cfg. Log lines go to out.
func Attach(ctx context.Context, cfg Config, out io.Writer) (*Attached, error) {
	log, err := process.NewLog("kontor", cfg.Config, out)
	if err != nil {
		return nil, err
	}
	i, err := infra.Attach(ctx, cfg.infra(log))
	if err != nil {
		return nil, err
	}
	a := &Attached{Brokers: i.Brokers, Log: log, infra: i}
	secret, err := keptSecret(cfg.DataDir, rand.Text)
	if err == nil {
		a.Databases, err = provision(ctx, i.PostgresURL, cfg.provision(secret), parts())
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close stops what Attach has started.
func (a *Attached) Close() error {
	if a.infra == nil {
		return nil
	}
	return a.infra.Close()
}

// Services lists the services in the order they start.
func Services() []string { return names(parts()) }
