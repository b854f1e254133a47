package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"kontor.internal/libs/inbox"
	"kontor.internal/libs/pg"
	"kontor.internal/services/suite/internal/suite"
)

type parkedConfig struct {
	operatorConfig

	Consumer string `flag:"consumer" help:"only what this consumer has parked, such as reporting"`
	Limit    int    `flag:"limit" default:"100" help:"at most this many events of each service, the oldest"`
}

func parkedCommand() Command {
	return Command{
		Name: "events parked", Summary: "list the events that could not be applied, and why",
		Run: func(ctx context.Context, env Env, args []string) error {
			var cfg parkedConfig
			if err := loadConfig(&cfg, env, "kontor events parked", args); err != nil {
				return err
			}
			return withDatabases(ctx, env, cfg.operatorConfig, func(each eachDatabase) error { return listParked(env, cfg, each) })
		},
	}
}

func listParked(env Env, cfg parkedConfig, each eachDatabase) error {
	tw := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SERVICE\tCONSUMER\tSINCE\tTYPE\tKEY\tREASON")
	found := false
	err := each(func(ctx context.Context, service string, db *pg.DB) error {
		parked, err := inbox.ListParked(ctx, db, cfg.Consumer, cfg.Limit)
		for _, p := range parked {
			found = true
			reason := p.Error
			if reason == "" {
				reason = "(waits for an earlier one of its key)"
			}
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", service, p.Consumer, p.ParkedAt.UTC().Format(time.RFC3339), p.Type, p.Key,
				strings.Join(strings.Fields(reason), " "))
		}
		return err
	})
	if err != nil {
		return err
	}
	if !found {
		fmt.Fprintln(env.Stdout, "nothing is parked")
		return nil
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout, "\nOnce the cause is mended: kontor events unpark --consumer CONSUMER [--key KEY]")
	return nil
}

type unparkConfig struct {
	operatorConfig

	Consumer string `flag:"consumer" required:"true" help:"whose events are tried again, such as reporting"`
	Key      string `flag:"key" help:"only those of one record, organisation/kind/id; all if empty"`
}

func unparkCommand() Command {
	return Command{
		Name: "events unpark", Summary: "have parked events tried again, in order",
		Run: func(ctx context.Context, env Env, args []string) error {
			var cfg unparkConfig
			if err := loadConfig(&cfg, env, "kontor events unpark", args); err != nil {
				return err
			}
			return withDatabases(ctx, env, cfg.operatorConfig, func(each eachDatabase) error { return unpark(env, cfg, each) })
		},
	}
}

func unpark(env Env, cfg unparkConfig, each eachDatabase) error {
	var total int64
	err := each(func(ctx context.Context, _ string, db *pg.DB) error {
		n, err := inbox.Unpark(ctx, db, cfg.Consumer, cfg.Key)
		total += n
		return err
	})
	if err != nil {
		return err
	}
	if total == 0 {
		fmt.Fprintf(env.Stdout, "%s has nothing of that parked\n", cfg.Consumer)
		return nil
	}
	fmt.Fprintf(env.Stdout, "%d events are tried again within seconds; `kontor events parked` tells what fails anew\n", total)
	return nil
}

// hasInbox tells whether the service consumes events at all.
func hasInbox(ctx context.Context, db *pg.DB) (has bool, err error) {
	err = db.Pool().QueryRow(ctx, `SELECT to_regclass('inbox_parked') IS NOT NULL`).Scan(&has)
	return has, err
}

// eachDatabase calls do with the database of every service that consumes events, opened as kontor_system.
type eachDatabase func(do func(ctx context.Context, service string, db *pg.DB) error) error

// withDatabases opens the installation's databases for fn, whether the services run or not. Of separate services, those
// whose databases are told.
func withDatabases(ctx context.Context, env Env, cfg operatorConfig, fn func(eachDatabase) error) error {
	a, err := cfg.attach(ctx, env)
	if err != nil {
		return err
	}
	err = fn(func(do func(ctx context.Context, service string, db *pg.DB) error) error {
		for _, service := range suite.Services() {
			if _, told := a.Databases[service]; !told {
				continue
			}
			db, err := a.System(ctx, service)
			if err != nil {
				return err
			}
			consumes, err := hasInbox(ctx, db)
			if err == nil && consumes {
				err = do(ctx, service, db)
			}
			db.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", service, err)
			}
		}
		return nil
	})
	return errors.Join(err, a.Close())
}
