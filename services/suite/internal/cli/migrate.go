package cli

import (
	"context"
	"fmt"
	"strings"

	"kontor.internal/services/suite/internal/suite"
)

func migrateCommand() Command {
	return Command{
		Name: "migrate", Summary: "make the databases of all services and bring them up to date",
		Run: func(ctx context.Context, env Env, args []string) error {
			cfg, err := suiteConfig(env, "kontor migrate", args)
			if err != nil {
				return err
			}
			a, err := suite.Attach(ctx, cfg, env.Stderr) // brings them up to date
			if err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "up to date: %s\n", strings.Join(suite.Services(), ", "))
			return a.Close()
		},
	}
}
