package process

import (
	"context"
	"errors"
	"io/fs"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"

	"kontor.internal/libs/pg"
	"kontor.internal/libs/pg/migrate"
	"kontor.internal/libs/telemetry"
)

// Database says where a service's own database is.
type Database struct {
	URL      string `env:"KONTOR_POSTGRES_URL" secret:"true" help:"the service's database, as its login role"`
	OwnerURL string `env:"KONTOR_POSTGRES_OWNER_URL" secret:"true" help:"the same as the tables' owner, for migrate"`
	MaxConns int32  `env:"KONTOR_POSTGRES_CONNECTIONS" default:"16" help:"connections at most, of requests"`
	// SystemConns is apart, so that a flood of requests does not stop events.
	SystemConns int32 `env:"KONTOR_POSTGRES_SYSTEM_CONNECTIONS" default:"8" help:"connections at most, of relay, consumers and jobs"`
}

// Pools are a service's database in the roles that every service works as.
type Pools struct {
	// App is for requests: row-level security shows it one organisation.
	App *pg.DB
	// System is for relay, consumers and jobs: it sees all organisations.
	System *pg.DB
}

// Open makes the pools; p closes them. The process is ready only when the database answers.
func (d Database) Open(ctx context.Context, p *Process, name string) (Pools, error) {
	if d.URL == "" {
		return Pools{}, errors.New("KONTOR_POSTGRES_URL is required: the service's own database")
	}
	app, err := d.Role(ctx, p, pg.RoleApp, d.MaxConns)
	if err != nil {
		return Pools{}, err
	}
	system, err := d.Role(ctx, p, pg.RoleSystem, d.SystemConns)
	if err != nil {
		return Pools{}, err
	}
	p.Need("postgres "+name, app.Ping)
	return Pools{App: app, System: system}, nil
}

// Role makes a pool in another role; p closes it.
func (d Database) Role(ctx context.Context, p *Process, role string, maxConns int32) (*pg.DB, error) {
	db, err := pg.Open(ctx, pg.Config{
		URL: d.URL, Role: role, MaxConns: maxConns, Clock: p.Clock, Log: p.Log, Tracer: tracer(p.Telemetry),
		Silent: p.alone,
	})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closers = append(p.closers, db.Close)
	return db, nil
}

// Migrate brings the schema up to date, as the owner: a step of its own, before the new version starts.
func (d Database) Migrate(ctx context.Context, migrations fs.FS) error {
	if d.OwnerURL == "" {
		return errors.New("KONTOR_POSTGRES_OWNER_URL is required: the database as the tables' owner")
	}
	return migrate.Up(ctx, d.OwnerURL, migrations)
}

// tracer is nil, the interface, when nothing is traced.
func tracer(t *telemetry.Telemetry) pgx.QueryTracer {
	if !t.Enabled() {
		return nil
	}
	return otelpgx.NewTracer(otelpgx.WithTracerProvider(t.TracerProvider()))
}
