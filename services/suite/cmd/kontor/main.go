// Command kontor is the whole suite in one binary, and its command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"kontor.internal/services/suite/internal/cli"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second Ctrl-C ends the process at once.
	context.AfterFunc(ctx, stop)
	env := cli.Env{Lookup: os.LookupEnv, Stdout: os.Stdout, Stderr: os.Stderr, Version: version}
	code := cli.Main(ctx, env, os.Args[1:])
	stop()
	os.Exit(code)
}
