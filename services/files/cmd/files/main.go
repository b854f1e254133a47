// Command files runs the files service on its own. "files migrate" brings its database up to date.
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
	"kontor.internal/services/files/app"
)

// version is set by the linker.
var version = "dev"

type settings struct {
	process.Config
	process.Database

	App app.Config
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "files:", err)
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
		return cfg.Migrate(ctx, app.Migrations())
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
	a, err := app.New(ctx, cfg.App, app.Deps{
		Log: p.Log, Clock: p.Clock, Brokers: p.Brokers, DB: db.App, System: db.System, Dial: p.Dial, Metrics: p.Metrics,
	})
	if err != nil {
		return err
	}
	p.Need("blob store", a.Check)
	a.Register(p.Server)
	return p.Run(ctx, a.Components()...)
}
