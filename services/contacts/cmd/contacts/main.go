// Command contacts serves leads, contacts and companies.
//
//	contacts            serve
//	contacts migrate    bring the database's schema up to date
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
	"kontor.internal/libs/process"
	"kontor.internal/proto/jwks"
	"kontor.internal/services/contacts/app"
)

var version = "dev" // set when built

type settings struct {
	process.Config
	process.Database

	App app.Config
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "contacts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	var cfg settings
	rest, err := config.Load(&cfg, config.Source{Env: os.LookupEnv, Args: args, Name: app.Name, Output: os.Stdout})
	if err != nil {
		return err
	}
	if len(rest) > 0 && rest[0] == "migrate" {
		if cfg.OwnerURL == "" {
			return errors.New("KONTOR_POSTGRES_OWNER_URL is required: the database as the tables' owner")
		}
		return app.Migrate(ctx, cfg.OwnerURL)
	}
	p, err := process.Open(ctx, app.Name, cfg.Config, process.Options{Version: version, Keys: jwks.Fetch})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	db, err := cfg.Open(ctx, p, app.Name)
	if err != nil {
		return err
	}
	p.Need("schema of contacts", func(ctx context.Context) error { return app.CheckSchema(ctx, db.App) })
	a, err := app.New(ctx, cfg.App, app.Deps{
		Log: p.Log, Clock: p.Clock, DB: db.App, SystemDB: db.System, Brokers: p.Brokers, Directory: p.Directory, Dial: p.Dial,
		Metrics: p.Metrics,
	})
	if err != nil {
		return err
	}
	a.Register(p.Server)
	return p.Run(ctx, a.Components()...)
}
