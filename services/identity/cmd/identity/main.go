// Command identity runs the identity service on its own. "identity migrate" brings its database up to date.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"kontor.internal/libs/config"
	"kontor.internal/libs/jobs"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/process"
	"kontor.internal/proto/jwks"
	"kontor.internal/services/identity/app"
)

// version is set by the linker.
var version = "dev"

type settings struct {
	process.Config
	process.Database

	App app.Config
	// The first start.
	AdminEmail    string `env:"KONTOR_ADMIN_EMAIL" help:"first administrator, at the first start; nobody is made if empty"`
	AdminPassword string `env:"KONTOR_ADMIN_PASSWORD" secret:"true" help:"the first administrator's password; made up and printed if empty"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "identity:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var cfg settings
	rest, err := config.Load(&cfg, config.Source{Env: os.LookupEnv, Args: args, Name: app.Name, Output: os.Stdout})
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		if rest[0] != "migrate" {
			return fmt.Errorf("unknown command %q; there is migrate", rest[0])
		}
		if err := cfg.Migrate(ctx, app.Migrations()); err != nil {
			return err
		}
		return jobs.Migrate(ctx, cfg.OwnerURL)
	}
	return serve(ctx, cfg)
}

func serve(ctx context.Context, cfg settings) (err error) {
	p, err := process.Open(ctx, app.Name, cfg.Config, process.Options{Version: version, Keys: jwks.Fetch, Local: []string{app.Name}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	db, err := cfg.Open(ctx, p, app.Name)
	if err != nil {
		return err
	}
	accounts, err := cfg.Role(ctx, p, pg.RoleAccounts, cfg.MaxConns)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, cfg.App, app.Deps{
		Log: p.Log, Clock: p.Clock, Brokers: p.Brokers, DB: db.App, System: db.System, Accounts: accounts, Redis: p.Redis,
		Directory: p.Directory, Verifier: p.Verifier, ServiceSecret: p.ServiceSecret, Dial: p.Dial, Metrics: p.Metrics,
	})
	if err != nil {
		return err
	}
	if cfg.AdminEmail != "" {
		if err := bootstrap(ctx, a, cfg); err != nil {
			return err
		}
	}
	a.Register(p.Server)
	return p.Run(ctx, a.Components()...)
}

// bootstrap makes the first organisation at the first start and says how to sign in.
func bootstrap(ctx context.Context, a *app.App, cfg settings) error {
	made, err := a.Bootstrap(ctx, app.First{Email: cfg.AdminEmail, Password: cfg.AdminPassword})
	if err != nil {
		return fmt.Errorf("make the first administrator: %w", err)
	}
	if made != nil && made.Password != "" {
		fmt.Printf("First start. Sign in as %s with the password %s\n", made.Email, made.Password)
	}
	return nil
}
