// Command gateway serves the REST face, the change stream and the browser client.
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
	"kontor.internal/services/gateway/app"
)

var version = "dev" // set when built

type settings struct {
	process.Config

	App app.Config
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	var cfg settings
	if _, err := config.Load(&cfg, config.Source{Env: os.LookupEnv, Args: args, Name: "gateway", Output: os.Stdout}); err != nil {
		return err
	}
	p, err := process.Open(ctx, "gateway", cfg.Config, process.Options{Version: version, Keys: jwks.Fetch})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	if p.Redis == nil {
		return errors.New("KONTOR_REDIS_URL is required: limits and change streams are kept there")
	}
	a, err := app.New(ctx, cfg.App, app.Deps{
		Log: p.Log, Now: p.Clock, Brokers: p.Brokers, Redis: p.Redis, Directory: p.Directory, Verifier: p.Verifier,
		Dial: p.DialRaw, ServiceSecret: p.ServiceSecret, Readiness: p.Readiness(), Metrics: p.Metrics,
		Telemetry: p.Telemetry,
	})
	if err != nil {
		return err
	}
	p.Front = append(p.Front, a.Components()...)
	return p.Run(ctx)
}
