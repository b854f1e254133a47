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
			done, err := suite.Migrate(ctx, cfg, env.Stderr)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.Stdout, "up to date: %s\n", strings.Join(done, ", "))
			return err
		},
	}
}
