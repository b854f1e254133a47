package cli

import (
	"context"
	"fmt"
	"strings"

	"kontor.internal/services/suite/internal/suite"
)

type migrateConfig struct {
	suite.Config

	Separate bool `env:"KONTOR_SEPARATE" flag:"separate" help:"the databases are there already: bring up to date those in KONTOR_<SERVICE>_POSTGRES_OWNER_URL, such as KONTOR_DEALS_POSTGRES_OWNER_URL"`
}

func migrateCommand() Command {
	return Command{
		Name: "migrate", Summary: "make the databases of all services and bring them up to date",
		Run: func(ctx context.Context, env Env, args []string) error {
			var cfg migrateConfig
			if err := loadConfig(&cfg, env, "kontor migrate", args); err != nil {
				return err
			}
			services := suite.Services()
			if cfg.Separate {
				var err error
				if services, err = suite.MigrateSeparate(ctx, env.Lookup); err != nil {
					return err
				}
			} else {
				a, err := suite.Attach(ctx, cfg.Config, env.Stderr) // brings them up to date
				if err != nil {
					return err
				}
				if err := a.Close(); err != nil {
					return err
				}
			}
			_, err := fmt.Fprintf(env.Stdout, "up to date: %s\n", strings.Join(services, ", "))
			return err
		},
	}
}
