// Command bench measures a built suite and prints a table: see docs/benchmarks.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"kontor.internal/services/suite/internal/bench"
)

func main() {
	o := bench.Options{Out: os.Stdout}
	flag.StringVar(&o.Binary, "binary", "bin/kontor", "the suite to measure")
	flag.StringVar(&o.SalesData, "sales", "", "folder of the real sales history")
	flag.StringVar(&o.Mappings, "mappings", "docs/examples/sales", "its mappings")
	flag.IntVar(&o.Contacts, "contacts", 100_000, "contacts to load")
	flag.IntVar(&o.Deals, "deals", 50_000, "deals to load")
	flag.IntVar(&o.Seconds, "seconds", 15, "length of each load")
	flag.StringVar(&o.Profiles, "profiles", "", "folder for CPU profiles of the suite under each load")
	flag.Func("only", "parts to measure, of sales,contacts,deals,restart,list,board,freshness,get,create,base; all but base if empty", func(s string) error {
		o.Only = strings.Split(s, ",")
		return nil
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o bench.Options) error {
	dir, err := os.MkdirTemp("", "kontor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // PostgreSQL may run as another user
		return err
	}
	o.Dir = dir
	if err := bench.Run(ctx, o); err != nil {
		if log, readErr := os.ReadFile(dir + "/suite.log"); readErr == nil {
			fmt.Fprintf(os.Stderr, "--- the suite's log\n%s\n", tail(log))
		}
		return err
	}
	return nil
}

func tail(log []byte) []byte {
	const most = 4000
	return log[max(0, len(log)-most):]
}
