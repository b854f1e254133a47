package suite

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"kontor.internal/libs/jobs"
	"kontor.internal/libs/pg"
	"kontor.internal/libs/pg/migrate"
)

// provision makes and migrates the databases of all services and returns their addresses by service.
func provision(ctx context.Context, adminURL string, opts pg.ProvisionOptions, parts []part) (map[string]pg.URLs, error) {
	urls := make([]pg.URLs, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	for i, p := range parts {
		if p.migrations == nil {
			continue // keeps nothing
		}
		g.Go(func() (err error) {
			opts := opts
			opts.Groups = p.groups
			urls[i], err = pg.Provision(ctx, adminURL, p.name, opts)
			if err != nil {
				return fmt.Errorf("database of %s: %w", p.name, err)
			}
			return p.migrate(ctx, urls[i].Owner)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	byName := make(map[string]pg.URLs, len(parts))
	for i, p := range parts {
		byName[p.name] = urls[i]
	}
	return byName, nil
}

// migrate brings the part's database up to date, as the tables' owner: what the service's own binary does when it is told
// to migrate.
func (p part) migrate(ctx context.Context, ownerURL string) error {
	if err := migrate.Up(ctx, ownerURL, p.migrations()); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if !p.jobs {
		return nil
	}
	if err := jobs.Migrate(ctx, ownerURL); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}
