package suite

import (
	"context"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"kontor.internal/libs/pg"
	"kontor.internal/libs/process"
	"kontor.internal/libs/runner"
	catalog "kontor.internal/services/catalog/app"
	contacts "kontor.internal/services/contacts/app"
	deals "kontor.internal/services/deals/app"
	files "kontor.internal/services/files/app"
	gateway "kontor.internal/services/gateway/app"
	identity "kontor.internal/services/identity/app"
	reporting "kontor.internal/services/reporting/app"
)

// part is one service of the suite.
type part struct {
	name string
	// groups are the database roles it may work as besides kontor_app and kontor_system.
	groups []string
	// migrations is nil for a service without a database.
	migrations func() fs.FS
	// jobs says that its database has River's tables, too.
	jobs  bool
	build func(ctx context.Context, w wiring) (service, error)
}

// service is what every app is to the suite.
type service interface {
	Register(to grpc.ServiceRegistrar)
	Components() []runner.Component
}

// wiring is what a part is built from.
type wiring struct {
	*process.Process

	// Log and Metrics bear the service's name.
	Log     *slog.Logger
	Metrics prometheus.Registerer

	cfg *Config
	// secret is the installation's.
	secret string
	pools  process.Pools
	db     process.Database
}

// accountsConns is for sign-ins, which the hashing of passwords bounds anyway.
const accountsConns = 6

// partConfigs are the configurations of the services.
type partConfigs struct {
	Catalog   catalog.Config
	Contacts  contacts.Config
	Deals     deals.Config
	Files     files.Config
	Gateway   gateway.Config
	Identity  identity.Config
	Reporting reporting.Config
}

// parts lists the services in the order they start.
func parts() []part {
	return []part{
		{name: identity.Name, groups: identity.Groups(), migrations: identity.Migrations, jobs: true, build: buildIdentity},
		{name: files.Name, migrations: files.Migrations, build: buildFiles},
		{name: contacts.Name, migrations: contacts.Migrations, jobs: true, build: buildContacts},
		{name: catalog.Name, migrations: catalog.Migrations, jobs: true, build: buildCatalog},
		{name: deals.Name, migrations: deals.Migrations, jobs: true, build: buildDeals},
		{name: reporting.Name, migrations: reporting.Migrations, build: buildReporting},
	}
}

func buildIdentity(ctx context.Context, w wiring) (service, error) {
	accounts, err := w.db.Role(ctx, w.Process, pg.RoleAccounts, accountsConns)
	if err != nil {
		return nil, err
	}
	cfg := w.cfg.Parts.Identity
	if cfg.Secret == "" {
		cfg.Secret = derive(w.secret, "identity")
	}
	return identity.New(ctx, cfg, identity.Deps{
		Log: w.Log, Clock: w.Clock, Brokers: w.Brokers, DB: w.pools.App, System: w.pools.System, Accounts: accounts,
		Redis: w.Redis, Directory: w.Directory, Verifier: w.Verifier, ServiceSecret: w.ServiceSecret,
		Dial: w.DialAs(identity.Name), Metrics: w.Metrics,
	})
}

func buildCatalog(_ context.Context, w wiring) (service, error) {
	return catalog.New(w.cfg.Parts.Catalog, catalog.Deps{
		Log: w.Log, Clock: w.Clock, DB: w.pools.App, SystemDB: w.pools.System, Brokers: w.Brokers, Directory: w.Directory,
		Dial: w.DialAs(catalog.Name), Metrics: w.Metrics,
	})
}

func buildContacts(ctx context.Context, w wiring) (service, error) {
	return contacts.New(ctx, w.cfg.Parts.Contacts, contacts.Deps{
		Log: w.Log, DB: w.pools.App, SystemDB: w.pools.System, Brokers: w.Brokers, Directory: w.Directory,
		Dial: w.DialAs(contacts.Name), Clock: w.Clock, Metrics: w.Metrics,
	})
}

func buildDeals(ctx context.Context, w wiring) (service, error) {
	return deals.New(ctx, w.cfg.Parts.Deals, deals.Deps{
		Log: w.Log, DB: w.pools.App, SystemDB: w.pools.System, Brokers: w.Brokers, Directory: w.Directory,
		Dial: w.DialAs(deals.Name), Clock: w.Clock, Metrics: w.Metrics,
	})
}

func buildFiles(ctx context.Context, w wiring) (service, error) {
	cfg := w.cfg.Parts.Files
	if cfg.BlobURL == "" {
		dir, err := filepath.Abs(filepath.Join(w.cfg.DataDir, "files"))
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		cfg.BlobURL = (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
	}
	if cfg.LinkSecret == "" {
		cfg.LinkSecret = derive(w.secret, "files")
	}
	app, err := files.New(ctx, cfg, files.Deps{
		Log: w.Log, Clock: w.Clock, Brokers: w.Brokers, DB: w.pools.App, System: w.pools.System,
		Dial: w.DialAs(files.Name), Metrics: w.Metrics,
	})
	if err != nil {
		return nil, err
	}
	w.Need("blob store", app.Check)
	return app, nil
}

func buildReporting(_ context.Context, w wiring) (service, error) {
	return reporting.New(w.cfg.Parts.Reporting, reporting.Deps{
		Log: w.Log, Now: w.Clock, DB: w.pools.App, SystemDB: w.pools.System, Brokers: w.Brokers, Directory: w.Directory,
		Metrics: w.Metrics,
	}), nil
}

func names(parts []part) []string {
	all := make([]string, len(parts))
	for i, p := range parts {
		all[i] = p.name
	}
	return all
}
